"""The one observer of this process: all watched trees share its threads and its inotify instance.

Only what watchdog documents is used, so that no watcher can take another part's threads or
descriptors for its own.
"""

from __future__ import annotations

import threading
import warnings
from collections import Counter
from collections.abc import Sequence

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import ObservedWatch
from watchdog.observers.inotify import InotifyObserver


class SharedObserver:
    """Lives while somebody watches something. May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._observer: InotifyObserver | None = None
        self._users: Counter[ObservedWatch] = Counter()

    def watch(
        self, handler: FileSystemEventHandler, path: str, events: Sequence[type[FileSystemEvent]]
    ) -> ObservedWatch:
        """All below `path`. Raises OSError: it is gone, or a limit of the kernel was reached."""
        # Folders made faster than they are watched are watched twice, which does no harm, and
        # watchdog prints a page about each.
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
        with self._lock:
            observer = self._alive()
            try:
                watch = observer.schedule(handler, path, recursive=True, event_filter=list(events))
            except OSError:
                self._end_unused()
                raise
            self._users[watch] += 1
            return watch

    def watches(self, watch: ObservedWatch) -> bool:
        """False: this watch has ended, with its folder or with the observer."""
        with self._lock:
            observer = self._observer
            if observer is None or not observer.is_alive() or not self._users[watch]:
                return False
            return any(one.watch == watch and one.is_alive() for one in set(observer.emitters))

    def unwatch(self, handler: FileSystemEventHandler, watch: ObservedWatch) -> None:
        with self._lock:
            observer = self._observer
            if observer is None or not self._users[watch]:
                return  # it went with an observer that died
            self._users[watch] -= 1
            if self._users[watch]:
                observer.remove_handler_for_watch(handler, watch)
                return
            del self._users[watch]
            observer.unschedule(watch)
            self._end_unused()

    def _alive(self) -> InotifyObserver:
        """A dead one has lost its watches: their users find that out and come again."""
        if self._observer is None or not self._observer.is_alive():
            self._users.clear()
            observer = InotifyObserver()
            observer.start()
            self._observer = observer
        return self._observer

    def _end_unused(self) -> None:
        observer = self._observer
        if observer is not None and not self._users:
            self._observer = None
            observer.stop()
            observer.join()


SHARED = SharedObserver()
