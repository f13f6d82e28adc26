"""Which parts of a frame go into which inference. Pure arithmetic in whole pixels.

An inference costs the same whatever lies in the network's input, so the input is filled
well: regions grow into crops with context, overlapping ones merge, and several share one
input side by side. All crops of a look have one scale, the largest at which they fit. When
that is hardly better than the whole frame, the whole frame it is.

A network with open sides costs what its input's area costs: its input ends where the crops end
(`extent`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from edge_agent.domain import Region
from edge_agent.geometry import FrameSize, Letterbox

Fit = Literal["top_left", "centered", "stretch"]

#: A detector needs the surroundings to tell a person from a coat; motion shows only a part.
CONTEXT = 1.5
#: Nothing smaller than this share of the frame's shorter side is cut out: people in tinier
#: crops would be recognised by nothing but their noise.
MIN_CROP_FRAC = 0.25
#: AP on PETS with yolox-nano-416: .898 with whole frames; with crops .899 at 1, .909 at 1.5 and
#: .919 at 2; more or less context costs .01 (benchmarks/detectors.py).
MAX_UPSCALE = 2.0
#: A crop must show people at least this much larger than the whole frame does.
MIN_GAIN = 1.15
#: Filling between two crops in one input, in input pixels: two cells of the finest grid.
GAP_PX = 16
#: A crop this many times larger than any other gets an inference of its own.
_DOMINANT = 2.0
#: The scale is searched downwards in steps of this factor.
_STEP = 0.93


@dataclass(frozen=True, slots=True)
class PixelRect:
    """A rectangle of whole pixels."""

    x: int
    y: int
    w: int
    h: int

    def union(self, other: PixelRect) -> PixelRect:
        x, y = min(self.x, other.x), min(self.y, other.y)
        return PixelRect(
            x,
            y,
            max(self.x + self.w, other.x + other.w) - x,
            max(self.y + self.h, other.y + other.h) - y,
        )

    def shared_px(self, other: PixelRect) -> int:
        w = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        h = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        return w * h if w > 0 and h > 0 else 0

    @property
    def area_px(self) -> int:
        return self.w * self.h


@dataclass(frozen=True, slots=True)
class Placement:
    """`crop`, in pixels of the frame, is scaled into `slot`, in pixels of the input."""

    crop: PixelRect
    slot: PixelRect


@dataclass(frozen=True, slots=True)
class Inference:
    """One inference."""

    placements: tuple[Placement, ...]


def look_at(crops: Sequence[PixelRect], frame: FrameSize, target: FrameSize, fit: Fit) -> Inference:
    """One look at the crops of one frame as large as they fit; at the whole frame for none."""
    packed = _best_pack(crops, least_scale(frame, target), target, frame, fit)
    return packed or Inference((whole_frame(frame, target, fit),))


def extent(looks: Iterable[Inference], cell: int, target: FrameSize) -> FrameSize:
    """The smallest input, in whole cells of so many pixels, that holds these looks."""
    slots = [placement.slot for look in looks for placement in look.placements]
    right, bottom = max(slot.x + slot.w for slot in slots), max(slot.y + slot.h for slot in slots)
    return FrameSize(
        min(-(-right // cell) * cell, target.width), min(-(-bottom // cell) * cell, target.height)
    )


def least_scale(frame: FrameSize, target: FrameSize) -> float:
    """A crop that shows people no larger than this had better be the whole frame."""
    return Letterbox.fit(frame, target).scale * MIN_GAIN


def groups(
    regions: Sequence[Region], frame: FrameSize, target: FrameSize
) -> tuple[tuple[PixelRect, ...], ...]:
    """Crops that share a look; at most two groups, an empty one meaning the whole frame.

    No group when no region lies in the frame. `target` is the network's input. Two only when one
    crop is so much larger than the others that they cannot share a useful scale with it.
    """
    crops = _merged(_crop(rect, frame) for rect in _rects(regions, frame))
    if not crops:
        return ()
    whole: tuple[tuple[PixelRect, ...], ...] = ((),)
    least = least_scale(frame, target)
    if least > MAX_UPSCALE:
        return whole  # so small a frame that no crop could show more
    if pack([(crop, least) for crop in crops], target):
        return (tuple(crops),)
    # One dominant crop must not cost the others their resolution; many of a size share
    # the whole frame, which costs half of two looks.
    largest, *others = sorted(crops, key=lambda crop: -crop.area_px)
    if not others or largest.area_px < _DOMINANT * others[0].area_px:
        return whole
    if pack([(crop, least) for crop in others], target) is None:
        return whole
    alone = (largest,) if pack([(largest, least)], target) else ()
    return (alone, tuple(others))


def whole_frame(frame: FrameSize, target: FrameSize, fit: Fit) -> Placement:
    """The full frame in the full input."""
    return _filling(PixelRect(0, 0, frame.width, frame.height), target, fit)


def _filling(crop: PixelRect, target: FrameSize, fit: Fit) -> Placement:
    if fit == "stretch":
        return Placement(crop, PixelRect(0, 0, target.width, target.height))
    box = Letterbox.fit(FrameSize(crop.w, crop.h), target, centered=fit == "centered")
    slot = PixelRect(box.left_px, box.top_px, box.content.width, box.content.height)
    return Placement(crop, slot)


def _rects(regions: Sequence[Region], frame: FrameSize) -> list[PixelRect]:
    rects = []
    for region in regions:
        if region.bbox.clipped().area_frac <= 0:
            continue
        x1, y1, x2, y2 = region.bbox.to_pixels(frame)
        rects.append(PixelRect(x1, y1, x2 - x1, y2 - y1))
    return rects


def _crop(rect: PixelRect, frame: FrameSize) -> PixelRect:
    """With context, nearly square, moved (not cut) where it would leave the frame."""
    least = round(min(frame.width, frame.height) * MIN_CROP_FRAC)
    side = max(least, round(max(rect.w, rect.h) * CONTEXT))
    return _around(rect, side, side, frame)


def _around(rect: PixelRect, width: int, height: int, frame: FrameSize) -> PixelRect:
    w, h = min(max(1, width), frame.width), min(max(1, height), frame.height)
    x = min(max(0, rect.x + rect.w // 2 - w // 2), frame.width - w)
    y = min(max(0, rect.y + rect.h // 2 - h // 2), frame.height - h)
    return PixelRect(x, y, w, h)


def _merged(crops: Iterable[PixelRect]) -> list[PixelRect]:
    """Join crops until no two share more than a third of the smaller one."""
    done: list[PixelRect] = []
    waiting = list(crops)
    while waiting:
        crop = waiting.pop()
        partner = next(
            (o for o in done if 3 * crop.shared_px(o) > min(crop.area_px, o.area_px)), None
        )
        if partner is None:
            done.append(crop)
        else:
            done.remove(partner)
            waiting.append(crop.union(partner))
    return done


def _best_pack(
    crops: Sequence[PixelRect], least: float, target: FrameSize, frame: FrameSize, fit: Fit
) -> Inference | None:
    """All crops in one input at the largest useful scale, or None below `least`."""
    if not crops:
        return None
    scale = MAX_UPSCALE
    while scale >= least:
        placements = pack([(crop, scale) for crop in crops], target)
        if placements:
            break
        scale *= _STEP
    else:
        placements = pack([(crop, least) for crop in crops], target)
        scale = least
    if not placements:
        return None
    if len(crops) == 1:
        # Alone in the input, a crop may as well have all of its room for more context.
        crop = crops[0]
        width = max(crop.w, int(target.width / scale))
        height = max(crop.h, int(target.height / scale))
        return Inference((_filling(_around(crop, width, height, frame), target, fit),))
    return Inference(placements)


def pack(
    scaled: Sequence[tuple[PixelRect, float]], target: FrameSize
) -> tuple[Placement, ...] | None:
    """Crops, each at its own scale, in rows, tallest first, with a gap; None when they do not fit.

    The placements are in the order of the crops.
    """
    sizes = [
        (max(1, round(crop.w * scale)), max(1, round(crop.h * scale))) for crop, scale in scaled
    ]
    placed: dict[int, Placement] = {}
    x = y = row_height = 0
    for i in sorted(range(len(scaled)), key=lambda i: (-sizes[i][1], -sizes[i][0], i)):
        w, h = sizes[i]
        if x and x + w > target.width:
            x, y, row_height = 0, y + row_height + GAP_PX, 0
        if x + w > target.width or y + h > target.height:
            return None
        placed[i] = Placement(scaled[i][0], PixelRect(x, y, w, h))
        x, row_height = x + w + GAP_PX, max(row_height, h)
    return tuple(placed[i] for i in range(len(scaled)))
