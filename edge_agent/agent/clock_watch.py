"""Watches the machine's clock: steps are flagged, and what is known of the time is kept."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from edge_agent.clock import STEP_S, Clock, ClockReading, SystemClock, rfc3339
from edge_agent.known_time import KnownTime

log = logging.getLogger(__name__)

#: Time services that the kernel does not speak for are asked this often.
_REFRESH_S = 60.0


class ClockWatch:
    """`poll`, `reasons` and `stop` belong to the main thread; the rest may be asked by any."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self._clock = clock
        self._known = KnownTime(state_dir, clock)
        self._before: ClockReading | None = None
        self._refreshed_s = float("-inf")
        self._told_away = False
        self._steps, self._step_s = 0, 0.0

    def poll(self) -> None:
        """Twice a second."""
        now_s = self._clock.mono_s()
        if now_s - self._refreshed_s >= _REFRESH_S and isinstance(self._clock, SystemClock):
            self._refreshed_s = now_s
            self._clock.refresh()
        reading = self._clock.read()
        self._watch_steps(reading)
        self._watch_away(reading)
        self._known.poll(reading)
        self._before = reading

    def stop(self) -> None:
        """What is known outlives us."""
        self._known.save(self._clock.read())

    def known_utc_s(self) -> float:
        """It is at least this late, whatever the clock says."""
        return self._known.utc_s()

    @property
    def reasons(self) -> tuple[str, ...]:
        """For the box's status: what a person should put right."""
        away_s = self._before.away_s if self._before is not None else 0.0
        if not away_s:
            return ()
        return (f"clock: {_set_words(away_s)} by no time server; not followed",)

    @property
    def figures(self) -> Mapping[str, float]:
        """For telemetry: how often UTC was stepped since the start, and by how much at last."""
        return {"clock_steps": self._steps, "clock_step_s": round(self._step_s, 3)}

    def _watch_steps(self, reading: ClockReading) -> None:
        """UTC as we tell it."""
        before = self._before
        if before is None:
            return
        moved_s = (reading.utc_s - reading.mono_s) - (before.utc_s - before.mono_s)
        if abs(moved_s) < STEP_S:
            return
        self._steps += 1
        self._step_s = moved_s
        log.warning(
            "the clock was %s: it is %s now (%s)",
            _set_words(moved_s),
            rfc3339(reading.utc_s),
            reading.quality,
        )

    def _watch_away(self, reading: ClockReading) -> None:
        away = bool(reading.away_s)
        if away and not self._told_away:
            log.warning(
                "the machine's clock was %s, and no time server confirms it: times are counted "
                "on from the last word of one",
                _set_words(reading.away_s),
            )
        self._told_away = away


def _set_words(step_s: float) -> str:
    words = f"{abs(step_s):.1f} s" if abs(step_s) < 120 else f"{abs(step_s) / 60:.0f} min"
    return f"set {'forward' if step_s > 0 else 'back'} by {words}"
