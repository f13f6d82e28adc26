"""Stops the agent in order before the kernel kills it: out of memory without a lost event."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.agent import process
from edge_agent.config import Config

_MB_PER_MIB = 1.048576

#: Looks in a row above the limit. One alone may be a passing peak: a 4K picture, a large JPEG.
_PATIENCE = 4


#: What the agent may use with up to eight cameras, and for each further one: sixteen 1080p cameras
#: that wake at once reached 560 MB (benchmarks/decode.md).
_BASE_MB, _BASE_CAMERAS, _CAMERA_MB = 400, 8, 30
#: Below the unit's MemoryHigh (620 MiB): the orderly stop comes before the kernel's.
_MOST_MB = 640


def memory_limit_mb(config: Config) -> int:
    """`box.max_rss_mb`, or what suits the number of cameras."""
    limit = config.box.max_rss_mb
    if limit != "auto":
        return limit
    cameras = sum(camera.enabled for camera in config.cameras)
    return min(_MOST_MB, _BASE_MB + _CAMERA_MB * max(0, cameras - _BASE_CAMERAS))


class MemoryGuard:
    """Owned by the main thread, which asks it twice a second.

    Raspberry Pi OS ships with the memory cgroup switched off, so the unit's MemoryMax does
    nothing there: a leak in a native library would end in the kernel's killer, at any moment
    and perhaps in another process. An orderly stop ends events and flushes the outbox; the
    service manager then starts a clean process.
    """

    def __init__(self, limit_mb: float, rss_mib: Callable[[], float] = process.rss_mib) -> None:
        self._limit_mb = limit_mb
        self._rss_mib = rss_mib
        self._above = 0

    def complaint(self) -> str | None:
        """What to say when it is time to stop; None while memory is within the limit."""
        used_mb = self._rss_mib() * _MB_PER_MIB
        self._above = self._above + 1 if used_mb > self._limit_mb else 0
        if self._above < _PATIENCE:
            return None
        return (
            f"the agent uses {used_mb:.0f} MB of memory, more than box.max_rss_mb = "
            f"{self._limit_mb:g}: stopping, so that the service manager starts it anew; when "
            "this comes back, use the cameras' sub-streams, or raise the limit"
        )
