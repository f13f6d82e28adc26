"""The same complaint again and again is one line a minute, with how often it came."""

from __future__ import annotations

import logging

from edge_agent.clock import Clock

log = logging.getLogger(__name__)

_EVERY_S = 60.0


class Complaints:
    """Of one kind, about what others send. For one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said_s = float("-inf")
        self._unsaid = 0

    def say(self, what: str, error: Exception) -> None:
        """As a warning now, or counted until a minute has passed."""
        now_s = self._clock.mono_s()
        if now_s - self._said_s < _EVERY_S:
            self._unsaid += 1
            return
        more = f" ({self._unsaid} more like it since)" if self._unsaid else ""
        log.warning("%s: %s%s", what, error, more)
        self._said_s, self._unsaid = now_s, 0
