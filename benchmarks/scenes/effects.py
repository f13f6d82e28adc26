"""Weather, light and sensor, each laid over a picture as time goes on.

An effect is called once per picture, in order, with a uint8 BGR picture that it may return
changed (never writing into it) and the seconds since the scene began.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np

from edge_agent.domain import F32, U8

Rng = np.random.Generator
Area = Sequence[tuple[float, float]]  # a polygon in fractions of the picture


class Effect(Protocol):
    def __call__(self, picture: U8, at_s: float) -> U8: ...


def _smooth_field(rng: Rng, size: tuple[int, int], cells: int) -> F32:
    """Random values with mean 0 that change over about 1/`cells` of the picture."""
    low = rng.standard_normal((cells, cells)).astype(np.float32)
    return cv2.resize(low, size, interpolation=cv2.INTER_CUBIC)


def _scaled(picture: U8, factors: F32) -> U8:
    """`picture` times a field (height, width) or a number."""
    if np.ndim(factors) == 0:
        return cv2.convertScaleAbs(picture, alpha=float(factors))
    return cv2.multiply(picture, cv2.merge([factors] * 3), dtype=cv2.CV_8U)


def _gust(at_s: float, phase: float) -> float:
    """Strength of the wind, 0.15..1, never quite periodic."""
    wave = math.sin(0.31 * at_s + phase) + 0.6 * math.sin(0.83 * at_s + 2.1 * phase)
    return 0.15 + 0.85 * max(0.0, min(1.0, 0.5 + 0.4 * wave))


class Foliage:
    """Trees of the picture itself that wave: their texture is pushed about, in gusts."""

    def __init__(self, rng: Rng, size: tuple[int, int], areas: Sequence[Area], reach_px: float):
        width, height = size
        mask = np.zeros((height, width), np.uint8)
        for area in areas:
            corners = np.round(np.array(area) * (width, height)).astype(np.int32)
            cv2.fillPoly(mask, [corners], 255)
        soft = cv2.GaussianBlur(mask, (0, 0), 6).astype(np.float32) / 255
        self._reach: F32 = soft * reach_px
        columns, rows = np.meshgrid(np.arange(width), np.arange(height))
        self._columns, self._rows = columns.astype(np.float32), rows.astype(np.float32)
        self._phases = [6 * _smooth_field(rng, size, cells) for cells in (5, 17, 41)]
        self._phase = float(rng.uniform(0, 6))

    def __call__(self, picture: U8, at_s: float) -> U8:
        slow, quick, flutter = (
            np.sin(phase + 2 * math.pi * hertz * at_s)
            for phase, hertz in zip(self._phases, (0.37, 1.13, 2.3), strict=True)
        )
        strength = self._reach * np.float32(_gust(at_s, self._phase))
        across = self._columns + strength * (0.6 * slow + 0.3 * quick + 0.2 * flutter)
        down = self._rows + strength * (0.3 * quick - 0.2 * flutter)
        return cv2.remap(picture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


class Branch:
    """A branch with leaves near the lens, swaying in from a corner. `leaves`: a real texture."""

    def __init__(self, rng: Rng, size: tuple[int, int], leaves: U8, corner: tuple[float, float]):
        width, height = size
        # Leaves against the light are dark; a gap with sky in it would not move along.
        dark = np.minimum(leaves, np.percentile(leaves, 85)).astype(np.uint8)
        self._texture = cv2.resize(dark, size, interpolation=cv2.INTER_CUBIC)
        columns, rows = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
        away = np.hypot((columns - corner[0]) * 1.1, (rows - corner[1]) * 1.4)
        clumps = 0.08 * _smooth_field(rng, size, 7) + 0.07 * _smooth_field(rng, size, 60)
        shape = np.clip((0.42 - away + clumps) * 14, 0, 1).astype(np.float32)
        self._alpha: F32 = cv2.GaussianBlur(shape, (0, 0), 0.8)
        self._bend: F32 = (away / 0.4).astype(np.float32)  # tips move farther than the stem
        self._columns = (columns * (width - 1)).astype(np.float32)
        self._rows = (rows * (height - 1)).astype(np.float32)
        self._flutter = 6 * _smooth_field(rng, size, 30)
        self._phase = float(rng.uniform(0, 6))

    def __call__(self, picture: U8, at_s: float) -> U8:
        gust = np.float32(_gust(at_s, self._phase))
        sway = 9 * math.sin(2.6 * at_s + self._phase) + 4 * math.sin(6.1 * at_s)
        leaf = 2.5 * np.sin(self._flutter + 11 * at_s)
        across = self._columns + gust * (self._bend * np.float32(sway) + leaf)
        down = self._rows + gust * (self._bend * np.float32(0.4 * sway) - leaf)
        alpha = cv2.remap(
            self._alpha, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        texture = cv2.remap(
            self._texture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        cover = cv2.merge([alpha] * 3)
        leaves = cv2.multiply(texture, cover, dtype=cv2.CV_8U)
        behind = cv2.multiply(picture, 1 - cover, dtype=cv2.CV_8U)
        return cv2.add(leaves, behind)


class Rain:
    """Streaks, each picture anew, under a grey veil; `drops` of them, in squalls."""

    def __init__(self, rng: Rng, size: tuple[int, int], drops: int, slant: float):
        self._rng, self._size, self._drops, self._slant = rng, size, drops, slant

    def __call__(self, picture: U8, at_s: float) -> U8:
        width, height = self._size
        streaks = np.zeros((height, width), np.uint8)
        squall = 0.5 + 0.5 * math.sin(0.21 * at_s) ** 2
        for nearness, level in ((0.3, 26), (0.6, 45), (1.0, 75)):
            count = int(self._drops * squall * (1.4 - nearness) / 2)
            start = self._rng.uniform((-20, -40), (width + 20, height), (count, 2))
            length = nearness * self._rng.uniform(0.04, 0.13, (count, 1)) * height
            end = start + length * (self._slant, 1.0)
            lines = np.round(np.stack([start, end], axis=1)).astype(np.int32)
            cv2.polylines(streaks, list(lines), isClosed=False, color=level, lineType=cv2.LINE_AA)
        veiled = cv2.addWeighted(picture, 0.88, picture, 0.0, 14)
        return cv2.add(veiled, cv2.merge([cv2.GaussianBlur(streaks, (3, 3), 0)] * 3))


class Noise:
    """Sensor noise of standard deviation `sigma`; `blotchy` like a night picture's filter."""

    def __init__(self, rng: Rng, size: tuple[int, int], sigma: float, *, blotchy: bool = False):
        width, height = size
        grain = rng.standard_normal((height + 64, width + 64, 3)).astype(np.float32)
        grain = 0.5 * grain + grain[:, :, :1]  # most of it is brightness, some is colour
        if blotchy:
            coarse = cv2.GaussianBlur(grain, (0, 0), 1.6)
            grain = 0.6 * grain / grain.std() + 0.8 * coarse / coarse.std()
        self._grain: F32 = grain * np.float32(sigma / grain.std())
        self._rng, self._size = rng, size

    def __call__(self, picture: U8, at_s: float) -> U8:
        width, height = self._size
        left, top = (int(v) for v in self._rng.integers(0, 64, 2))
        crop = self._grain[top : top + height, left : left + width]
        if self._rng.random() < 0.5:
            crop = -crop
        return cv2.add(picture, crop, dtype=cv2.CV_8U)


