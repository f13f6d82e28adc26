"""Notifications of one tree for as long as it is watched: made anew when they no longer come."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from pathlib import Path

from edge_agent.recorders.find.clip import shown_path
from edge_agent.recorders.find.notify import NoNotifications, Notifier, too_few_watches, watch_limit

_LOG = logging.getLogger(__name__)

#: Folders that inotify may lack before it counts as limited: some come and go during a scan.
FEW_FOLDERS = 5


class Notices:
    """For the watcher's thread; `limited` may be read by any."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._notifier: Notifier | None = None
        self._limited_at = ""  # the kernel's setting when it was
        self.limited: str | None = None  # why they cannot be had for all folders

    @property
    def come(self) -> bool:
        return self._notifier is not None

    @property
    def complete(self) -> bool:
        """They come of every folder: nothing has to be polled."""
        return self._notifier is not None and self.limited is None

    def take(self) -> tuple[Mapping[str, bool], bool]:
        """(changed paths and whether each is a folder, whether some were lost) since last time."""
        return ({}, False) if self._notifier is None else self._notifier.take()

    def check(self) -> bool:
        """Begin, or begin anew where they stopped or the kernel's limit was changed; True: just
        now."""
        changed = self.limited is not None and watch_limit() != self._limited_at
        if self._notifier is not None and self._notifier.healthy() and not changed:
            return False
        self.close()
        notifier = Notifier(self._root)
        try:
            notifier.start()
        except NoNotifications as error:
            self._limit(str(error))
            return False
        except OSError as error:
            _LOG.info("%s: %s; trying again", shown_path(self._root), error.strerror)
            return False
        self._notifier, self.limited = notifier, None
        return True

    def count(self, inodes: Collection[int]) -> None:
        """Are all of these folders watched?"""
        watched = None if self._notifier is None else self._notifier.watched_folders(inodes)
        if watched is not None and watched < len(inodes) - FEW_FOLDERS:
            self._limit(too_few_watches(watched, len(inodes)))

    def close(self) -> None:
        """Ends watchdog's threads."""
        notifier, self._notifier = self._notifier, None
        if notifier is not None:
            notifier.close()

    def _limit(self, reason: str) -> None:
        if reason != self.limited:
            _LOG.warning("%s; its folders are polled until then", reason)
        self.limited, self._limited_at = reason, watch_limit()
