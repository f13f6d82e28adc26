"""Rectangles, polygons and letterboxes. Pure arithmetic on fractions of the frame.

Coordinates are fractions: x to the right, y down, (0, 0) the top left, (1, 1) the bottom
right of the full frame. Pixels appear only where a function's name or argument says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrameSize:
    """Width and height of a picture in pixels."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f"a frame needs positive sides, got {self.width}x{self.height}")

    @property
    def area_px(self) -> int:
        return self.width * self.height

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class BBox:
    """An axis-aligned rectangle in fractions of the frame: top left corner, width, height."""

    x: float
    y: float
    w: float
    h: float

    def __post_init__(self) -> None:
        if self.w < 0 or self.h < 0:
            raise ValueError(f"a bbox needs non-negative sides, got {self.w} x {self.h}")

    @classmethod
    def from_corners(cls, x1: float, y1: float, x2: float, y2: float) -> BBox:
        """From two opposite corners, the first being the top left one."""
        return cls(x1, y1, x2 - x1, y2 - y1)

    @classmethod
    def from_pixels(cls, x: float, y: float, w: float, h: float, size: FrameSize) -> BBox:
        return cls(x / size.width, y / size.height, w / size.width, h / size.height)

    @property
    def x2(self) -> float:
        return self.x + self.w

    @property
    def y2(self) -> float:
        return self.y + self.h

    @property
    def area_frac(self) -> float:
        return self.w * self.h

    @property
    def center(self) -> tuple[float, float]:
        return self.x + self.w / 2, self.y + self.h / 2

    @property
    def foot(self) -> tuple[float, float]:
        """Where a standing person touches the ground: the middle of the lower edge.

        Never outside the frame: whom its lower edge cuts stands at that edge, as far as one sees.
        """
        x, y = self.x + self.w / 2, self.y + self.h
        return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)

    def clipped(self) -> BBox:
        """The part inside the frame (of zero size when wholly outside)."""
        if self.x >= 0 and self.y >= 0 and self.x + self.w <= 1 and self.y + self.h <= 1:
            return self
        x1, y1 = min(max(self.x, 0.0), 1.0), min(max(self.y, 0.0), 1.0)
        x2, y2 = min(max(self.x2, 0.0), 1.0), min(max(self.y2, 0.0), 1.0)
        return BBox(x1, y1, x2 - x1, y2 - y1)

    def scaled(self, factor: float) -> BBox:
        """Grown or shrunk about its centre."""
        return BBox(
            self.x - self.w * (factor - 1) / 2,
            self.y - self.h * (factor - 1) / 2,
            self.w * factor,
            self.h * factor,
        )

    def union(self, other: BBox) -> BBox:
        """The smallest bbox that holds both."""
        x1, y1 = min(self.x, other.x), min(self.y, other.y)
        return BBox.from_corners(x1, y1, max(self.x2, other.x2), max(self.y2, other.y2))

    def around(self, other: BBox, factor: float) -> BBox:
        """What holds both, scaled, as far as it is inside the frame; for every person and frame."""
        left, top = min(self.x, other.x), min(self.y, other.y)
        w = max(self.x + self.w, other.x + other.w) - left
        h = max(self.y + self.h, other.y + other.h) - top
        x, y = left - w * (factor - 1) / 2, top - h * (factor - 1) / 2
        return BBox(x, y, w * factor, h * factor).clipped()

    def intersection_frac(self, other: BBox) -> float:
        """Area shared with `other`, as a fraction of the frame."""
        # Asked more often than anything else: no calls.
        left, other_left = self.x, other.x
        right, other_right = left + self.w, other_left + other.w
        w = (right if right < other_right else other_right) - (
            left if left > other_left else other_left
        )
        if w <= 0:
            return 0.0
        top, other_top = self.y, other.y
        bottom, other_bottom = top + self.h, other_top + other.h
        h = (bottom if bottom < other_bottom else other_bottom) - (
            top if top > other_top else other_top
        )
        return w * h if h > 0 else 0.0

    def iou(self, other: BBox) -> float:
        """Intersection over union, 0..1; 0 for two empty boxes."""
        shared = self.intersection_frac(other)
        total = self.w * self.h + other.w * other.h - shared
        return shared / total if total > 0 else 0.0

    def contains(self, point: tuple[float, float]) -> bool:
        return self.x <= point[0] <= self.x2 and self.y <= point[1] <= self.y2

    def to_pixels(self, size: FrameSize) -> tuple[int, int, int, int]:
        """(x1, y1, x2, y2) in whole pixels, clipped to the picture, at least 1 px each way."""
        box = self.clipped()
        x1 = min(int(box.x * size.width), size.width - 1)
        y1 = min(int(box.y * size.height), size.height - 1)
        x2 = max(x1 + 1, min(round(box.x2 * size.width), size.width))
        y2 = max(y1 + 1, min(round(box.y2 * size.height), size.height))
        return x1, y1, x2, y2