class Clouds:
    """Daylight that comes and goes by `depth`, with the edge of a cloud passing over."""

    def __init__(self, rng: Rng, size: tuple[int, int], depth: float, period_s: float):
        self._field = _smooth_field(rng, (size[0] * 3, size[1]), 4)
        self._size, self._depth, self._period_s = size, depth, period_s

    def __call__(self, picture: U8, at_s: float) -> U8:
        width = self._size[0]
        swing = 0.5 + 0.5 * math.sin(2 * math.pi * at_s / self._period_s)
        left = int((at_s / self._period_s * width) % (2 * width))
        shade = np.clip(self._field[:, left : left + width], -1, 1)
        return _scaled(picture, (1 - self._depth * (0.6 * swing + 0.2 * (shade + 1))))


class Night:
    """Little light (`level`), hardly any colour, bluish or of sodium lamps."""

    def __init__(self, level: float, tint: tuple[float, float, float] = (1.15, 1.0, 0.85)):
        self._level, self._tint = level, np.array(tint, np.float32)

    def __call__(self, picture: U8, at_s: float) -> U8:
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        pale = cv2.addWeighted(picture, 0.35, cv2.merge([grey] * 3), 0.65, 0)
        return cv2.multiply(pale, (*(float(v) * self._level for v in self._tint), 0.0))


@dataclass
class _Beam:
    start_s: float
    crossing_s: float
    leftwards: bool
    height: float
    width: float
    gain: float


