"""What the process uses of its machine, read from /proc."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

#: mallopt(3) parameters of glibc.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

_MIB = 1 << 20


def keep_memory_small() -> None:
    """Ask glibc for few arenas and early returns to the kernel.

    By default each thread may get an arena of its own, and freed frames stay in them: with a
    thread per camera that is tens of megabytes for nothing. Does nothing without glibc.
    """
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_ARENA_MAX, 2)
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 17)
        libc.mallopt(_M_TRIM_THRESHOLD, 1 << 17)
    except (OSError, AttributeError):
        return


def rss_mib() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MIB


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def cpu_s() -> float:
    """CPU seconds of all threads, user and system, since the start."""
    times = os.times()
    return times.user + times.system


def disk_free_mib(path: Path) -> float:
    return shutil.disk_usage(path).free / _MIB