FULL_FRAME = BBox(0.0, 0.0, 1.0, 1.0)

#: A standing person is about 2.5 times as high as wide; turns widths into heights.
WIDTH_IN_HEIGHTS = 0.4
#: Boxes of one person in two looks at the same picture overlap at least this much (models
#: suppress at 0.5 within one crop; crops differ by a letterbox's rounding).
_DOUBLE_IOU = 0.65
#: A part of a person (cut by a crop's edge, or legs alone) lies inside the whole one...
_PART_INSIDE = 0.85
#: ...and keeps one of its sides; a child before an adult is smaller both ways.
_PART_SIDE = 0.7


def heights_apart(one: BBox, other: BBox) -> float:
    """Distance of two people's centres in heights of a person.

    Counts x in widths, so that it needs no aspect ratio of the frame.
    """
    mean_w, mean_h = max((one.w + other.w) / 2, 1e-6), max((one.h + other.h) / 2, 1e-6)
    across = WIDTH_IN_HEIGHTS * ((one.x + one.w / 2) - (other.x + other.w / 2)) / mean_w
    return math.hypot(across, ((one.y + one.h / 2) - (other.y + other.h / 2)) / mean_h)


def is_part_of(inner: BBox, outer: BBox) -> bool:
    """Whether `inner` is a piece of the person in `outer` rather than another person."""
    if inner.area_frac <= 0 or inner.area_frac > outer.area_frac:
        return inner.area_frac <= 0
    inside = inner.intersection_frac(outer) / inner.area_frac
    similar = inner.w >= _PART_SIDE * outer.w or inner.h >= _PART_SIDE * outer.h
    return inside >= _PART_INSIDE and similar


def shows_same_person(one: BBox, other: BBox) -> bool:
    """Whether two boxes in one picture are one person: a double, or a part and the whole."""
    shared = one.intersection_frac(other)
    area, other_area = one.w * one.h, other.w * other.h
    if shared == 0 and area > 0 and other_area > 0:
        return False
    total = area + other_area - shared
    iou = shared / total if total > 0 else 0.0
    return iou >= _DOUBLE_IOU or is_part_of(one, other) or is_part_of(other, one)


#: Sums of fractions of the frame are wrong by less than that.
_ON_EDGE = 1e-9


def _is_on_edge(x1: float, y1: float, x2: float, y2: float, point: tuple[float, float]) -> bool:
    """Whether the point lies on the line from one corner to the other, its ends included."""
    px, py = point
    if not (
        min(x1, x2) - _ON_EDGE <= px <= max(x1, x2) + _ON_EDGE
        and min(y1, y2) - _ON_EDGE <= py <= max(y1, y2) + _ON_EDGE
    ):
        return False
    across = (x2 - x1) * (py - y1) - (y2 - y1) * (px - x1)
    return abs(across) <= _ON_EDGE * max(math.hypot(x2 - x1, y2 - y1), _ON_EDGE)


@dataclass(frozen=True, slots=True)
class Polygon:
    """A closed polygon of at least three points, in fractions of the frame."""

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if len(self.points) < 3:
            raise ValueError(f"needs at least 3 points, has {len(self.points)}")

    @classmethod
    def of(cls, points: Sequence[Sequence[float]]) -> Polygon:
        return cls(tuple((float(x), float(y)) for x, y in points))

    def contains(self, point: tuple[float, float]) -> bool:
        """Even-odd rule. Points on an edge are inside: a zone up to the frame's border ends at 1.0,
        and so do the feet of people whom the border cuts."""
        px, py = point
        inside = False
        x1, y1 = self.points[-1]
        for x2, y2 in self.points:
            if _is_on_edge(x1, y1, x2, y2, point):
                return True
            if (y1 > py) != (y2 > py) and px < (x2 - x1) * (py - y1) / (y2 - y1) + x1:
                inside = not inside
            x1, y1 = x2, y2
        return inside

    @property
    def area_frac(self) -> float:
        """Shoelace formula."""
        total = 0.0
        x1, y1 = self.points[-1]
        for x2, y2 in self.points:
            total += x1 * y2 - x2 * y1
            x1, y1 = x2, y2
        return abs(total) / 2


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a picture was fitted into a model's input, and the way back.

    The picture is scaled by `scale` (one factor for both axes, so that people keep their
    shape) and placed with its top left corner at (`left_px`, `top_px`).
    """

    scale: float
    left_px: int
    top_px: int
    content: FrameSize

    @classmethod
    def fit(cls, source: FrameSize, target: FrameSize, *, centered: bool = False) -> Letterbox:
        scale = min(target.width / source.width, target.height / source.height)
        content = FrameSize(
            max(1, min(target.width, round(source.width * scale))),
            max(1, min(target.height, round(source.height * scale))),
        )
        left = (target.width - content.width) // 2 if centered else 0
        top = (target.height - content.height) // 2 if centered else 0
        return cls(scale, left, top, content)