class Headlights:
    """At night: cones of light that sweep over what is there, and the lamps of the cars.

    Give it the picture by day; it makes the night itself, so that light shows real texture.
    """

    def __init__(
        self,
        rng: Rng,
        size: tuple[int, int],
        *,
        level: float,
        every_s: float,
        lamps: bool,
        seconds: float,
    ):
        self._size, self._level, self._lamps = size, level, lamps
        self._night = Night(1.0)
        columns, rows = np.meshgrid(np.linspace(0, 1, 64), np.linspace(0, 1, 36))
        self._columns, self._rows = columns.astype(np.float32), rows.astype(np.float32)
        self._beams = [
            _Beam(
                start_s=float(start),
                crossing_s=float(rng.uniform(2, 6)),
                leftwards=bool(rng.random() < 0.5),
                height=float(rng.uniform(0.45, 0.75)),
                width=float(rng.uniform(0.1, 0.22)),
                gain=float(rng.uniform(0.4, 1.1)),
            )
            for start in np.cumsum(rng.exponential(every_s, int(2 * seconds / every_s) + 4)) + 6
        ]

    def __call__(self, picture: U8, at_s: float) -> U8:
        light = np.full((36, 64), self._level, np.float32)
        shining: list[tuple[float, _Beam]] = []
        for beam in self._beams:
            part = (at_s - beam.start_s) / beam.crossing_s
            if not 0 <= part <= 1:
                continue
            x = -0.3 + 1.6 * (1 - part if beam.leftwards else part)
            shining.append((x, beam))
            far = ((self._columns - x) / beam.width) ** 2 + ((self._rows - beam.height) / 0.22) ** 2
            light += beam.gain * np.exp(-far)
        field_ = cv2.resize(light, self._size, interpolation=cv2.INTER_LINEAR)
        lit = _scaled(self._night(picture, at_s), field_)
        return self._with_lamps(lit, shining) if self._lamps and shining else lit

    def _with_lamps(self, picture: U8, shining: list[tuple[float, _Beam]]) -> U8:
        width, height = self._size
        glow = np.zeros((height, width), np.uint8)
        for x, beam in shining:
            behind = 0.16 if beam.leftwards else -0.16  # a car follows its light
            for apart in (0.0, 0.035):
                centre = (int((x + behind + apart) * width), int((beam.height + 0.02) * height))
                cv2.circle(glow, centre, max(2, height // 70), 255, -1, cv2.LINE_AA)
        halo = cv2.GaussianBlur(glow, (0, 0), height / 45)
        halo = cv2.addWeighted(glow, 0.9, halo, 1.6, 0)
        return cv2.add(picture, cv2.merge([halo] * 3))


class Lamps:
    """Lamps switched on and off, and a camera whose exposure follows a moment later."""

    def __init__(
        self, rng: Rng, size: tuple[int, int], *, base: float, every_s: float, seconds: float
    ):
        columns, rows = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
        self._fields: list[F32] = []
        for _ in range(2):
            x, y, reach = rng.uniform(0.1, 0.9), rng.uniform(-0.1, 0.4), rng.uniform(0.4, 0.8)
            away = ((columns - x) ** 2 + (rows - y) ** 2) / reach**2
            self._fields.append((rng.uniform(0.5, 0.9) * np.exp(-away)).astype(np.float32))
        steps = rng.uniform(0.5, 1.5, int(3 * seconds / every_s) + 2) * every_s
        self._switched_s = np.cumsum(steps) + 6
        self._base, self._exposure, self._at_s = base, 1.0, 0.0

    def __call__(self, picture: U8, at_s: float) -> U8:
        switched = int(np.searchsorted(self._switched_s, at_s))
        first, second = (switched + 1) // 2 % 2, switched // 2 % 2
        light = self._base + first * self._fields[0] + second * self._fields[1]
        wanted = min(2.5, max(0.5, 0.75 / float(light.mean()))) ** 0.6
        dt_s, self._at_s = at_s - self._at_s, at_s
        self._exposure += (wanted - self._exposure) * (1 - math.exp(-dt_s / 0.7))
        return _scaled(picture, (light * np.float32(self._exposure)).astype(np.float32))


@dataclass
class Infrared:
    """The camera's night mode from `from_s` to `to_s`: grey, its own lamp, more noise."""

    rng: Rng
    size: tuple[int, int]
    from_s: float
    to_s: float
    _noise: Noise = field(init=False)
    _lamp: F32 = field(init=False)

    def __post_init__(self) -> None:
        width, height = self.size
        self._noise = Noise(self.rng, self.size, 5.0, blotchy=True)
        columns, rows = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
        self._lamp = (1.15 * np.exp(-0.9 * (columns**2 + rows**2))).astype(np.float32)

    def __call__(self, picture: U8, at_s: float) -> U8:
        since_s = min(abs(at_s - self.from_s), abs(at_s - self.to_s))
        if since_s < 0.3:  # the filter clicks over
            picture = cv2.convertScaleAbs(picture, alpha=0.15)
        if not self.from_s <= at_s < self.to_s:
            return picture
        # Leaves and cloth reflect near infrared; what counts is red, then green.
        grey = cv2.transform(picture, np.array([[0.05, 0.4, 0.75]], np.float32))
        lit = cv2.multiply(grey, self._lamp, dtype=cv2.CV_8U)
        return self._noise(cv2.merge([lit] * 3), at_s)


class CheapCodec:
    """Blocks and ringing of a camera on a small bit rate."""

    def __init__(self, quality: int):
        self._quality = quality

    def __call__(self, picture: U8, at_s: float) -> U8:
        _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
        return cv2.imdecode(coded, cv2.IMREAD_COLOR)
