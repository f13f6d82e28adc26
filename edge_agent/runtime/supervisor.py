"""Watches the threads: restarts what crashed, within a budget; says whether all advance."""

from __future__ import annotations

import logging
from collections import deque

from edge_agent.clock import Clock
from edge_agent.errors import InvariantBroken
from edge_agent.runtime.heartbeat import Heartbeat
from edge_agent.runtime.worker import Worker

log = logging.getLogger(__name__)

#: A worker that crashes more often than this in the window is not mended by restarts. A vital
#: one is then left to systemd, which starts the whole process from a clean state.
RESTART_BUDGET = 5
RESTART_WINDOW_S = 600.0

#: How long a worker that is not vital waits before each restart of its budget: what makes a
#: camera's stream crash its reader is mostly still there a moment later.
PAUSES_S = (1.0, 5.0, 30.0, 60.0, 60.0)
#: And how often it is tried when the budget is spent, until it runs for a whole window.
SPENT_PAUSE_S = 600.0


class Supervisor:
    """Owned by the main thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watched: list[_Watched] = []
        self._heartbeats: list[Heartbeat] = []

    def start(self, worker: Worker) -> None:
        self._watched.append(_Watched(worker, self._clock.mono_s()))
        worker.start()

    def forget(self, worker: Worker) -> None:
        """It was told to stop: nobody starts it again."""
        self._watched = [watched for watched in self._watched if watched.worker is not worker]

    def watch(self, heartbeat: Heartbeat) -> None:
        """A stale heartbeat stops the pings to systemd's watchdog."""
        self._heartbeats.append(heartbeat)

    def poll(self) -> None:
        """Restart the crashed workers whose time has come; waits for nothing.

        Raises InvariantBroken when a vital worker crashed too often.
        """
        now_s = self._clock.mono_s()
        for watched in self._watched:
            watched.poll(now_s)

    def stalled(self) -> tuple[str, ...]:
        """Names of the threads that no longer advance."""
        return tuple(beat.name for beat in self._heartbeats if beat.stale)


class _Watched:
    """One worker, its restarts within the window, and when the next one is due."""

    def __init__(self, worker: Worker, now_s: float) -> None:
        self.worker = worker
        self._started_s = now_s
        self._restarts_s: deque[float] = deque()
        self._due_s: float | None = None  # None: it has not crashed since it was started
        self._spent = False

    def poll(self, now_s: float) -> None:
        if self.worker.crash is None or self.worker.stop.stopped:
            return
        if self._due_s is None:
            self._due_s = now_s + self._pause_s(now_s)
        if now_s >= self._due_s:
            self._due_s, self._started_s = None, now_s
            self._restarts_s.append(now_s)
            log.warning("restarting thread %s", self.worker.name)
            self.worker.start()

    def _pause_s(self, now_s: float) -> float:
        """From the crash to the restart. Raises InvariantBroken when none would help."""
        while self._restarts_s and now_s - self._restarts_s[0] > RESTART_WINDOW_S:
            self._restarts_s.popleft()
        if now_s - self._started_s > RESTART_WINDOW_S:
            self._spent = False
        restarts = len(self._restarts_s)
        if self.worker.vital:
            if restarts >= RESTART_BUDGET:
                raise InvariantBroken(self._verdict()) from self.worker.crash
            # At once: nothing works without it, and its silence counts as a stall.
            return 0.0
        if restarts >= RESTART_BUDGET and not self._spent:
            self._spent = True
            log.error("%s; trying again every %g s", self._verdict(), SPENT_PAUSE_S)
        return SPENT_PAUSE_S if self._spent else PAUSES_S[restarts]

    def _verdict(self) -> str:
        return (
            f"thread {self.worker.name} crashed again after {RESTART_BUDGET} restarts in "
            f"{RESTART_WINDOW_S:g} s: {self.worker.crash!r}"
        )
