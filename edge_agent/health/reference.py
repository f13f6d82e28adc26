"""How a camera's picture usually is: where its edges lie and how sharp it is.

One reference for colour and one for the grey picture of infrared light: what the lamp at the
camera shows is another scene. A reference is learned only while nothing is wrong.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.domain import F32, U8
from edge_agent.health.look import TILE_PX, Look, tile_sums

#: The first minute is believed as it is: an installer looks at the picture just then.
FIRST_S = 60.0
#: Then edges follow the light of the day, much slower than a fault is raised.
_TAU_EDGES_S = 1800.0
#: Sharpness rises to better pictures as edges do (rain glitters, too) and forgets over days: dirt
#: comes slowly.
_TAU_SOFTER_S = 3 * 86400.0
#: An edge that is there in this share of the looks belongs to the scene.
_LASTING = 0.6
#: An edge that was seen less often than this is new.
_SELDOM = 0.2
#: Tiles with fewer lasting edges than this say nothing (sky, a wall).
_TEXTURED_PX = TILE_PX * TILE_PX * 0.04
#: In a tile that keeps less than this of its edges they are gone.
_TILE_LOST = 0.25
#: But not where what is left of the contrast lies where it always lay.
_TILE_UNLIKE = 0.4
#: Fainter than this share of usual it is hidden, not in fog.
_TILE_FAINT = 0.12
_WORTH_A_SECOND_LOOK = 0.1
#: Sharpness is judged in tiles with this contrast (levels) and usual detail, if there are some.
_LEAST_CONTRAST = 6.0
_LEAST_DETAIL = 0.15
_LEAST_TILES = 3
_NOISE_SHARE = 0.8
#: A lost tile with fewer edges now than this share of before is smooth.
_TILE_SMOOTH = 0.4
_MAX_SIDE_PX = 1024


Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A look beside its reference. Shares are of the tiles that have texture."""

    tiles: int  # with texture; few say little
    kept: float  # of the lasting edges, those that are there now and not by chance
    lost_frac: float  # tiles whose edges are gone
    smooth_frac: float  # tiles whose edges are gone and where nothing came instead
    fresh: float  # new edges in lost tiles for each lasting edge lost there
    spread: float  # the least share of lost tiles in a quarter of the picture
    shift_frac: float  # how far the scene moved, of the picture's height; 0: not found
    #: 1 - finest detail beside usual, where contrast remained; None: nowhere.
    softness: float | None


class ReferenceState(msgspec.Struct, frozen=True, array_like=True):
    """A reference in some 60 kB."""

    height: int
    width: int
    chance: bytes  # of an edge at each pixel, 0..255, zlib
    steps: bytes  # usual difference of neighbours, 0..255, zlib
    detail: list[float]
    learned_s: float


