"""Sums over maps of contours: float32 (height, width), compared with what is usual there."""

from __future__ import annotations

import math
import zlib

import numpy as np
from numpy.typing import NDArray

from edge_agent.domain import F32

Mask = NDArray[np.bool_]


def mean_square(map_: F32) -> float:
    """Of a map that is not empty."""
    return float(np.vdot(map_, map_)) / map_.size


def alike(usual: F32, now: F32) -> float:
    """Correlation about zero; 1 where nothing is usual, 0 where nothing is left."""
    energy = float(np.vdot(usual, usual))
    if energy <= 0:
        return 1.0
    both = energy * float(np.vdot(now, now))
    return float(np.vdot(usual, now)) / math.sqrt(both) if both > 0 else 0.0


def usual_alike(usual: F32, total: float) -> float:
    """What `alike` is of a look that is fine; `total`: mean square of such looks, 0..1."""
    return math.sqrt(min(1.0, mean_square(usual) / total)) if total > 0 else 1.0


def gain(usual: F32, now: F32) -> float:
    """By least squares: how much of what is usual is found again; 1 where nothing is usual."""
    energy = float(np.vdot(usual, usual))
    return float(np.vdot(usual, now)) / energy if energy > 0 else 1.0


def new(usual: F32, now: F32) -> float:
    """What is left of `now` without what is usual, as a share of that."""
    energy = float(np.vdot(usual, usual))
    if energy <= 0:
        return 0.0
    both = float(np.vdot(usual, now))
    return (float(np.vdot(now, now)) - both * both / energy) / energy


def at_share(values: NDArray[np.floating], share: float) -> float:
    """The value that so much of `values` (not empty) does not exceed; a quarter of the time that
    numpy.percentile takes for a few hundred."""
    place = int(share * (values.size - 1))
    return float(np.partition(values, place, axis=None)[place])


def overlap(map_: F32, x: int, y: int) -> F32:
    """What is left of `map_` when it begins at (x, y); negative: when it ends there."""
    height, width = map_.shape
    return map_[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)]


def packed(map_: F32) -> bytes:
    """Rounded to a byte each, and deflated."""
    return zlib.compress(np.clip(np.round(map_), -127, 127).astype(np.int8).tobytes())


def unpacked(data: bytes, height: int, width: int) -> F32:
    """Inflated to no more than it may be. Raises ValueError."""
    inflater = zlib.decompressobj()
    try:
        flat = inflater.decompress(data, height * width)
    except zlib.error as error:
        raise ValueError(f"the reference is damaged: {error}") from error
    if len(flat) != height * width or inflater.unconsumed_tail:
        raise ValueError("the reference's map does not fit its size")
    return np.frombuffer(flat, np.int8).reshape(height, width).astype(np.float32)


def least_quarter(gone: Mask, says: Mask) -> float:
    """The least share of tiles gone in any quarter of the picture with at least three that say
    something."""
    rows, columns = gone.shape
    shares = []
    for part_rows in (slice(0, rows // 2), slice(rows // 2, rows)):
        for part_columns in (slice(0, columns // 2), slice(columns // 2, columns)):
            there = np.count_nonzero(says[part_rows, part_columns])
            if there >= 3:
                shares.append(np.count_nonzero(gone[part_rows, part_columns]) / there)
    return min(shares) if shares else 0.0
