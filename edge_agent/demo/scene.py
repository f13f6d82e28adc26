"""The demo's film: somebody walks into a courtyard, rings at the door, and leaves.

Drawn from a seed, so every run shows the same; each frame comes with the truth about where
the figure is, which benchmarks compare with what the agent saw.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from edge_agent.demo import figure
from edge_agent.demo.camera_view import PinholeCamera
from edge_agent.demo.courtyard import Courtyard, paint
from edge_agent.demo.figure import Pose, Sprite
from edge_agent.domain import U8
from edge_agent.geometry import BBox, FrameSize

#: The walk begins after the motion detector has learned the empty courtyard.
_WALK_BEGINS_S = 5.0
_PACE_M_PER_S = 1.15
_BELL_S = 2.6

#: The way over the ground (x, z in metres): from beyond the left edge to the door...
_TO_DOOR = ((-4.7, 5.0), (-2.6, 5.2), (-0.4, 6.2), (1.2, 7.5), (1.72, 8.15))
#: ...and away beyond the right edge.
_AWAY = ((1.72, 8.15), (2.0, 7.4), (2.9, 6.0), (4.0, 5.1), (5.2, 4.6))

#: What cameras send beside their full picture, for analysis.
_SUBSTREAM = FrameSize(640, 360)

_NOISE_SIGMA = 2.0
_GRAIN_FIELDS = 8


@dataclass(frozen=True, slots=True)
class SceneSpec:
    """What to draw. The walk takes about 17 s; a shorter scene is cut, not hurried."""

    size: FrameSize = _SUBSTREAM
    fps: int = 15
    duration_s: float = 22.0
    seed: int = 7

    def __post_init__(self) -> None:
        if self.fps < 1 or self.duration_s <= 0:
            raise ValueError("a scene needs at least one frame per second and some duration")
        if self.size.width % 2 or self.size.height % 2:
            raise ValueError(f"H.264 needs even sides, got {self.size}")

    @property
    def frames(self) -> int:
        return max(1, round(self.duration_s * self.fps))


@dataclass(frozen=True, slots=True)
class FigureTruth:
    """Where the figure is in one frame."""

    number: int
    at_s: float
    bbox: BBox | None  # of what is seen of it; None when nothing is
    visible_frac: float  # share of its silhouette inside the picture


@dataclass(frozen=True, slots=True)
class SceneFrame:
    """`bgr` uint8 (height, width, 3)."""

    bgr: U8
    truth: FigureTruth


def render(spec: SceneSpec) -> Iterator[SceneFrame]:
    """The scene's frames in order."""
    stage = _Stage(spec)
    for number in range(spec.frames):
        yield stage.frame(number)


def render_clip(
    path: Path, spec: SceneSpec | None = None, *, small: bool = False
) -> tuple[FigureTruth, ...]:
    """Write the scene as H.264 as cameras send it: a key picture each second, no B-frames.
    `small`: an eighth of the size, and slow."""
    spec = spec or SceneSpec()
    truths = []
    options = {"preset": "veryfast", "tune": "zerolatency", "crf": "23"}
    if small:
        options = {"preset": "veryslow", "crf": "33"}
    options["x264-params"] = f"keyint={spec.fps}:min-keyint={spec.fps}:scenecut=0:bframes=0:log=0"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=spec.fps, options=options)
        stream.width, stream.height = spec.size.width, spec.size.height
        stream.pix_fmt = "yuv420p"
        for frame in render(spec):
            picture = av.VideoFrame.from_ndarray(frame.bgr, format="bgr24")
            picture.pts, picture.time_base = frame.truth.number, Fraction(1, spec.fps)
            container.mux(stream.encode(picture))
            truths.append(frame.truth)
        container.mux(stream.encode(None))
    return tuple(truths)


# --- the walk -------------------------------------------------------------------------


class _Path:
    """A smooth line through points (x, z), measured along its length."""

    def __init__(self, points: tuple[tuple[float, float], ...]) -> None:
        corners = np.array([points[0], *points, points[-1]], np.float64)
        share = np.linspace(0, 1, 60, endpoint=False)[:, None]
        parts = [_catmull_rom(corners[i : i + 4], share) for i in range(len(points) - 1)]
        self._line = np.concatenate([*parts, corners[-1:]])
        steps = np.linalg.norm(np.diff(self._line, axis=0), axis=1)
        self._way_m = np.concatenate([[0.0], np.cumsum(steps)])
        self.length_m = float(self._way_m[-1])

    def at(self, way_m: float) -> tuple[float, float]:
        return (
            float(np.interp(way_m, self._way_m, self._line[:, 0])),
            float(np.interp(way_m, self._way_m, self._line[:, 1])),
        )

    def heading_rad(self, way_m: float) -> float:
        """Where somebody on the path looks; 0 is away from the camera."""
        way_m = min(max(way_m, 0.15), self.length_m - 0.15)
        (x1, z1), (x2, z2) = self.at(way_m - 0.15), self.at(way_m + 0.15)
        return math.atan2(x2 - x1, z2 - z1)


