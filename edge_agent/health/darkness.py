"""Whether it is dark where the camera looks: by its picture, and not by the hour."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from edge_agent.domain import Pixels, SampledPixels
from edge_agent.health.look import colour_spread

#: Half of the picture is no brighter than this: dark. Above the other it is light again.
_DARK_LEVEL, _LIGHT_LEVEL = 40.0, 60.0
#: Mean spread of colours, levels: below the first it is grey, as under infrared light, and until it
#: is above the second. What a decoder makes of grey has up to 3.
_GREY_LEVELS, _COLOUR_LEVELS = 4.0, 6.0
#: A torch, headlights and cloth before the lens are no day and no night.
HOLDS_S = 20.0
_EVERY_S = 1.0
#: Without pictures for so long the next one is believed at once: it may be morning.
_GAP_S = 600.0
#: Every so many pixels of every so many rows.
_STEP = 8


class DarknessState(msgspec.Struct, frozen=True, array_like=True):
    """What outlives a restart."""

    dark: bool | None


class Darkness:
    """One camera's. Owned by one thread, deterministic."""

    def __init__(self) -> None:
        self._dark: bool | None = None  # nothing was seen yet
        self._looked_s = -math.inf
        self._other_s: float | None = None  # since when it looks otherwise

    def update(self, pixels: Pixels, at_s: float) -> bool:
        """One picture; looked at once a second. Whether it is dark, as far as is known."""
        gap_s = at_s - self._looked_s
        if 0 <= gap_s < _EVERY_S:
            return bool(self._dark)
        self._looked_s = at_s
        seen = _seems_dark(pixels, self._dark)
        if self._dark is None or (math.isfinite(gap_s) and not 0 <= gap_s < _GAP_S):
            self._dark, self._other_s = seen, None
        elif seen is self._dark:
            self._other_s = None
        elif self._other_s is None:
            self._other_s = at_s
        elif at_s - self._other_s >= HOLDS_S:
            self._dark, self._other_s = seen, None
        return self._dark

    def state(self) -> DarknessState:
        return DarknessState(self._dark)

    def restore(self, state: DarknessState) -> None:
        """After a restart, or in the next recording, it is as it was until it is seen otherwise."""
        self._dark, self._looked_s, self._other_s = state.dark, -math.inf, None


def _seems_dark(pixels: Pixels, was_dark: bool | None) -> bool:
    level, spread = (_LIGHT_LEVEL, _COLOUR_LEVELS) if was_dark else (_DARK_LEVEL, _GREY_LEVELS)
    if float(np.median(pixels.luma()[::_STEP, ::_STEP])) <= level:
        return True
    few = pixels.sample_bgr() if isinstance(pixels, SampledPixels) else pixels.bgr()[::8, ::8]
    return float(np.mean(colour_spread(few))) < spread
