"""The same complaint again and again is one line a minute, with how often it came."""

from __future__ import annotations

import logging

from edge_agent.clock import Clock

log = logging.getLogger(__name__)

_EVERY_S = 60.0


class Complaints:
    """Of one kind, about what others send. For one thread."""

    def __init__(self, clock: Clock, level: int = logging.WARNING, at_once: int = 1) -> None:
        """`at_once`: so many lines a minute, before the rest is counted."""
        self._clock, self._level, self._at_once = clock, level, at_once
        self._begun_s = float("-inf")  # this minute
        self._said = self._unsaid = 0

    def say(self, what: str, error: object) -> None:
        """Now, or counted until a minute has passed."""
        now_s = self._clock.mono_s()
        if now_s - self._begun_s >= _EVERY_S:
            self._begun_s, self._said = now_s, 0
        if self._said >= self._at_once:
            self._unsaid += 1
            return
        more = f" ({self._unsaid} more like it since)" if self._unsaid else ""
        log.log(self._level, "%s: %s%s", what, error, more)
        self._said, self._unsaid = self._said + 1, 0
