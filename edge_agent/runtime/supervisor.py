"""Watches the threads: restarts what crashed, within a budget; says whether all advance."""

from __future__ import annotations

import logging
from collections import deque

from edge_agent.clock import Clock
from edge_agent.errors import InvariantBroken
from edge_agent.runtime.heartbeat import Heartbeat
from edge_agent.runtime.worker import Worker

log = logging.getLogger(__name__)

#: More crashes than this in the window mean that restarting threads does not help: leave it
#: to systemd, which starts the whole process from a clean state.
RESTART_BUDGET = 5
RESTART_WINDOW_S = 600.0


class Supervisor:
    """Owned by the main thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._workers: list[Worker] = []
        self._heartbeats: list[Heartbeat] = []
        self._restarts_s: deque[float] = deque()

    def start(self, worker: Worker) -> None:
        self._workers.append(worker)
        worker.start()

    def watch(self, heartbeat: Heartbeat) -> None:
        """A stale heartbeat stops the pings to systemd's watchdog."""
        self._heartbeats.append(heartbeat)

    def forget(self, worker: Worker) -> None:
        self._workers.remove(worker)

    def poll(self) -> None:
        """Restart crashed workers; raises InvariantBroken when there are too many crashes."""
        now_s = self._clock.mono_s()
        while self._restarts_s and now_s - self._restarts_s[0] > RESTART_WINDOW_S:
            self._restarts_s.popleft()
        for worker in self._workers:
            if worker.crash is None or worker.stop.stopped:
                continue
            if len(self._restarts_s) >= RESTART_BUDGET:
                raise InvariantBroken(
                    f"thread {worker.name} crashed again after {RESTART_BUDGET} restarts in "
                    f"{RESTART_WINDOW_S:g} s: {worker.crash!r}"
                ) from worker.crash
            self._restarts_s.append(now_s)
            log.warning("restarting thread %s", worker.name)
            worker.start()

    @property
    def restarts(self) -> int:
        """Restarts within the window."""
        return len(self._restarts_s)

    def stalled(self) -> tuple[str, ...]:
        """Names of the threads that no longer advance."""
        return tuple(beat.name for beat in self._heartbeats if beat.stale)
