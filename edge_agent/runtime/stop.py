"""The stop token: one per agent, passed to every thread, waited on instead of sleeping."""

from __future__ import annotations

import threading
from collections.abc import Callable


class StopToken:
    """Set once, from any thread; never cleared. Takes locks: not for a signal handler."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._wakes: list[Callable[[], None]] = []

    def stop(self) -> None:
        self._event.set()
        for wake in tuple(self._wakes):
            wake()

    def wakes(self, wake: Callable[[], None]) -> None:
        """`stop` also calls this: for a thread that waits on something else than the token."""
        if wake not in self._wakes:  # a thread that is started again says it again
            self._wakes.append(wake)

    @property
    def stopped(self) -> bool:
        return self._event.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Wait at most `timeout_s`; True when it is time to stop."""
        return self._event.wait(max(0.0, timeout_s))
