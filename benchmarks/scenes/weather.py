"""Leaves, light, rain and sensor, laid over I420 pictures; quick enough for hours of video."""

from __future__ import annotations

import math
from enum import StrEnum

import cv2
import numpy as np

from benchmarks.scenes.backgrounds import MOTORWAY, STREET, YARD, Place
from benchmarks.scenes.effects import Rng
from edge_agent.domain import U8

#: In which polygons of a place leaves move, in fractions.
LEAVES: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    STREET.clip: (
        ((0.0, 0.0), (0.42, 0.0), (0.34, 0.28), (0.1, 0.35), (0.0, 0.6)),
        ((0.55, 0.0), (1.0, 0.0), (1.0, 0.3), (0.8, 0.25), (0.6, 0.2)),
    ),
    MOTORWAY.clip: (((0.0, 0.25), (0.4, 0.33), (0.38, 0.45), (0.0, 0.5)),),
    YARD.clip: (((0.0, 0.55), (0.35, 0.6), (0.75, 1.0), (0.0, 1.0)),),
}


class Weather(StrEnum):
    """What happens in a scene besides people. All have sensor noise and drifting light."""

    CALM = "calm"
    NOISY = "noise"  # a camera at dusk; the noise jumps halfway
    LAMP = "lamp"  # switched on and off
    INFRARED = "infrared"  # switches to grey halfway, and back
    FOLIAGE = "foliage"  # a breeze
    GALE = "gale"  # leaves move by a 25th of the picture's height: a third of pictures show it
    RAIN = "rain"


#: How far leaves move, as a share of the picture's height.
_REACH = {Weather.FOLIAGE: 1 / 90, Weather.GALE: 1 / 25}


def changes_s(weather: Weather, seconds: float) -> tuple[float, ...]:
    """When the light of the whole picture changes at once."""
    if weather is Weather.LAMP:
        return tuple(float(s) for s in np.arange(40.0, seconds - 20, 55.0))
    if weather is Weather.INFRARED:
        return (0.35 * seconds, 0.7 * seconds)
    return ()


