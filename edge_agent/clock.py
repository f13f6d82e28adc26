"""The only reader of time. Everything else is given a `Clock` or a moment.

Monotonic seconds measure ages and durations; UTC is only for what leaves the box, and
always travels with a quality, because a Raspberry Pi has no battery-backed clock.
"""

from __future__ import annotations

import datetime as dt
import math
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from edge_agent.time_sync import ServiceTime, ask_chrony
from edge_agent.time_sync import kernel_sync as _kernel_sync

#: Before this moment no clock can be right: the software is younger (and 1970 is "unset").
EARLIEST_PLAUSIBLE_UTC_S = dt.datetime(2026, 1, 1, tzinfo=dt.UTC).timestamp()

#: How much a clock may gain or lose that nobody disciplines: MAXFREQ of linux/timex.h, 500 ppm.
DRIFT = 500e-6
#: A larger change of UTC against monotonic time is a step: NTP slews what is smaller (timesyncd
#: and ntpd step from 0.4 and 0.128 s on).
STEP_S = 0.5

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
#: chrony is asked each minute; its word holds a little longer.
_SERVICE_HOLDS_S = 150.0


class ClockQuality(StrEnum):
    """How far UTC can be trusted."""

    SYNCED = "synced"  # a time server disciplines it
    HOLDOVER = "holdover"  # counted on from when one did, earlier in this boot
    ESTIMATED = "estimated"  # plausible: an RTC, a saved time, the date of a TLS or HTTP answer
    UNSET = "unset"  # 1970 and the like


def is_trusted(quality: ClockQuality) -> bool:
    """Whether a time server vouched for it in this boot."""
    return quality in (ClockQuality.SYNCED, ClockQuality.HOLDOVER)


@dataclass(frozen=True, slots=True)
class ClockReading:
    """One reading of both clocks together; `err_ms` is how wrong UTC may be, None: unknown.

    `away_s`: how far the machine's own UTC stands ahead of `utc_s`: somebody set it, and no time
    server confirms it.
    """

    utc_s: float
    mono_s: float
    quality: ClockQuality
    err_ms: int | None
    boot_id: str
    away_s: float = 0.0


class Clock(Protocol):
    """Where time comes from."""

    def mono_s(self) -> float:
        """Seconds that never jump; meaningful only within one boot."""
        ...

    def read(self) -> ClockReading:
        """UTC, monotonic time and their quality at one instant."""
        ...


@dataclass(frozen=True, slots=True)
class Anchor:
    """A moment of this boot at which a time server vouched for UTC."""

    offset_s: float  # UTC minus monotonic
    mono_s: float
    err_ms: int

    def utc_s(self, mono_s: float) -> float:
        return mono_s + self.offset_s

    def err_ms_at(self, mono_s: float) -> int:
        """How wrong counting on from it may be: no quartz is worse than the kernel allows for."""
        return self.err_ms + math.ceil(abs(mono_s - self.mono_s) * DRIFT * 1000)


class SystemClock:
    """The machine's clocks. Safe to share between threads: what it keeps is swapped as a whole.

    Once a time server vouched for UTC in this boot, only a time server moves it: a step that no
    quartz explains is not followed until one confirms it. UTC is then counted on from the anchor.
    """

    def __init__(self, anchor: Anchor | None = None) -> None:
        """`anchor`: what an earlier process of this boot knew."""
        self._boot_id = boot_id()
        self.anchor = anchor
        self._service: ServiceTime | None = None  # what chrony said last, and until when it holds
        self._service_until_s = float("-inf")

    def mono_s(self) -> float:
        return time.monotonic()

    def refresh(self) -> None:
        """Ask a time service that the kernel does not speak for: takes up to two seconds. Now
        and then, by one thread."""
        if not _kernel_sync()[0]:
            self._service = ask_chrony()
            self._service_until_s = time.monotonic() + _SERVICE_HOLDS_S

    def read(self) -> ClockReading:
        utc_s, mono_s = time.time(), time.monotonic()
        synced, err_ms = _kernel_sync()
        if not synced and self._service is not None and mono_s < self._service_until_s:
            synced, err_ms = self._service.synced, self._service.err_ms
        if synced and utc_s >= EARLIEST_PLAUSIBLE_UTC_S:
            self.anchor = Anchor(utc_s - mono_s, mono_s, err_ms or 0)
            return ClockReading(utc_s, mono_s, ClockQuality.SYNCED, err_ms, self._boot_id)
        anchor = self.anchor
        if anchor is not None:
            return self._held(utc_s, mono_s, anchor)
        set_yet = utc_s >= EARLIEST_PLAUSIBLE_UTC_S
        quality = ClockQuality.ESTIMATED if set_yet else ClockQuality.UNSET
        return ClockReading(utc_s, mono_s, quality, None, self._boot_id)

    def _held(self, utc_s: float, mono_s: float, anchor: Anchor) -> ClockReading:
        held_s, err_ms = anchor.utc_s(mono_s), anchor.err_ms_at(mono_s)
        away_s = utc_s - held_s
        if abs(away_s) <= err_ms / 1000 + STEP_S:
            held_s, away_s = utc_s, 0.0  # the kernel keeps slewing what NTP taught it
            err_ms += round(STEP_S * 1000)
        quality = ClockQuality.HOLDOVER
        return ClockReading(held_s, mono_s, quality, err_ms, self._boot_id, away_s)


def boot_id() -> str:
    """The first digits of this boot's id; monotonic seconds mean something only within it."""
    return _BOOT_ID.read_text().strip()[:8] if _BOOT_ID.exists() else "unknown"


class ManualClock:
    """A clock that a test or a player of recordings moves by hand."""

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
