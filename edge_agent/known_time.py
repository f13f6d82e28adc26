"""The last time that was known to be past: on disk, and counted on while the box runs.

A box without a battery-backed clock wakes in 1970. What it knows is a lower bound: the time of the
last word of a time server, plus how long it ran since. Only a trusted clock raises it otherwise:
an estimated one may be years ahead.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from edge_agent.atomic_file import write_atomically
from edge_agent.clock import (
    EARLIEST_PLAUSIBLE_UTC_S,
    Anchor,
    Clock,
    ClockReading,
    SystemClock,
    is_trusted,
)
from edge_agent.errors import StorageError
from edge_agent.plain_file import first_bytes

log = logging.getLogger(__name__)

FILE_NAME = "known-time.json"
#: Nine thousand small writes a year: nothing to a card.
_SAVE_EVERY_S = 3600.0
_MAX_BYTES = 4096
#: Nobody's clock is further from now than that: a damaged file must not lock out every broker.
_LATEST_PLAUSIBLE_UTC_S = EARLIEST_PLAUSIBLE_UTC_S + 40 * 365.25 * 86400


class _Saved(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The file. What follows `utc_s` is of one boot: how its clock stood last."""

    utc_s: float = EARLIEST_PLAUSIBLE_UTC_S
    boot_id: str = ""
    offset_s: float = 0.0  # UTC minus monotonic
    mono_s: float = 0.0
    err_ms: int = 0


class KnownTime:
    """`poll` belongs to one thread; `utc_s` may be asked by any."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        """Gives a SystemClock what an earlier process of this boot knew."""
        self._path = state_dir / FILE_NAME
        self._clock = clock
        reading = clock.read()
        saved = _read(self._path)
        # (UTC, monotonic): swapped as a whole.
        self._known = (saved.utc_s, reading.mono_s)
        anchor = _anchor(saved, reading)
        if isinstance(clock, SystemClock) and clock.anchor is None and anchor is not None:
            clock.anchor = anchor
        self._saved_s = float("-inf")  # monotonic
        self._saved_trusted = False

    def utc_s(self) -> float:
        """It is at least this late."""
        utc_s, mono_s = self._known
        return utc_s + max(0.0, self._clock.mono_s() - mono_s)

    def poll(self, reading: ClockReading) -> None:
        """Every now and then: learns, and writes once an hour."""
        trusted = is_trusted(reading.quality)
        utc_s = self.utc_s()
        if trusted:
            utc_s = max(utc_s, reading.utc_s - (reading.err_ms or 0) / 1000)
        self._known = (utc_s, reading.mono_s)
        first = trusted and not self._saved_trusted
        if first or reading.mono_s - self._saved_s >= _SAVE_EVERY_S:
            self._saved_s, self._saved_trusted = reading.mono_s, trusted
            self.save(reading)

    def save(self, reading: ClockReading) -> None:
        """Also at an orderly stop. A disk that fails costs only this."""
        saved = _Saved(utc_s=round(self._known[0], 3))
        if is_trusted(reading.quality):
            saved = _Saved(
                utc_s=saved.utc_s,
                boot_id=reading.boot_id,
                offset_s=reading.utc_s - reading.mono_s,
                mono_s=reading.mono_s,
                err_ms=reading.err_ms or 0,
            )
        try:
            write_atomically(self._path, msgspec.json.encode(saved))
        except StorageError as error:
            log.debug("%s", error)  # the outbox says it louder


def _read(path: Path) -> _Saved:
    """What can be used of the file; it may be missing, damaged or from somebody else."""
    try:
        saved = msgspec.json.decode(first_bytes(path, _MAX_BYTES), type=_Saved)
    except (OSError, ValueError, RecursionError):
        return _Saved()
    plausible = EARLIEST_PLAUSIBLE_UTC_S <= saved.utc_s <= _LATEST_PLAUSIBLE_UTC_S
    return saved if plausible else _Saved()


def _anchor(saved: _Saved, reading: ClockReading) -> Anchor | None:
    """Of this boot, or none."""
    if saved.boot_id != reading.boot_id or not 0 <= saved.mono_s <= reading.mono_s:
        return None
    anchor = Anchor(saved.offset_s, saved.mono_s, saved.err_ms)
    now_utc_s = anchor.utc_s(reading.mono_s)
    plausible = EARLIEST_PLAUSIBLE_UTC_S <= now_utc_s <= _LATEST_PLAUSIBLE_UTC_S
    return anchor if plausible and saved.err_ms >= 0 else None
