"""A named thread that the supervisor starts, restarts after a bug, and joins."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from edge_agent.runtime.stop import StopToken

log = logging.getLogger(__name__)


class Worker:
    """Runs `body(stop)` in a thread of its own.

    The body handles every `AgentError` itself (it knows its back-off); an exception that
    reaches the worker is therefore a bug. It is logged, kept in `crash` for the supervisor,
    and the thread ends. This is the one place that catches `Exception`.
    """

    def __init__(
        self,
        name: str,
        body: Callable[[StopToken], None],
        stop: StopToken,
        *,
        vital: bool = True,
    ) -> None:
        """Not `vital`: the process is worth keeping even if this one crashes for ever."""
        self.name = name
        self.stop = stop
        self.vital = vital
        self.crash: Exception | None = None
        self._body = body
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start, or start again after a crash."""
        self.crash = None
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._body(self.stop)
        except Exception as error:
            log.exception("thread %s crashed", self.name)
            self.crash = error

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread's end; False when it is still running."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return not self.alive
