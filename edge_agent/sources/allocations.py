"""A bound on what libav takes at once: a few hundred kB of PNG or QuickTime inflate to gigabytes.

The size of pictures is checked before they are decoded; texts, colour profiles and compressed
headers are not pictures. PyAV has no name for av_max_alloc (libavutil/mem.h).
"""

from __future__ import annotations

import ctypes
from pathlib import Path

#: A plane of 40 megapixels with 4 bytes each takes 160 MB.
MOST_BYTES = 192 * 1024 * 1024
_MAPS = Path("/proc/self/maps")


def bound_allocations() -> int:
    """Of the whole process, once PyAV is imported. How many: OpenCV brings a libavutil, too."""
    try:
        lines = _MAPS.read_text().splitlines()
    except OSError:
        return 0
    paths = {line.split(maxsplit=5)[5] for line in lines if "/libavutil" in line}
    return sum(_bounded(path) for path in paths)


def _bounded(path: str) -> bool:
    try:
        av_max_alloc = ctypes.CDLL(path).av_max_alloc
    except (OSError, AttributeError):
        return False
    av_max_alloc.argtypes, av_max_alloc.restype = (ctypes.c_size_t,), None
    av_max_alloc(MOST_BYTES)
    return True
