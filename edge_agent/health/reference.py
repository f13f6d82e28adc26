"""How a camera's picture usually is: where its contours lie, how much they vary, how sharp it is.

One reference for colour and one for the grey picture of infrared light: what the lamp at the
camera shows is another scene. A reference is learned only while nothing is wrong.

A look is compared tile by tile. What is usual there is found again with a factor, its gain, by
least squares: 1 as ever, 0.4 in fog, 0 where something hides it. The mean of many looks has
contours that one look's noise hides, so a bare wall has tiles that say something, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from edge_agent.domain import F32, U8
from edge_agent.health import maps
from edge_agent.health.look import (
    COARSE_PX,
    TILE_PX,
    Glance,
    PictureFigures,
    Sharpness,
    sharpness,
    tile_means,
)
from edge_agent.health.maps import Mask
from edge_agent.health.reference_state import SHARP_TILES, VERSION, ReferenceState, check

#: The first minute is believed as it is: an installer looks at the picture just then.
FIRST_S = 60.0
#: So much of it is enough to compare with.
KNOWN_S = 12.0
#: Then contours follow the light of the day, much slower than a fault is raised.
_TAU_CONTOURS_S = 1800.0
#: Sharpness rises to better pictures as contours do (rain glitters, too) and forgets over days:
#: dirt comes slowly.
_TAU_SOFTER_S = 3 * 86400.0
#: A tile says something where its contours have this mean square (levels of the curve)...
_LEAST_ENERGY = 0.6
#: ...and are usually found with this gain, and with an error no larger than this.
_USUAL_GAIN, _USUAL_ERROR = 0.4, 0.12
#: Of a tile's 256 pixels so many are worth an independent one: contours are wider than a pixel.
_INDEPENDENT = 64.0
#: Contours are gone below this share of the picture's gain, which fog lowers, but not below.
_GONE_GAIN, _LEAST_GAIN = 0.25, 0.4
#: With a larger error of the gain a tile is not judged, unless it shows something else.
_UNSURE = 0.3
#: Something else: so many times the usual variation, and alike by no more than this.
_OTHER_TIMES, _OTHER_ALIKE = 2.0, 0.3
#: Smooth: less than this share of the usual contours, noise taken off.
_SMOOTH_SHARE = 0.35
#: Sharpness is judged in tiles with this contrast (levels) and usual detail, if there are some.
_LEAST_CONTRAST = 6.0
_LEAST_DETAIL = 0.12
_LEASTSHARP_TILES = 3
_NOISE_SHARE = 0.8
_MOST_VARIATION = 0.15
_WORTH_A_SEARCH = 0.35
#: Where a camera sways, contours are not found again, but there are as many of them: a tile is
#: rich with so many times the energy of the picture's poorest tiles.
_RICH_TIMES, _POOREST = 12.0, 0.1
#: Of all tiles: with more that say something nobody has to ask.
_FEW = 0.25
#: Brightness lies somewhere: levels of the curve; and is mostly found there again.
_LEAST_LAYOUT, _LEAST_LAYOUT_ALIKE = 2.0, 0.7


@dataclass(frozen=True, slots=True)
class Beside:
    """A look beside what is usual, for each tile, float32 (rows, columns)."""

    gain: F32  # of the usual contours
    left: F32  # mean square of what they do not explain


@dataclass(frozen=True, slots=True)
class AgainstReference:
    """A look beside its reference. Shares are of the tiles that say something."""

    tiles: int  # that say something now; few say little
    gain: float  # of the picture's contours, where they are best kept
    fine_gain: float  # of all contours together
    gone_frac: float  # tiles whose contours are gone
    smooth_frac: float  # tiles whose contours are gone and where nothing came instead
    spread: float  # the least share of gone tiles in a quarter of the picture
    coarse_gain: float  # of the coarse band, whole picture
    coarse_alike: float  # correlation of the coarse bands, whole picture, -1..1
    coarse_gone_gain: float  # the coarse band's where the contours are gone; 1 where none are
    shift_frac: float  # how far the scene moved, of the picture's height; 0: not found
    shift_alike: float  # correlation of the fine bands once that shift is undone
    #: 1 - finest detail beside usual, where contrast remained; None: nowhere.
    softness: float | None
    usual_softness: float = 0.0  # by so much it varies without a fault
    rich_tiles: int = 0  # with many contours usually, wherever in the tile they are
    hushed_frac: float = 0.0  # of these: those with next to none now
    energy_ratio: float = 1.0  # contours of the fine band beside those of the coarse one, to usual
    usual_coarse_alike: float = 1.0  # of a look that is fine
    usual_coarse_new: float = 0.0
    #: Where brightness lies, whole picture: correlation beside that of a look that is fine, and
    #: contrast beside the usual one. None: it is nowhere, or never the same.
    layout_alike: float | None = None
    layout_contrast: float = 1.0
    fine_new: float = 0.0  # contours that were not there, as a share of the usual ones' energy
    coarse_new: float = 0.0  # the same in the coarse band; what is close to a lens is out of focus


class Reference:
    """Of one camera in one light. Owned by its PictureHealth."""

    def __init__(
        self, fine: F32, coarse: F32, layout: F32, noise: F32, gain: F32, learned_s: float
    ) -> None:
        self._fine = fine  # mean contours, levels of the curve
        self._coarse = coarse
        self._noise = noise  # of each tile: mean square of what is not usual
        self._gain = gain  # of each tile, usually
        self._total = noise + tile_means(fine * fine)  # of each: mean square of all contours
        self._coarse_total = maps.mean_square(coarse)
        self._layout = layout
        self._layout_total = maps.mean_square(layout)
        self._energy = tile_means(fine * fine)
        self._energy_s = learned_s
        self.learned_s = learned_s
        self.places: tuple[tuple[int, int], ...] = ()
        self._detail = np.zeros(0, np.float32)
        self._varies = 0.0  # how much softness varies without a fault
        self.smear_frac = 0.0  # rows that repeat each other although nothing is wrong

    @classmethod
    def begun(cls, look: PictureFigures) -> Reference:
        """From its first picture."""
        ones = np.ones_like(look.energy)
        return cls(
            look.fine.copy(), look.coarse.copy(), look.layout.copy(), look.energy * 0, ones, 0.0
        )

    @property
    def known(self) -> bool:
        """Whether it was looked at for long enough to judge by."""
        return self.learned_s >= KNOWN_S

    @property
    def young(self) -> bool:
        """Whether it is of the first minute, in which a camera is still set up."""
        return self.learned_s < FIRST_S

    def fits(self, glance: Glance) -> bool:
        """Whether it is of pictures of this shape."""
        return self._fine.shape == glance.curve.shape

    def coarse_alike(self, glance: Glance) -> float:
        """Correlation of the coarse bands, whole picture, -1..1; `fits` must hold."""
        return maps.alike(self._coarse, glance.coarse)

    def sharpness(self, luma: U8) -> Sharpness:
        """Of `luma` where it is judged."""
        return sharpness(luma, self.places, (self._energy.shape[0], self._energy.shape[1]))

    def learn(
        self, look: PictureFigures, beside: Beside, sharp: Sharpness | None, dt_s: float
    ) -> None:
        """From a look that is fine, `dt_s` after the one before."""
        self.learned_s += dt_s
        tau_s = _TAU_CONTOURS_S if not self.young else max(self.learned_s, 1.0)
        share = 1.0 - math.exp(-dt_s / tau_s)
        self._noise += (beside.left - self._noise) * share
        self._total += (look.energy - self._total) * share
        self._coarse_total += (maps.mean_square(look.coarse) - self._coarse_total) * share
        self._gain += (np.clip(beside.gain, 0, 1.5) - self._gain) * share
        self.smear_frac += (look.smear_frac - self.smear_frac) * share
        cv2.accumulateWeighted(look.fine, self._fine, share)
        cv2.accumulateWeighted(look.coarse, self._coarse, share)
        self._layout_total += (maps.mean_square(look.layout) - self._layout_total) * share
        self._layout += (look.layout - self._layout) * np.float32(share)
        if self.young or self.learned_s - self._energy_s > 10.0:
            self._energy = tile_means(np.asarray(cv2.multiply(self._fine, self._fine), np.float32))
            self._energy_s = self.learned_s
        if self.known and not self.places:
            self._choose_places()
        elif sharp is not None and len(sharp.detail) == len(self._detail):
            self._learn_detail(sharp, share, tau_s, dt_s)

    def _learn_detail(self, sharp: Sharpness, share: float, tau_s: float, dt_s: float) -> None:
        if not self._detail.any():
            self._detail = sharp.detail.copy()
        softness = self._softness(sharp)
        if softness is not None:
            self._varies += (min(abs(softness), _MOST_VARIATION) - self._varies) * share
        sharper = sharp.detail > self._detail
        fall = 1.0 - math.exp(-dt_s / (tau_s if self.young else _TAU_SOFTER_S))
        self._detail += (sharp.detail - self._detail) * np.where(sharper, share, fall)

    def beside(self, look: PictureFigures) -> Beside:
        """Tile by tile; `fits` must hold."""
        both = tile_means(np.asarray(cv2.multiply(look.fine, self._fine), np.float32))
        gain = both / np.maximum(self._energy, 1e-3)
        left = np.maximum(look.energy - both * gain, 0)
        return Beside(np.asarray(gain, np.float32), np.asarray(left, np.float32))

    def compare(
        self, look: PictureFigures, beside: Beside, sharp: Sharpness | None
    ) -> AgainstReference:
        """`look` beside what is usual; `sharp`: the newest, where there is one. What came instead
        is asked only where something is gone."""
        found, left = beside.gain, beside.left
        error = np.sqrt(left / (np.maximum(self._energy, 1e-3) * _INDEPENDENT))
        usual_error = np.sqrt(self._noise / (np.maximum(self._energy, 1e-3) * _INDEPENDENT))
        says = (
            (self._energy > _LEAST_ENERGY)
            & (self._gain > _USUAL_GAIN)
            & (usual_error < _USUAL_ERROR)
        )
        alike = found * np.sqrt(self._energy / np.maximum(look.energy, 1e-3))
        other = (left > _OTHER_TIMES * (self._noise + 0.5 * self._energy)) & (alike < _OTHER_ALIKE)
        says &= (error < _UNSURE) | other
        tiles = int(np.count_nonzero(says))
        few = tiles < _FEW * says.size
        rich_tiles, hushed_frac, energy_ratio = self._hushed(look) if few else (0, 0.0, 1.0)
        layout_alike, layout_contrast = self._layout_beside(look) if few else (None, 1.0)
        if tiles == 0:
            return replace(
                _NOTHING,
                rich_tiles=rich_tiles,
                hushed_frac=hushed_frac,
                energy_ratio=energy_ratio,
                softness=self._softness(sharp) if sharp is not None else None,
                usual_softness=2 * self._varies,
                layout_alike=layout_alike,
                layout_contrast=layout_contrast,
            )
        relative = np.asarray(found / np.maximum(self._gain, _USUAL_GAIN), np.float32)
        gain = maps.at_share(relative[says], 0.8)
        fewest = _GONE_GAIN * min(max(gain, _LEAST_GAIN), 1.0)
        # Noise can hide what is there: such a tile says nothing.
        surely = 2 * error < max(gain, _LEAST_GAIN) - relative
        says &= (relative >= fewest) | surely | other
        tiles = int(np.count_nonzero(says))
        if tiles == 0:
            return replace(_NOTHING, layout_alike=layout_alike, layout_contrast=layout_contrast)
        gone = says & ((relative < fewest) | other)
        count = int(np.count_nonzero(gone))
        softness = None if sharp is None else self._softness(sharp, gone if count else None)
        fine_gain = float(np.vdot(relative[says], self._energy[says]) / self._energy[says].sum())
        whole = AgainstReference(
            tiles=tiles,
            gain=gain,
            fine_gain=fine_gain,
            gone_frac=0.0,
            smooth_frac=0.0,
            spread=0.0,
            coarse_gain=maps.gain(self._coarse, look.coarse),
            coarse_alike=maps.alike(self._coarse, look.coarse),
            coarse_gone_gain=1.0,
            shift_frac=0.0,
            shift_alike=0.0,
            softness=softness,
            usual_softness=2 * self._varies,
            rich_tiles=rich_tiles,
            hushed_frac=hushed_frac,
            energy_ratio=energy_ratio,
            layout_alike=layout_alike,
            layout_contrast=layout_contrast,
        )
        if count == 0:
            return whole
        noise = np.minimum(self._noise, left)
        rich = look.energy - noise > _SMOOTH_SHARE * self._energy * min(max(gain, 0.5), 1.0) ** 2
        smooth = gone & ~rich
        gone_frac = count / tiles
        usual_coarse_alike = maps.usual_alike(self._coarse, self._coarse_total)
        far, shift_alike = self._shift(look) if gone_frac > _WORTH_A_SEARCH else (0.0, 0.0)
        return replace(
            whole,
            gone_frac=gone_frac,
            smooth_frac=float(np.count_nonzero(smooth)) / tiles,
            spread=maps.least_quarter(gone, says),
            coarse_gone_gain=maps.gain(*self._coarse_in(look, gone)),
            shift_frac=far,
            shift_alike=shift_alike,
            usual_coarse_alike=usual_coarse_alike,
            usual_coarse_new=1 / usual_coarse_alike**2 - 1,
            fine_new=float((left - noise)[says].sum() / self._energy[says].sum()),
            coarse_new=maps.new(self._coarse, look.coarse),
        )

    def _hushed(self, look: PictureFigures) -> tuple[int, float, float]:
        """`rich_tiles`, `hushed_frac` and `energy_ratio` of a comparison."""
        floor = maps.at_share(np.minimum(self._total, look.energy), _POOREST)
        rich = self._total > max(_RICH_TIMES * floor, _RICH_TIMES * _LEAST_ENERGY)
        tiles = int(np.count_nonzero(rich))
        if tiles == 0:
            return 0, 0.0, 1.0
        ratio = look.energy[rich] / self._total[rich]
        whole = min(1.0, max(maps.at_share(ratio, 0.8), _LEAST_GAIN**2))
        hushed = float(np.mean(ratio < _GONE_GAIN**2 * whole))
        coarse = maps.mean_square(look.coarse) / max(self._coarse_total, 1e-3)
        fine = float(look.energy[rich].sum() / self._total[rich].sum())
        return tiles, hushed, math.sqrt(fine / max(coarse, 1e-3))

    def _layout_beside(self, look: PictureFigures) -> tuple[float | None, float]:
        """`layout_alike` and `layout_contrast` of a comparison."""
        usual = maps.usual_alike(self._layout, self._layout_total)
        if self._layout_total < _LEAST_LAYOUT**2 or usual < _LEAST_LAYOUT_ALIKE:
            return None, 1.0
        contrast = math.sqrt(maps.mean_square(look.layout) / self._layout_total)
        return maps.alike(self._layout, look.layout) / usual, contrast

    def _coarse_in(self, look: PictureFigures, where: Mask) -> tuple[F32, F32]:
        """The coarse bands in these tiles: usual and now."""
        side = TILE_PX // COARSE_PX
        mask = np.repeat(np.repeat(where, side, 0), side, 1)
        return self._coarse[mask], look.coarse[mask]

    def _shift(self, look: PictureFigures) -> tuple[float, float]:
        """By phase correlation (Kuglin and Hines, 1975), and how alike both are after it."""
        size = (self._fine.shape[1] // 2, self._fine.shape[0] // 2)
        usual = np.asarray(cv2.resize(self._fine, size, interpolation=cv2.INTER_LINEAR), np.float32)
        now = np.asarray(cv2.resize(look.fine, size, interpolation=cv2.INTER_LINEAR), np.float32)
        usual, now = np.clip(usual, -20, 20), np.clip(now, -20, 20)
        window = cv2.createHanningWindow(size, cv2.CV_32F)
        (dx, dy), _ = cv2.phaseCorrelate(usual, now, window)
        x, y = round(dx), round(dy)
        if abs(x) >= size[0] * 3 // 4 or abs(y) >= size[1] * 3 // 4:
            return 0.0, 0.0
        before, after = maps.overlap(usual, -x, -y), maps.overlap(now, x, y)
        return math.hypot(dx, dy) / size[1], maps.alike(before, after)

    def _softness(self, sharp: Sharpness, gone: Mask | None = None) -> float | None:
        """Not of what stands before the scene, in tiles that are gone."""
        if not len(sharp.detail) or len(sharp.detail) != len(self._detail):
            return None
        usable = (sharp.contrast > _LEAST_CONTRAST) & (self._detail > _LEAST_DETAIL)
        # Where noise is as strong as the detail would be, nobody can say whether it is there.
        usable &= sharp.noise < _NOISE_SHARE * self._detail * sharp.contrast
        if gone is not None:
            usable &= np.array([not gone[place] for place in self.places], bool)
        if np.count_nonzero(usable) < _LEASTSHARP_TILES:
            return None
        return float(np.median(1.0 - sharp.detail[usable] / self._detail[usable]))

    def _choose_places(self) -> None:
        """Where the finest contours are, for good."""
        order = np.argsort(self._energy, axis=None)[::-1][:SHARP_TILES]
        columns = self._energy.shape[1]
        self.places = tuple((int(i) // columns, int(i) % columns) for i in sorted(order))
        self._detail = np.zeros(len(self.places), np.float32)

    def state(self) -> ReferenceState:
        height, width = self._fine.shape
        return ReferenceState(
            VERSION,
            height,
            width,
            maps.packed(self._fine * 2),
            maps.packed(self._coarse),
            [float(value) for value in self._noise.ravel()],
            [float(value) for value in self._gain.ravel()],
            list(self.places),
            [float(value) for value in self._detail],
            self._varies,
            self.smear_frac,
            self.learned_s,
            self._coarse_total,
            [float(value) for value in self._layout.ravel()],
            self._layout_total,
        )

    @classmethod
    def restored(cls, state: ReferenceState) -> Reference:
        """Raises ValueError for what is no such state."""
        check(state)
        height, width = state.height, state.width
        rows, columns = height // TILE_PX, width // TILE_PX
        made = cls(
            maps.unpacked(state.fine, height, width) / np.float32(2),
            maps.unpacked(state.coarse, height // COARSE_PX, width // COARSE_PX),
            np.array(state.layout, np.float32).reshape(rows, columns),
            np.array(state.noise, np.float32).reshape(rows, columns),
            np.array(state.gain, np.float32).reshape(rows, columns),
            state.learned_s,
        )
        made.places = tuple(state.places)
        made._detail = np.array(state.detail, np.float32)
        made._varies, made.smear_frac = state.varies, state.smear_frac
        made._coarse_total, made._layout_total = state.coarse_total, state.layout_total
        return made


_NOTHING = AgainstReference(0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, None)