def _catmull_rom(p: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The segment between p[1] and p[2] of the spline through all four."""
    return np.asarray(
        0.5
        * (
            2 * p[1]
            + (p[2] - p[0]) * t
            + (2 * p[0] - 5 * p[1] + 4 * p[2] - p[3]) * t**2
            + (3 * p[1] - p[0] - 3 * p[2] + p[3]) * t**3
        )
    )


class Walk:
    """Where the person is at each moment of the scene."""

    def __init__(self) -> None:
        self._to_door, self._away = _Path(_TO_DOOR), _Path(_AWAY)
        self._door_s = _WALK_BEGINS_S + self._to_door.length_m / _PACE_M_PER_S
        self._leaves_s = self._door_s + _BELL_S
        self.ends_s = self._leaves_s + self._away.length_m / _PACE_M_PER_S

    def pose(self, at_s: float) -> Pose | None:
        """None before the walk and after it."""
        if not _WALK_BEGINS_S <= at_s <= self.ends_s:
            return None
        if at_s < self._door_s:
            way_m = (at_s - _WALK_BEGINS_S) * _PACE_M_PER_S
            return self._walking(self._to_door, way_m, self._door_s - at_s)
        if at_s < self._leaves_s:
            return self._at_door(at_s - self._door_s)
        way_m = (at_s - self._leaves_s) * _PACE_M_PER_S
        return self._walking(self._away, way_m, at_s - self._leaves_s)

    def _walking(self, path: _Path, way_m: float, from_door_s: float) -> Pose:
        x_m, z_m = path.at(way_m)
        # Steps become smaller towards the door, where the person stands.
        swing = _smooth(from_door_s / 0.6)
        phase_rad = 2 * math.pi * way_m / figure.CYCLE_M
        return Pose(x_m, z_m, path.heading_rad(way_m), phase_rad, swing)

    def _at_door(self, since_s: float) -> Pose:
        """Ring, step back from the bell, look round, turn to leave."""
        x_m, z_m = self._to_door.at(self._to_door.length_m)
        arrive_rad = self._to_door.heading_rad(self._to_door.length_m)
        leave_rad = self._away.heading_rad(0)
        turned = _smooth((since_s - _BELL_S + 1.0) / 1.0)
        reach = _smooth(since_s / 0.5) * (1 - _smooth((since_s - 1.0) / 0.5))
        look = 0.9 * math.sin(math.pi * min(1.0, max(0.0, since_s - 0.9) / 1.3))
        heading = arrive_rad + (leave_rad - arrive_rad) * turned
        # Turning on the spot takes small steps.
        shuffle = 0.35 * math.sin(math.pi * turned)
        return Pose(x_m, z_m, heading, 2 * math.pi * turned, shuffle, reach, look)


def _smooth(share: float) -> float:
    """0 to 1 without a jerk."""
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)


# --- the pictures ---------------------------------------------------------------------


class _Stage:
    """Everything that is drawn once."""

    def __init__(self, spec: SceneSpec) -> None:
        self._spec = spec
        self._view = PinholeCamera(spec.size)
        self._yard: Courtyard = paint(spec.size, spec.seed)
        self._walk = Walk()
        rng = np.random.default_rng(spec.seed + 1)
        height, width = spec.size.height, spec.size.width
        fields = rng.normal(0, _NOISE_SIGMA, (_GRAIN_FIELDS, height, width, 3))
        # A sensor's noise is mostly of brightness; its colour noise was filtered away.
        fields = 0.4 * fields + 0.75 * fields.mean(axis=3, keepdims=True) * math.sqrt(3)
        self._grain = fields.round().astype(np.int16)
        self._shift = rng.integers(0, (height, width), (spec.frames, 2))

    def frame(self, number: int) -> SceneFrame:
        at_s = number / self._spec.fps
        picture = self._empty(at_s)
        pose = self._walk.pose(at_s)
        truth = FigureTruth(number, at_s, None, 0.0)
        if pose is not None:
            limbs = figure.capsules(pose)
            sprite = figure.draw(limbs, self._view, self._sunlight(pose))
            self._cast_shadow(picture, limbs)
            truth = self._truth(number, sprite)
            self._paste(picture, sprite)
        grain = self._grain[number % _GRAIN_FIELDS]
        grain = np.roll(grain, tuple(self._shift[number]), axis=(0, 1))
        noisy = np.asarray(cv2.add(picture, grain, dtype=cv2.CV_8U), np.uint8)
        return SceneFrame(noisy, truth)

    def _empty(self, at_s: float) -> U8:
        """Shade sways, and a thin cloud passes once in the scene; both begin where they end."""
        turn = 2 * math.pi * at_s / self._spec.duration_s
        sway = 0.5 + 0.5 * math.sin(turn * max(1, round(self._spec.duration_s / 5)))
        gain = 0.98 + 0.02 * math.cos(turn)
        mixed = cv2.addWeighted(
            self._yard.left, gain * (1 - sway), self._yard.right, gain * sway, 0
        )
        return np.asarray(mixed, np.uint8)

    def _sunlight(self, pose: Pose) -> float:
        """At the figure's feet, where it stands in the picture."""
        spot = self._view.project(np.array([[pose.x_m, 0.0, pose.z_m]]))[0][0]
        height, width = self._yard.shade.shape
        x, y = int(min(max(spot[0], 0), width - 1)), int(min(max(spot[1], 0), height - 1))
        reach = max(2, width // 60)
        around = self._yard.shade[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach]
        return float(around.mean())

    def _cast_shadow(self, picture: U8, limbs: list[figure.Capsule]) -> None:
        height, width = picture.shape[:2]
        mask = np.zeros((height, width), np.uint8)
        for ends, thickness in figure.shadow_lines(limbs, self._view):
            start, end = ((round(x * 16), round(y * 16)) for x, y in ends)
            cv2.line(mask, start, end, 255, max(1, round(thickness)), cv2.LINE_AA, 4)
        x, y, w, h = cv2.boundingRect(mask)
        if not w or not h:
            return
        reach = 3
        window = (
            slice(max(0, y - reach), y + h + reach),
            slice(max(0, x - reach), x + w + reach),
        )
        soft = cv2.GaussianBlur(mask[window], (0, 0), 1.1 * width / 640)
        dark = 1 - 0.38 / 255 * self._yard.shade[window] * soft
        picture[window] = (picture[window] * dark[..., None]).astype(np.uint8)

    def _truth(self, number: int, sprite: Sprite) -> FigureTruth:
        size = self._spec.size
        own, _ = _overlap(sprite, size)
        seen = sprite.alpha[own]
        total, inside = float(sprite.alpha.sum()), float(seen.sum())
        at_s = number / self._spec.fps
        rows = np.flatnonzero(seen.max(axis=1, initial=0) > 0.5)
        columns = np.flatnonzero(seen.max(axis=0, initial=0) > 0.5)
        if not rows.size or not columns.size:
            return FigureTruth(number, at_s, None, 0.0)
        left = max(0, sprite.left_px) + int(columns[0])
        top = max(0, sprite.top_px) + int(rows[0])
        width, height = int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
        bbox = BBox.from_pixels(left, top, width, height, size)
        return FigureTruth(number, at_s, bbox, inside / total)

    def _paste(self, picture: U8, sprite: Sprite) -> None:
        own, window = _overlap(sprite, self._spec.size)
        colour, alpha = sprite.colour[own], sprite.alpha[own]
        if not alpha.size:
            return
        # The same softness as the courtyard's, so that the figure belongs to it.
        sigma = 0.6 * self._spec.size.width / 640
        light = cv2.GaussianBlur(colour, (0, 0), sigma)
        cover = cv2.GaussianBlur(alpha, (0, 0), sigma)
        under = picture[window] * (1 - cover[..., None])
        picture[window] = np.clip(under + light, 0, 255).astype(np.uint8)


def _overlap(sprite: Sprite, size: FrameSize) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of the sprite inside the picture: in its own pixels, and in the picture's."""
    height, width = sprite.alpha.shape
    x1, x2 = max(0, sprite.left_px), min(size.width, sprite.left_px + width)
    y1, y2 = max(0, sprite.top_px), min(size.height, sprite.top_px + height)
    x2, y2 = max(x1, x2), max(y1, y2)
    own = (
        slice(y1 - sprite.top_px, y2 - sprite.top_px),
        slice(x1 - sprite.left_px, x2 - sprite.left_px),
    )
    return own, (slice(y1, y2), slice(x1, x2))
