"""Stops the agent in order before the kernel kills it: out of memory without a lost event."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from edge_agent.config import Config
from edge_agent.domain import CameraId
from edge_agent.runtime import process
from edge_agent.sources import CameraFeed

log = logging.getLogger(__name__)

_MB_PER_MIB = 1.048576

#: Looks in a row above the limit. One alone may be a passing peak: a 4K picture, a large JPEG.
_PATIENCE = 4


#: What the agent may use with up to eight cameras, and for each further one: sixteen 1080p cameras
#: that wake at once reached 560 MB (benchmarks/decode.md).
_BASE_MB, _BASE_CAMERAS, _CAMERA_MB = 400, 8, 30
#: Below the unit's MemoryHigh (620 MiB): the orderly stop comes before the kernel's.
_MOST_MB = 640
#: A decoder with less than this share of the limit is not what fills the memory.
_WORTH_FRAC = 0.1


def memory_limit_mb(config: Config) -> int:
    """`box.max_rss_mb`, or what suits the number of cameras."""
    limit = config.box.max_rss_mb
    if limit != "auto":
        return limit
    cameras = sum(camera.enabled for camera in config.cameras)
    return min(_MOST_MB, _BASE_MB + _CAMERA_MB * max(0, cameras - _BASE_CAMERAS))


#: Gives up the largest decoder of at least so many MB, and says whose it was; None: there is none
#: whose end would help.
Relief = Callable[[float], str | None]


def give_up_largest(feeds: Mapping[CameraId, CameraFeed], least_mb: float) -> str | None:
    """A `Relief`."""
    name = max(feeds, key=lambda one: feeds[one].decoder_mb, default=None)
    if name is None or feeds[name].decoder_mb < least_mb:
        return None
    feeds[name].give_up()
    return name


class MemoryGuard:
    """Owned by the main thread, which asks it twice a second.

    Raspberry Pi OS ships with the memory cgroup switched off, so the unit's MemoryMax does
    nothing there: a leak in a native library would end in the kernel's killer, at any moment
    and perhaps in another process. An orderly stop ends events and flushes the outbox; the
    service manager then starts a clean process.
    """

    def __init__(
        self,
        limit_mb: float,
        rss_mib: Callable[[], float] = process.rss_mib,
    ) -> None:
        self._limit_mb = limit_mb
        self._rss_mib = rss_mib
        self._above = 0

    def complaint(self, relieve: Relief = lambda _mb: None) -> str | None:
        """What to say when it is time to stop; None while memory is within the limit, or was
        relieved: one camera less is better than none at all."""
        used_mb = self._rss_mib() * _MB_PER_MIB
        self._above = self._above + 1 if used_mb > self._limit_mb else 0
        if self._above < _PATIENCE:
            return None
        relieved = relieve(_WORTH_FRAC * self._limit_mb)
        if relieved is not None:
            log.warning(
                "the agent uses %.0f MB of memory, more than box.max_rss_mb = %g: camera %s, whose "
                "pictures take most of it, is given up for now; use its sub-stream",
                used_mb,
                self._limit_mb,
                relieved,
            )
            self._above = 0  # its memory comes back when its thread has let go of it
            return None
        return (
            f"the agent uses {used_mb:.0f} MB of memory, more than box.max_rss_mb = "
            f"{self._limit_mb:g}: stopping, so that the service manager starts it anew; when "
            "this comes back, use the cameras' sub-streams, or raise the limit"
        )
