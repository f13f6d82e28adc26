"""What one picture is like, in a few numbers and three small maps.

Everything is measured on a copy of about 320x180, and on twelve full-size tiles for what only
full size shows (defocus). Contrast is measured on a softened logarithm, so that a cloud or the
camera's exposure changes an edge little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from edge_agent.domain import F32, U8

#: About this many pixels are looked at; a person's height is a few of its rows.
_WORKING_AREA_PX = 320 * 180
#: The maps are judged in tiles: about a twelfth of the picture's height each.
TILE_PX = 16
#: Full-size tiles for sharpness: columns, rows, and their side.
_SHARP_GRID = (4, 3)
_SHARP_SIDE_PX, _LEAST_SIDE_PX = 64, 16
#: A softened logarithm: brightness ratios become differences, black noise does not become large.
_SOFT = 16.0
_LOG_LUT: U8 = np.round(255 * np.log1p(np.arange(256) / _SOFT) / math.log1p(255 / _SOFT)).astype(
    np.uint8
)
#: An edge is a step of this many levels of that curve between neighbours (Sobel, both sides).
_EDGE_STEP = 44.0
#: In noise an edge has to stand out by this many times the median gradient.
_EDGE_ABOVE_MEDIAN = 4.0
#: Median of |x| of a Gaussian with standard deviation 1.
_MEDIAN_OF_ABS = 0.6745
#: Two pictures' pixels are the same where they differ by no more than this.
_SAME_LEVELS = 1


@dataclass(frozen=True, slots=True)
class Look:
    """One picture's figures. Levels are 0..255, shares are of the whole picture."""

    median: float
    low: float  # 1st percentile
    high: float  # 99th percentile
    bright_frac: float  # at or above 250 (or 235 of a limited-range camera's 235)
    steps: U8 = field(repr=False)  # uint8, how much neighbours differ in the working picture
    edges: U8 = field(repr=False)  # uint8 (height, width) of the working picture, 1 at an edge
    small: U8 = field(repr=False)  # uint8, the working picture
    detail: F32 = field(repr=False)  # of each full-size tile: finest detail beside its contrast
    textured: F32 = field(repr=False)  # of each: its contrast, levels (standard deviation)
    noise: F32 = field(repr=False)  # of each: what its finest detail has of noise, levels
    smear_frac: float  # rows or columns repeated although they have texture

    @property
    def contrast(self) -> float:
        """Levels between the darkest and the brightest percent."""
        return self.high - self.low


def take_look(luma: U8) -> Look:
    """Measure `luma` (uint8 (height, width), only read)."""
    height, width = luma.shape
    factor = max(1.0, math.sqrt(width * height / _WORKING_AREA_PX))
    size = (max(TILE_PX, round(width / factor)), max(TILE_PX, round(height / factor)))
    small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    low, median, high, bright = _levels(small)
    steps = _steps(small)
    detail, textured, noise = _sharpness(luma)
    return Look(
        median=median,
        low=low,
        high=high,
        bright_frac=bright,
        steps=steps,
        edges=_edges(steps),
        small=small,
        detail=detail,
        textured=textured,
        noise=noise,
        smear_frac=_smear(small),
    )


def still_tiles(now: Look, before: Look) -> float:
    """Share of tiles in which not one pixel changed between two looks; noise changes some.

    0 where the sizes differ.
    """
    if now.small.shape != before.small.shape:
        return 0.0
    changed = (cv2.absdiff(now.small, before.small) > _SAME_LEVELS).astype(np.uint8)
    return float(np.mean(tile_sums(changed) == 0))


def tile_sums(map_: U8 | F32) -> F32:
    """float32 (rows, columns): sums over tiles of `TILE_PX`; what is left at the edges is cut."""
    rows, columns = map_.shape[0] // TILE_PX, map_.shape[1] // TILE_PX
    cut = map_[: rows * TILE_PX, : columns * TILE_PX]
    mean = cv2.resize(cut.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(mean * (TILE_PX * TILE_PX), np.float32)


def _levels(small: U8) -> tuple[float, float, float, float]:
    counts = np.bincount(small.ravel(), minlength=256)
    total = np.cumsum(counts) / small.size
    low, median, high = (float(np.searchsorted(total, share)) for share in (0.01, 0.5, 0.99))
    top = 250 if high > 236 else 235  # cameras send 16..235 or 0..255
    return low, median, high, float(counts[top:].sum()) / small.size


def _steps(small: U8) -> U8:
    """How much neighbours differ: |across| + |down| of the softened logarithm, at most 255."""
    curve = cv2.GaussianBlur(cv2.LUT(small, _LOG_LUT), (3, 3), 0)
    across = cv2.convertScaleAbs(cv2.Sobel(curve, cv2.CV_16S, 1, 0))
    down = cv2.convertScaleAbs(cv2.Sobel(curve, cv2.CV_16S, 0, 1))
    return np.asarray(cv2.add(across, down), np.uint8)


def _edges(steps: U8) -> U8:
    usual = float(np.median(steps[::4, ::4]))
    least = min(max(_EDGE_STEP, _EDGE_ABOVE_MEDIAN * usual), 4 * _EDGE_STEP)
    return np.asarray((steps > least).astype(np.uint8))


def _sharpness(luma: U8) -> tuple[F32, F32, F32]:
    """Of each tile: detail beyond noise as a share of its contrast, that contrast, that noise.

    Defocus takes the finest detail first; fog, dusk and exposure take all contrast alike.
    """
    height, width = luma.shape
    columns, rows = _SHARP_GRID
    side = min(_SHARP_SIDE_PX, width // columns, height // rows)
    if side < _LEAST_SIDE_PX:
        none = np.zeros(columns * rows, np.float32)
        return none, none, none
    tiles = np.stack(
        [
            luma[y : y + side, x : x + side]
            for y in _starts(height, rows, side)
            for x in _starts(width, columns, side)
        ]
    )
    # One sheet, a tile below the other; the seams are left out below.
    sheet = tiles.reshape(-1, side)
    steps = np.abs(np.asarray(cv2.Laplacian(sheet, cv2.CV_16S))).reshape(len(tiles), side, side)
    inner = steps[:, 2:-2, 2:-2].reshape(len(tiles), -1).astype(np.float32)
    noise = np.median(inner[:, ::3], axis=1) / _MEDIAN_OF_ABS
    energy = np.maximum(np.mean(inner * inner, axis=1) - noise * noise, 0.0)
    contrast = np.std(tiles.reshape(len(tiles), -1)[:, ::3], axis=1, dtype=np.float32)
    detail = np.sqrt(energy) / np.maximum(contrast, 1.0)
    return detail.astype(np.float32), contrast.astype(np.float32), noise.astype(np.float32)


def _starts(length: int, count: int, side: int) -> list[int]:
    step = length / count
    return [int(step * (i + 0.5) - side / 2) for i in range(count)]


def _smear(small: U8) -> float:
    """A concealed slice repeats the row above it, or drags a column down."""
    down = cv2.absdiff(small[1:], small[:-1])
    texture = cv2.absdiff(small[:, 1:], small[:, :-1]).mean(1)[1:]
    repeated = (down.mean(1) < 0.4) & (texture > 1.5)
    return float(np.mean(repeated))
