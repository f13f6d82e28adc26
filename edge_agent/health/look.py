"""What one picture is like: a few numbers, and where its contours lie in two bands.

A glance has all but the fine band, which costs more than the rest together.

Everything is measured on a copy of about 320x180; only defocus needs full size, and looks at a few
tiles of it. Contours are measured on a softened logarithm, with what surrounds them taken away: so
a cloud, the camera's exposure or the shadow of a wall changes them little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from edge_agent.domain import F32, U8

#: About this many pixels are looked at; a person's height is a few of its rows.
_WORKING_AREA_PX = 320 * 180
#: Below this a picture is cut to whole tiles, and not made smaller.
_CUT_BELOW = 1.1
#: The maps are judged in tiles: about a twelfth of the picture's height each.
TILE_PX = 16
#: The coarse band: a pixel of it is so many of the working picture's.
COARSE_PX = 4
#: Full-size tiles are a tile of the working picture, but no larger than this.
_SHARP_SIDE_PX, _LEAST_SIDE_PX = 48, 16
#: White noise of one level makes this many in `steps` of `sharpness`: root of the sum of squares
#: of the kernel that smooths, and then takes the Laplacian.
_STEP_OF_NOISE = 0.637
#: No more of a tile's variance is taken for noise: fine texture looks like it.
_MOST_NOISE_SHARE = 0.5
#: A softened logarithm: brightness ratios become differences, black noise does not become large.
_SOFT = 16.0
_LOG_LUT: U8 = np.round(255 * np.log1p(np.arange(256) / _SOFT) / math.log1p(255 / _SOFT)).astype(
    np.uint8
)
#: Of the pixels: how many are darker than `low`, `median` and `high`.
_SHARES = np.array((0.01, 0.5, 0.99), np.float32)
#: What surrounds a pixel, and is taken away from it.
_AROUND_PX = 9
_AROUND_TILES = 5
#: Median of |x| of a Gaussian with standard deviation 1.
_MEDIAN_OF_ABS = 0.6745
#: Two pictures' pixels are the same where they differ by no more than this.
_SAME_LEVELS = 1
#: With so many changed pixels at least as many tiles changed, which is life enough.
_SURELY_ALIVE = 0.2
#: A row repeats the one above it where they differ by less than this share of its own texture.
_REPEATED, _LEAST_TEXTURE = 0.12, 0.5


@dataclass(frozen=True, slots=True)
class Glance:
    """What is cheap of a picture. Levels are 0..255, shares are of the whole picture."""

    median: float
    low: float  # 1st percentile
    high: float  # 99th percentile
    bright_frac: float  # at or above 250 (or 235 of a limited-range camera's 235)
    smear_frac: float  # rows repeated although they have texture
    sample: U8 = field(repr=False)  # uint8, every so many pixels, with all their noise
    curve: U8 = field(repr=False)  # uint8 (height, width), multiples of TILE_PX: its logarithm
    quarter: U8 = field(repr=False)  # the same, a fourth as wide and high
    coarse: F32 = field(repr=False)  # float32, the size of `quarter`: contours

    @property
    def contrast(self) -> float:
        """Levels between the darkest and the brightest percent."""
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class PictureFigures(Glance):
    """All of a picture's figures."""

    fine: F32 = field(repr=False)  # float32 (height, width): contours
    energy: F32 = field(repr=False)  # float32 (rows, columns): mean square of `fine` in each tile
    #: float32 (rows, columns): how bright each tile is beside the tiles around it. A camera that
    #: sways has no contours that are found again, but it has this.
    layout: F32 = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sharpness:
    """Of full-size tiles: finest detail beside its contrast, that contrast, the detail's noise."""

    detail: F32  # float32 (tiles,), without unit
    contrast: F32  # levels, standard deviation
    noise: F32  # levels


