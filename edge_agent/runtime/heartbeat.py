"""Heartbeats: how the supervisor knows that a thread still advances."""

from __future__ import annotations

from edge_agent.clock import Clock


class Heartbeat:
    """Beaten by one thread, read by the supervisor. A float store is atomic in CPython."""

    def __init__(self, name: str, clock: Clock, *, limit_s: float) -> None:
        self.name = name
        self._clock = clock
        self._limit_s = limit_s
        self._beaten_s = clock.mono_s()

    def beat(self) -> None:
        self._beaten_s = self._clock.mono_s()

    def age_s(self) -> float:
        return self._clock.mono_s() - self._beaten_s

    @property
    def stale(self) -> bool:
        """True when the thread has not advanced for longer than any of its waits may take."""
        return self.age_s() > self._limit_s
