"""Keeps recorded clips within their share of the CPU."""

from __future__ import annotations

from edge_agent.runtime import StopToken

#: Rests shorter than this are saved up: waking costs too.
_LEAST_REST_S = 0.02
#: Work of so long ago is forgotten: an hour without clips is no credit for the next one.
_MOST_REST_S = 2.0


class Pace:
    """For one thread: `worked` after each piece of work, which rests as long as is due."""

    def __init__(self, cpu_frac: float) -> None:
        """1: never rests."""
        self._rest_per_s = 1.0 / cpu_frac - 1.0
        self._due_s = 0.0

    def worked(self, busy_s: float, stop: StopToken) -> None:
        self._due_s = min(self._due_s + busy_s * self._rest_per_s, _MOST_REST_S)
        if self._due_s >= _LEAST_REST_S:
            stop.wait(self._due_s)
            self._due_s = 0.0