class Planes:
    """Views on the luma and chroma of an I420 picture of uint8 (height * 3 / 2, width)."""

    def __init__(self, i420: U8) -> None:
        rows, width = i420.shape
        height = rows * 2 // 3
        self.luma = i420[:height]
        quarter = height * width // 4
        flat = i420.reshape(-1)[height * width :]
        self.u = flat[:quarter].reshape(height // 2, width // 2)
        self.v = flat[quarter:].reshape(height // 2, width // 2)


class Leaves:
    """The place's own trees, pushed about in gusts; worked out coarsely, applied finely."""

    def __init__(self, rng: Rng, empty: U8, place: Place, weather: Weather) -> None:
        self._still = empty.copy()
        height, width = Planes(empty).luma.shape
        areas = LEAVES[place.clip]
        corners = np.concatenate([np.array(area) for area in areas]) * (width, height)
        low, high = corners.min(axis=0), corners.max(axis=0)
        self._x, self._y = (int(v) // 8 * 8 for v in low)
        self._w, self._h = (
            int(b - a) // 8 * 8 for a, b in zip((self._x, self._y), high, strict=True)
        )
        mask = np.zeros((height, width), np.uint8)
        for area in areas:
            cv2.fillPoly(mask, [np.round(np.array(area) * (width, height)).astype(np.int32)], 255)
        soft = cv2.GaussianBlur(mask, (0, 0), height / 60)[self._inside(1)]
        self._coarse = (max(8, self._w // 4), max(8, self._h // 4))
        self._reach = (
            cv2.resize(soft, self._coarse).astype(np.float32) / 255 * (height * _REACH[weather])
        )
        self._phases = [
            cv2.resize(6 * rng.standard_normal((n, n)).astype(np.float32), self._coarse)
            for n in (5, 17, 41)
        ]
        columns, rows = np.meshgrid(np.arange(self._w), np.arange(self._h))
        self._columns, self._rows = columns.astype(np.float32), rows.astype(np.float32)
        self._phase = float(rng.uniform(0, 6))

    def _inside(self, shrink: int) -> tuple[slice, slice]:
        x, y, w, h = (v // shrink for v in (self._x, self._y, self._w, self._h))
        return slice(y, y + h), slice(x, x + w)

    def __call__(self, planes: Planes, at_s: float) -> None:
        waves = [
            np.sin(phase + np.float32(2 * math.pi * hertz * at_s))
            for phase, hertz in zip(self._phases, (0.37, 1.13, 2.3), strict=True)
        ]
        wave = 0.5 + 0.4 * (
            math.sin(0.31 * at_s + self._phase) + 0.6 * math.sin(0.83 * at_s + 2.1 * self._phase)
        )
        strength = self._reach * np.float32(0.15 + 0.85 * min(1.0, max(0.0, wave)))
        across = strength * (0.6 * waves[0] + 0.3 * waves[1] + 0.2 * waves[2])
        down = strength * (0.3 * waves[1] - 0.2 * waves[2])
        full = (self._w, self._h)
        map_x = self._columns + cv2.resize(across, full)
        map_y = self._rows + cv2.resize(down, full)
        still = Planes(self._still)
        inside = self._inside(1)
        planes.luma[inside] = cv2.remap(
            still.luma[inside], map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        half_x, half_y = map_x[::2, ::2] / 2, map_y[::2, ::2] / 2
        inside = self._inside(2)
        for plane, source in ((planes.u, still.u), (planes.v, still.v)):
            plane[inside] = cv2.remap(
                source[inside], half_x, half_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
            )


class Sky:
    """Light, rain and sensor: everything that lies over people and place alike."""

    def __init__(self, rng: Rng, size: tuple[int, int], weather: Weather, seconds: float) -> None:
        width, height = size
        self._rng, self._weather, self._seconds = rng, weather, seconds
        self._changes_s = changes_s(weather, seconds)
        self._grain = rng.standard_normal((height + 64, width + 64)).astype(np.float32)
        self._grains: dict[float, np.ndarray] = {}
        columns, rows = np.meshgrid(np.linspace(0, 1, 64), np.linspace(0, 1, 36))
        glow = np.exp(-((columns - 0.3) ** 2 + (rows - 0.1) ** 2) / 0.36).astype(np.float32)
        self._lamp = cv2.resize(0.5 + 0.9 * glow, size)
        beam = np.exp(-1.2 * ((columns - 0.5) ** 2 + (rows - 0.5) ** 2)).astype(np.float32)
        self._infrared = cv2.resize(0.85 * beam, size)
        self._phase = float(rng.uniform(0, 6))

    def __call__(self, planes: Planes, at_s: float) -> None:
        weather, luma = self._weather, planes.luma
        before = sum(s <= at_s for s in self._changes_s)
        drift = 1 + 0.08 * math.sin(2 * math.pi * at_s / 90 + self._phase)
        sigma = 2.5
        if weather is Weather.LAMP and before % 2 == 0:
            cv2.multiply(luma, self._lamp, dst=luma, dtype=cv2.CV_8U)
        elif weather is Weather.INFRARED and before == 1:
            planes.u.fill(128)
            planes.v.fill(128)
            cv2.multiply(luma, self._infrared, dst=luma, dtype=cv2.CV_8U)
            drift, sigma = 1.0, 5.0
        elif weather is Weather.NOISY:
            drift, sigma = 0.7 * drift, 4.0 if at_s < self._seconds / 2 else 8.0
        cv2.convertScaleAbs(luma, dst=luma, alpha=drift)
        if weather is Weather.RAIN:
            self._rain(luma, at_s)
        self._noise(luma, sigma)

    def _rain(self, luma: U8, at_s: float) -> None:
        height, width = luma.shape
        streaks = np.zeros_like(luma)
        squall = 0.5 + 0.5 * math.sin(0.21 * at_s) ** 2
        for nearness, level in ((0.3, 26), (0.6, 45), (1.0, 75)):
            count = int(300 * squall * (1.4 - nearness) / 2)
            start = self._rng.uniform((-20, -40), (width + 20, height), (count, 2))
            length = nearness * self._rng.uniform(0.04, 0.13, (count, 1)) * height
            lines = np.round(np.stack([start, start + length * (0.2, 1.0)], axis=1)).astype(
                np.int32
            )
            cv2.polylines(streaks, list(lines), isClosed=False, color=level, lineType=cv2.LINE_AA)
        cv2.addWeighted(luma, 0.88, cv2.GaussianBlur(streaks, (3, 3), 0), 1.0, 14, dst=luma)

    def _noise(self, luma: U8, sigma: float) -> None:
        height, width = luma.shape
        if sigma not in self._grains:
            self._grains[sigma] = np.rint(self._grain * sigma).astype(np.int16)
        left, top = (int(v) for v in self._rng.integers(0, 64, 2))
        crop = self._grains[sigma][top : top + height, left : left + width]
        how = cv2.add if self._rng.random() < 0.5 else cv2.subtract
        how(luma, crop, dst=luma, dtype=cv2.CV_8U)
