"""A camera's reference as it is kept on disk, and what it must be to be believed."""

from __future__ import annotations

import msgspec
import numpy as np

from edge_agent.health.look import TILE_PX

VERSION = 3
#: Of so many tiles the sharpness is kept.
SHARP_TILES = 12
_MAX_SIDE_PX = 1024


class ReferenceState(msgspec.Struct, frozen=True, array_like=True):
    """A reference in some 60 kB. Maps are quantised, and packed by zlib."""

    version: int
    height: int
    width: int
    fine: bytes  # int8, half levels
    coarse: bytes  # int8, levels
    noise: list[float]  # of each tile, mean square
    gain: list[float]
    places: list[tuple[int, int]]
    detail: list[float]
    varies: float
    smear_frac: float
    learned_s: float
    coarse_total: float
    layout: list[float]
    layout_total: float


def check(state: ReferenceState) -> None:
    """Raises ValueError for what is no state of this version, or does not fit together."""
    height, width = state.height, state.width
    if state.version != VERSION:
        raise ValueError(f"a reference of version {state.version}")
    if not all(0 < side <= _MAX_SIDE_PX and side % TILE_PX == 0 for side in (height, width)):
        raise ValueError(f"a reference of {width}x{height} pixels")
    rows, columns = height // TILE_PX, width // TILE_PX
    if not (len(state.noise) == len(state.gain) == len(state.layout) == rows * columns):
        raise ValueError("the reference's tiles do not fit its size")
    if len(state.places) != len(state.detail) or len(state.places) > SHARP_TILES:
        raise ValueError("the reference's sharp places do not fit its detail")
    if not all(0 <= row < rows and 0 <= column < columns for row, column in state.places):
        raise ValueError("the reference's sharp places lie outside of the picture")
    each = [*state.noise, *state.gain, *state.layout, *state.detail]
    whole = [state.varies, state.learned_s, state.coarse_total, state.layout_total]
    if not np.isfinite(each + whole).all():
        raise ValueError("the reference has figures that are no numbers")