def take_glance(luma: U8) -> Glance:
    """Measure `luma` (uint8 (height, width), only read) in a third of the time of a look."""
    small = _working(luma)
    low, median, high, bright = _levels(small)
    curve = np.asarray(cv2.LUT(small, _LOG_LUT), np.uint8)
    size = (curve.shape[1] // COARSE_PX, curve.shape[0] // COARSE_PX)
    # Twice by half is an average, and cheap.
    half = cv2.resize(curve, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_LINEAR)
    quarter = np.asarray(cv2.resize(half, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    step = max(1, luma.shape[0] // small.shape[0])
    return Glance(
        median=median,
        low=low,
        high=high,
        bright_frac=bright,
        smear_frac=_smear(small),
        sample=luma[::step, ::step].copy(),
        curve=curve,
        quarter=quarter,
        coarse=_contours(quarter),
    )


def look_closer(glance: Glance) -> PictureFigures:
    """All that can be measured of the picture of `glance`."""
    fine = _contours(np.asarray(cv2.GaussianBlur(glance.curve, (3, 3), 0), np.uint8))
    return PictureFigures(
        median=glance.median,
        low=glance.low,
        high=glance.high,
        bright_frac=glance.bright_frac,
        smear_frac=glance.smear_frac,
        sample=glance.sample,
        curve=glance.curve,
        quarter=glance.quarter,
        coarse=glance.coarse,
        fine=fine,
        energy=tile_means(np.asarray(cv2.multiply(fine, fine), np.float32)),
        layout=_layout(glance.quarter),
    )


def sharpness(luma: U8, places: Sequence[tuple[int, int]], tiles: tuple[int, int]) -> Sharpness:
    """Of the full-size tiles at `places` (row, column) of a grid of `tiles` (rows, columns).

    Defocus takes the finest detail first; fog, dusk and exposure take all contrast alike.
    """
    height, width = luma.shape
    side = min(_SHARP_SIDE_PX, height // tiles[0], width // tiles[1])
    if side < _LEAST_SIDE_PX or not places:
        none = np.zeros(len(places), np.float32)
        return Sharpness(none, none, none)
    down, across = height / tiles[0], width / tiles[1]
    cut = []
    for row, column in places:
        y = int((row + 0.5) * down - side / 2)
        x = int((column + 0.5) * across - side / 2)
        cut.append(luma[y : y + side, x : x + side])
    # One sheet, a tile beside the other: filters like long rows. The seams are left out below.
    sheet = np.concatenate(cut, axis=1)
    apart = (side, len(cut), side)
    # A little smoothing takes much of the noise, and little of what defocus takes.
    soft = cv2.GaussianBlur(sheet, (3, 3), 0)
    steps = np.asarray(cv2.convertScaleAbs(cv2.Laplacian(soft, cv2.CV_16S)), np.uint8)
    inner = steps.reshape(apart)[2:-2, :, 2:-2:2].transpose(1, 0, 2)
    flat = inner.astype(np.float32, order="C").reshape(len(cut), -1)
    some = flat[:, ::5]
    middle = some.shape[1] // 2  # numpy.median takes three times as long
    noise = np.partition(some, middle, axis=1)[:, middle] / _MEDIAN_OF_ABS
    energy = np.maximum(np.einsum("ij,ij->i", flat, flat) / flat.shape[1] - noise * noise, 0.0)
    pixels = sheet.reshape(apart).transpose(1, 0, 2).reshape(len(cut), -1)
    variance = np.var(pixels[:, ::7], axis=1, dtype=np.float32)
    # Noise is contrast, too, and more of it at night: without this a dim picture seemed soft.
    of_noise = np.minimum((noise / _STEP_OF_NOISE) ** 2, _MOST_NOISE_SHARE * variance)
    contrast = np.sqrt(variance - of_noise)
    detail = np.sqrt(energy) / np.maximum(contrast, 1.0)
    return Sharpness(
        detail.astype(np.float32), contrast.astype(np.float32), noise.astype(np.float32)
    )


def still_tiles(now: U8, before: U8) -> float:
    """Share of tiles in which not one pixel changed between two samples; noise changes some.

    0 where the sizes differ. Where many pixels changed it is the most that it can be.
    """
    if now.shape != before.shape:
        return 0.0
    differ = cv2.absdiff(now, before)
    changed = cv2.threshold(differ, _SAME_LEVELS, 255, cv2.THRESH_BINARY)[1]
    count = cv2.countNonZero(changed)
    if count > _SURELY_ALIVE * changed.size:
        return 1.0 - count / changed.size
    # One pixel of a tile's 256 makes a mean of 1.
    means = _tile_means(np.asarray(changed, np.uint8))
    return 1.0 - cv2.countNonZero(means) / means.size


def colour_spread(bgr: U8) -> U8:
    """uint8 (height, width): from the smallest to the largest of B, G and R; grey is 0."""
    return np.asarray(bgr.max(2) - bgr.min(2), np.uint8)


def tile_means(map_: F32) -> F32:
    """float32 (rows, columns): means of tiles of `TILE_PX`; what is left at the edges is cut."""
    return np.asarray(_tile_means(map_), np.float32)


def _tile_means(map_: F32 | U8) -> cv2.typing.MatLike:
    rows, columns = max(1, map_.shape[0] // TILE_PX), max(1, map_.shape[1] // TILE_PX)
    cut = map_[: rows * TILE_PX, : columns * TILE_PX]
    return cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA)


def _working(luma: U8) -> U8:
    """About 320x180 pixels, each side a multiple of `TILE_PX`; by halves, which averages."""
    picture = luma
    while picture.size >= 4 * _WORKING_AREA_PX:
        size = (picture.shape[1] // 2, picture.shape[0] // 2)
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    height, width = picture.shape
    factor = max(1.0, math.sqrt(picture.size / _WORKING_AREA_PX))
    rows = max(TILE_PX, int(height / factor) // TILE_PX * TILE_PX)
    columns = max(TILE_PX, int(width / factor) // TILE_PX * TILE_PX)
    if factor < _CUT_BELOW and rows <= height and columns <= width:
        top, left = (height - rows) // 2, (width - columns) // 2
        return picture[top : top + rows, left : left + columns]
    return np.asarray(
        cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_LINEAR), np.uint8
    )


def _levels(small: U8) -> tuple[float, float, float, float]:
    few = small[::4]
    counts = np.asarray(cv2.calcHist([few], [0], None, [256], [0, 256])).ravel()
    total = counts.cumsum()
    low, median, high = (float(level) for level in total.searchsorted(_SHARES * few.size))
    top = 250 if high > 236 else 235  # cameras send 16..235 or 0..255
    return low, median, high, float(few.size - total[top - 1]) / few.size


def _contours(curve: U8) -> F32:
    """Above (positive) or below what lies around, levels of the curve."""
    around = cv2.blur(curve, (_AROUND_PX, _AROUND_PX))
    return np.asarray(cv2.subtract(curve, around, dtype=cv2.CV_32F), np.float32)


def _layout(quarter: U8) -> F32:
    columns, rows = (side * COARSE_PX // TILE_PX for side in quarter.shape[::-1])
    bright = cv2.resize(quarter.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(bright - cv2.blur(bright, (_AROUND_TILES, _AROUND_TILES)), np.float32)


def _smear(small: U8) -> float:
    """A concealed slice repeats the row above it."""
    down = _row_means(cv2.absdiff(small[1:], small[:-1]))
    texture = _row_means(cv2.absdiff(small[:, 1:], small[:, :-1]))[1:]
    smeared = (texture > _LEAST_TEXTURE) & (down < _REPEATED * texture)
    return float(np.count_nonzero(smeared)) / smeared.size


def _row_means(picture: object) -> F32:
    mean = cv2.reduce(np.asarray(picture), 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)
    return np.asarray(mean, np.float32).ravel()
