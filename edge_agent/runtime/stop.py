"""The stop token: one per agent, passed to every thread, waited on instead of sleeping."""

from __future__ import annotations

import threading


class StopToken:
    """Set once, from any thread or a signal handler; never cleared."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def stop(self) -> None:
        self._event.set()

    @property
    def stopped(self) -> bool:
        return self._event.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Wait at most `timeout_s`; True when it is time to stop."""
        return self._event.wait(max(0.0, timeout_s))