class Reference:
    """Of one camera in one light. Owned by its PictureHealth."""

    def __init__(self, chance: F32, steps: F32, detail: F32, learned_s: float) -> None:
        self._chance = chance  # of an edge at each pixel, 0..1
        self._steps = steps  # usual difference of neighbours, levels
        self._detail = detail  # of each full-size tile
        self.learned_s = learned_s

    @classmethod
    def begun(cls, look: Look) -> Reference:
        """From its first picture."""
        edges, steps = look.edges.astype(np.float32), look.steps.astype(np.float32)
        return cls(edges, steps, look.detail.copy(), 0.0)

    @property
    def known(self) -> bool:
        """Whether it was looked at for long enough to judge by."""
        return self.learned_s >= FIRST_S

    def fits(self, look: Look) -> bool:
        """Whether it is of pictures of this shape."""
        return self._chance.shape == look.edges.shape

    def learn(self, look: Look, dt_s: float) -> None:
        """From a look that is fine, `dt_s` after the one before."""
        self.learned_s += dt_s
        tau_s = _TAU_EDGES_S if self.known else max(self.learned_s, 1.0)
        share = 1.0 - math.exp(-dt_s / tau_s)
        cv2.accumulateWeighted(look.edges, self._chance, share)
        cv2.accumulateWeighted(look.steps, self._steps, share)
        sharper = look.detail > self._detail
        fall = 1.0 - math.exp(-dt_s / _TAU_SOFTER_S)
        self._detail += (look.detail - self._detail) * np.where(sharper, share, fall)

    def compare(self, look: Look) -> Comparison:
        """`look` beside what is usual; `fits` must hold."""
        lasting = np.asarray((self._chance > _LASTING).astype(np.uint8))
        near_now = _near(look.edges)
        usual = tile_sums(lasting)
        textured = usual >= _TEXTURED_PX
        tiles = int(np.count_nonzero(textured))
        if tiles == 0:
            return Comparison(0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, None)
        found = tile_sums(np.asarray(lasting & near_now)) / np.maximum(usual, 1)
        by_chance = tile_sums(near_now) / (TILE_PX * TILE_PX)
        kept = np.clip((found - by_chance) / np.maximum(1 - by_chance, 0.2), 0, 1)
        lost = textured & (kept < _TILE_LOST)
        if np.count_nonzero(lost) > _WORTH_A_SECOND_LOOK * tiles:
            faint = tile_sums(look.steps) < _TILE_FAINT * tile_sums(self._steps)
            lost &= faint | (self._likeness(look) < _TILE_UNLIKE)
        now = tile_sums(look.edges)
        smooth = lost & (now < _TILE_SMOOTH * usual)
        usually_near = _near((self._chance > _SELDOM).astype(np.uint8))
        fresh = tile_sums(np.asarray(look.edges & (1 - usually_near)))
        around = _near(lost.astype(np.uint8)) > 0
        kept_all = float((kept * usual)[textured].sum() / usual[textured].sum())
        return Comparison(
            tiles=tiles,
            kept=kept_all,
            lost_frac=float(np.count_nonzero(lost)) / tiles,
            smooth_frac=float(np.count_nonzero(smooth)) / tiles,
            fresh=float(fresh[around].sum() / max(1.0, usual[lost].sum())),
            spread=_least_quarter(lost, textured),
            shift_frac=self._shift(look) if kept_all < 0.6 else 0.0,
            softness=self._softness(look),
        )

    def _softness(self, look: Look) -> float | None:
        usable = (look.textured > _LEAST_CONTRAST) & (self._detail > _LEAST_DETAIL)
        # Where noise is as strong as the detail would be, nobody can say whether it is there.
        usable &= look.noise < _NOISE_SHARE * self._detail * look.textured
        if np.count_nonzero(usable) < _LEAST_TILES:
            return None
        return float(np.median(1.0 - look.detail[usable] / self._detail[usable]))

    def _likeness(self, look: Look) -> F32:
        """Correlation of the steps with the usual ones, for each tile: fog does not change it."""
        now, usual = look.steps.astype(np.float32), self._steps
        n = TILE_PX * TILE_PX
        mean_now, mean_usual = tile_sums(now) / n, tile_sums(usual) / n
        both = tile_sums(now * usual) / n - mean_now * mean_usual
        spread_now = tile_sums(now * now) / n - mean_now * mean_now
        spread_usual = tile_sums(usual * usual) / n - mean_usual * mean_usual
        return np.asarray(both / np.sqrt(np.maximum(spread_now * spread_usual, 1e-3)), np.float32)

    def _shift(self, look: Look) -> float:
        """By phase correlation of the edges (Kuglin and Hines, 1975)."""
        window = cv2.createHanningWindow(self._chance.shape[::-1], cv2.CV_32F)
        usual = cv2.GaussianBlur(self._chance, (5, 5), 0)
        now = cv2.GaussianBlur(look.edges.astype(np.float32), (5, 5), 0)
        (dx, dy), peak = cv2.phaseCorrelate(usual, now, window)
        far = math.hypot(dx, dy) / self._chance.shape[0]
        return far if peak > 0.12 else 0.0

    def state(self) -> ReferenceState:
        height, width = self._chance.shape
        chance = np.round(self._chance * 255).astype(np.uint8)
        steps = np.round(self._steps).astype(np.uint8)
        return ReferenceState(
            height,
            width,
            zlib.compress(chance.tobytes()),
            zlib.compress(steps.tobytes()),
            [float(value) for value in self._detail],
            self.learned_s,
        )

    @classmethod
    def restored(cls, state: ReferenceState) -> Reference:
        """Raises ValueError for what is no such state."""
        height, width = state.height, state.width
        if not (0 < height <= _MAX_SIDE_PX and 0 < width <= _MAX_SIDE_PX):
            raise ValueError(f"a reference of {width}x{height} pixels")
        return cls(
            _unpacked(state.chance, height, width) / np.float32(255),
            _unpacked(state.steps, height, width),
            np.array(state.detail, np.float32),
            state.learned_s,
        )


def _near(map_: U8) -> U8:
    """Grown by a pixel on every side: a hand's breadth of sway at the pole is no change."""
    return np.asarray(cv2.dilate(map_, np.ones((3, 3), np.uint8)), np.uint8)


def _unpacked(data: bytes, height: int, width: int) -> F32:
    """Inflated to no more than it may be. Raises ValueError."""
    inflater = zlib.decompressobj()
    try:
        flat = inflater.decompress(data, height * width)
    except zlib.error as error:
        raise ValueError(f"the reference is damaged: {error}") from error
    if len(flat) != height * width or inflater.unconsumed_tail:
        raise ValueError("the reference's map does not fit its size")
    return np.frombuffer(flat, np.uint8).reshape(height, width).astype(np.float32)


def _least_quarter(lost: Mask, textured: Mask) -> float:
    rows, columns = lost.shape
    shares = []
    for part_rows in (slice(0, rows // 2), slice(rows // 2, rows)):
        for part_columns in (slice(0, columns // 2), slice(columns // 2, columns)):
            there = np.count_nonzero(textured[part_rows, part_columns])
            if there >= 3:
                gone = np.count_nonzero(lost[part_rows, part_columns])
                shares.append(gone / there)
    return min(shares) if shares else 0.0
