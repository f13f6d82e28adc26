"""The only reader of time. Everything else is given a `Clock` or a moment.

Monotonic seconds measure ages and durations; UTC is only for what leaves the box, and
always travels with a quality, because a Raspberry Pi has no battery-backed clock.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

#: Before this moment no clock can be right: the software is younger (and 1970 is "unset").
EARLIEST_PLAUSIBLE_UTC_S = dt.datetime(2026, 1, 1, tzinfo=dt.UTC).timestamp()

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STA_UNSYNC = 0x0040  # linux/timex.h
_TIME_ERROR = 5  # adjtimex(2): clock not synchronised


class ClockQuality(StrEnum):
    """How far UTC can be trusted."""

    SYNCED = "synced"  # the kernel says NTP disciplines it
    HOLDOVER = "holdover"  # was synced in this boot, is not now
    ESTIMATED = "estimated"  # plausible, never seen synced in this boot
    UNSET = "unset"  # 1970 and the like


@dataclass(frozen=True, slots=True)
class ClockReading:
    """One reading of both clocks together; `err_ms` is the kernel's error estimate."""

    utc_s: float
    mono_s: float
    quality: ClockQuality
    err_ms: int | None
    boot_id: str


class Clock(Protocol):
    """Where time comes from."""

    def mono_s(self) -> float:
        """Seconds that never jump; meaningful only within one boot."""
        ...

    def read(self) -> ClockReading:
        """UTC, monotonic time and their quality at one instant."""
        ...


class _Timeval(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_usec", ctypes.c_long))


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), up to the fields that we read; padded to its full size."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", _Timeval),
        ("tick", ctypes.c_long),
        ("_rest", ctypes.c_long * 32),
    )


def _kernel_sync() -> tuple[bool, int | None]:
    """(disciplined by NTP, maximum error in ms), from adjtimex(2) with no change asked."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        timex = _Timex()
        state = libc.adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return False, None
    if state < 0 or state == _TIME_ERROR or timex.status & _STA_UNSYNC:
        return False, None
    return True, int(timex.maxerror // 1000)


class SystemClock:
    """The machine's clocks. Safe to share between threads: it only reads."""

    def __init__(self) -> None:
        self._boot_id = _BOOT_ID.read_text().strip()[:8] if _BOOT_ID.exists() else "unknown"
        self._was_synced = False

    def mono_s(self) -> float:
        return time.monotonic()

    def read(self) -> ClockReading:
        utc_s, mono_s = time.time(), time.monotonic()
        synced, err_ms = _kernel_sync()
        if utc_s < EARLIEST_PLAUSIBLE_UTC_S:
            quality = ClockQuality.UNSET
        elif synced:
            quality = ClockQuality.SYNCED
            self._was_synced = True
        elif self._was_synced:
            quality = ClockQuality.HOLDOVER
        else:
            quality = ClockQuality.ESTIMATED
        return ClockReading(utc_s, mono_s, quality, err_ms, self._boot_id)


class ManualClock:
    """A clock that a test or a replay moves by hand."""

    def __init__(
        self,
        *,
        utc_s: float = EARLIEST_PLAUSIBLE_UTC_S,
        mono_s: float = 0.0,
        quality: ClockQuality = ClockQuality.SYNCED,
        boot_id: str = "00000000",
    ) -> None:
        self._utc_s, self._mono_s = utc_s, mono_s
        self.quality, self._boot_id = quality, boot_id

    def advance(self, seconds: float) -> None:
        """Let both clocks run on."""
        self._utc_s += seconds
        self._mono_s += seconds

    def step_utc(self, seconds: float) -> None:
        """Set UTC forward or back, as NTP does; monotonic time does not notice."""
        self._utc_s += seconds

    def mono_s(self) -> float:
        return self._mono_s

    def read(self) -> ClockReading:
        err_ms = 1 if self.quality is ClockQuality.SYNCED else None
        return ClockReading(self._utc_s, self._mono_s, self.quality, err_ms, self._boot_id)


def thread_cpu_s() -> float:
    """CPU seconds of the calling thread since its start."""
    return time.thread_time()


def rfc3339(utc_s: float) -> str:
    """`2026-11-23T06:12:03.412Z`: RFC 3339 in UTC with milliseconds."""
    moment = dt.datetime.fromtimestamp(utc_s, tz=dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
