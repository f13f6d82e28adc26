"""Notices that the configuration's files changed: soon after the last of several changes.

The kernel's notifications only wake the main thread; what counts is the files themselves, which
are looked at every two seconds anyway. So it works with editors that write a new file and rename
it, with links that are swung to another folder, with network mounts and without inotify.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from edge_agent.clock import Clock
from edge_agent.config.load import CAMERAS_DIR
from edge_agent.config.on_disk import Fingerprint, fingerprint

log = logging.getLogger(__name__)

#: Nothing may change for so long: somebody saves several files, or a file in several writes.
QUIET_S = 0.25
#: But what changes all the time is looked at now and then.
LONGEST_S = 5.0
#: A wait may end a little early, and whoever looks then waits once more.
_A_MOMENT_S = 0.005
LOOK_EVERY_S = 2.0


class _Waker(FileSystemEventHandler):
    """Called by watchdog's thread. An exception here would end it silently."""

    def __init__(self, news: threading.Event) -> None:
        self._news = news

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type not in ("opened", "closed_no_write"):  # the agent itself reads
            self._news.set()


class ConfigWatch:
    """Owned by the main thread; `wake` may be called from any."""

    def __init__(self, agent_path: Path, clock: Clock) -> None:
        self.agent_path = agent_path
        self._clock = clock
        self._news = threading.Event()
        self._observer: BaseObserver | None = None
        self._folders: set[str] = set()
        self._known = self._seen = fingerprint(agent_path)
        self._changed_s = self._began_s = 0.0
        self._looked_s = float("-inf")

    def start(self) -> None:
        """Without notifications (none left, no inotify) it still looks."""
        observer = Observer()
        try:
            observer.start()
        except OSError as error:
            log.info("no notifications, looking every %g s: %s", LOOK_EVERY_S, error)
            return
        self._observer = observer
        self._listen()

    def stop(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(1.0)
            self._observer = None

    def wait(self, timeout_s: float) -> None:
        """Until something may have changed, or it is time to look again."""
        if self._seen == self._known:
            self._news.wait(timeout_s)
            return
        rests_s = self._changed_s + QUIET_S - self._clock.mono_s()
        self._news.wait(min(timeout_s, max(0.0, rests_s) + _A_MOMENT_S))

    def wake(self) -> None:
        self._news.set()

    def due(self) -> bool:
        """Whether the files differ from what `known` named, and have come to rest."""
        now_s = self._clock.mono_s()
        pending = self._seen != self._known
        if not (pending or self._news.is_set() or now_s - self._looked_s >= LOOK_EVERY_S):
            return False
        self._news.clear()
        self._looked_s = now_s
        seen = fingerprint(self.agent_path)
        if seen != self._seen:
            self._began_s = self._began_s if pending else now_s
            self._seen, self._changed_s = seen, now_s
        if self._seen == self._known:
            return False
        return now_s - self._changed_s >= QUIET_S or now_s - self._began_s >= LONGEST_S

    def look(self) -> Fingerprint:
        """The files as they are now, for `known` after they were read."""
        return fingerprint(self.agent_path)

    def known(self, files: Fingerprint) -> None:
        """These were loaded or refused: there is no need to read them again."""
        self._known = self._seen = files
        self._listen()

    def _listen(self) -> None:
        """To the folders of the files, and to those that links lead to now."""
        if self._observer is None:
            return
        cameras = self.agent_path.parent / CAMERAS_DIR
        places = (self.agent_path.parent, self.agent_path.resolve().parent, cameras.resolve())
        folders = {str(place.resolve()) for place in places if place.is_dir()}
        if folders == self._folders:
            return
        self._folders = folders
        self._observer.unschedule_all()
        for folder in folders:
            try:
                self._observer.schedule(_Waker(self._news), folder)
            except OSError as error:
                log.info(
                    "%s: no notifications, looking every %g s: %s", folder, LOOK_EVERY_S, error
                )
