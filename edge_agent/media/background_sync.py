"""Makes files durable while their writer goes on: fdatasync on an SD card can take seconds."""

from __future__ import annotations

import os
import threading
from collections import deque

#: A disk that hangs collects no more open files than these.
_MOST_WAITING = 32


class BackgroundSync:
    """May be used by one thread; has another while there is something to do."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[int] = deque()
        self._busy = False
        self._trouble: OSError | None = None

    def soon(self, descriptor: int) -> None:
        """Make durable what was written to it so far. The caller may close it at once."""
        with self._changed:
            if len(self._waiting) >= _MOST_WAITING:
                return
            self._waiting.append(os.dup(descriptor))
            if not self._busy:
                self._busy = True
                threading.Thread(target=self._run, name="clip-sync", daemon=True).start()

    def wait(self, timeout_s: float) -> bool:
        """Until all is durable; False when that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy, timeout_s)

    def take_trouble(self) -> OSError | None:
        """The newest failure since the last call."""
        with self._changed:
            trouble, self._trouble = self._trouble, None
            return trouble

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._busy = False
                    self._changed.notify_all()
                    return
                descriptor = self._waiting.popleft()
            try:
                os.fdatasync(descriptor)
            except OSError as error:
                with self._changed:
                    self._trouble = error
            finally:
                os.close(descriptor)
