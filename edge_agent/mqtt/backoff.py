"""How long to wait before the next try, so that a ward's boxes do not come back as one.

Full jitter: a random part of a bound that doubles (M. Brooker, "Exponential Backoff And
Jitter", AWS Architecture Blog 2015). paho's own delay has none.
"""

from __future__ import annotations

import random
from collections.abc import Callable

Uniform = Callable[[float, float], float]

_LAST_DOUBLING = 32  # 2^32 s is above every configurable bound


class FullJitter:
    """Waits of uniform(0, min(max_s, 2^n)) seconds, n counting the failures since `reset`."""

    def __init__(self, max_s: float, uniform: Uniform = random.uniform) -> None:
        self._max_s = max_s
        self._uniform = uniform
        self._failures = 0

    def next_s(self) -> float:
        """The wait after one more failure."""
        bound_s = min(self._max_s, 2.0**self._failures)
        self._failures = min(self._failures + 1, _LAST_DOUBLING)
        return self._uniform(0.0, bound_s)

    def reset(self) -> None:
        """It worked: the next failure starts small again."""
        self._failures = 0

    @property
    def failures(self) -> int:
        return self._failures
