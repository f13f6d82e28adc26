"""How long to wait before a camera is tried again. Pure: no clock, no waiting."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_S = 1.0
LONGEST_S = 60.0

#: A stream that ran this long was healthy: its next failure is a new one.
HEALTHY_S = 30.0


class Backoff:
    """Exponential with full jitter, so that cameras which broke together do not return together.

    Waits are drawn evenly from 1 s up to 2, 4, 8 ... 60 s.
    """

    def __init__(self, draw: Callable[[float, float], float] = random.uniform) -> None:
        self._draw = draw
        self._failures = 0

    def delay_s(self, streamed_s: float) -> float:
        """The wait after a failure; `streamed_s` is how long packets had flowed before it."""
        if streamed_s >= HEALTHY_S:
            self._failures = 0
        self._failures = min(self._failures + 1, 10)
        return self._draw(FIRST_S, min(LONGEST_S, FIRST_S * 2**self._failures))
