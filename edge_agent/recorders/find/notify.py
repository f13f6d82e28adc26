"""inotify through watchdog: which paths changed. It tells; nothing is decided here.

What watchdog (7.1) does not say by itself, and how it is known all the same:
- An exception in a handler silently kills its dispatcher, and its queue has no bound: so the
  handler only puts the path into a bounded set, and says when that was full.
- Of subfolders that could not be watched (fs.inotify.max_user_watches) it says nothing: the
  kernel tells which inodes this process watches.
- When the kernel's queue overflowed it writes a line to its log: that is listened to.
- When the root itself was deleted or moved its emitter ends, or goes on with the old folder:
  emitter and inode are checked.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import ObservedWatch

from edge_agent.errors import OperatorError
from edge_agent.recorders.find.clip import shown_path
from edge_agent.recorders.find.observer import SHARED, SharedObserver

#: Paths waiting to be looked at: a recorder that was away for a day sends a few hundred.
MAX_WAITING = 10_000

#: Writes are not among them: an upload makes thousands. Opening and reading neither, since the
#: agent itself does that.
_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileClosedEvent,
    FileMovedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]

_INODE = re.compile(r"^inotify .*ino:([0-9a-f]+)", re.MULTILINE)

_LIMITS = Path("/proc/sys/fs/inotify")


class NoNotifications(OperatorError):
    """The kernel gives none; the message names the setting. The folder is polled instead."""


class _Paths(FileSystemEventHandler):
    """Bounded set of changed paths, in order. Called by watchdog's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paths: dict[str, bool] = {}
        self._overflowed = False

    def dispatch(self, event: FileSystemEvent) -> None:
        path = event.dest_path or event.src_path
        with self._lock:
            if len(self._paths) < MAX_WAITING:
                self._paths[os.fsdecode(path)] = event.is_directory
            else:
                self._overflowed = True

    def overflow(self) -> None:
        with self._lock:
            self._overflowed = True

    def take(self) -> tuple[dict[str, bool], bool]:
        with self._lock:
            taken, self._paths = self._paths, {}
            overflowed, self._overflowed = self._overflowed, False
        return taken, overflowed


class _OverflowEar(logging.Handler):
    """Hears watchdog say that the kernel dropped notifications."""

    def __init__(self, paths: _Paths) -> None:
        super().__init__(logging.WARNING)
        self._paths = paths

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in str(record.msg):
            self._paths.overflow()


class Notifier:
    """Notifications for one tree. `start` and `close` belong to one thread."""

    def __init__(self, root: Path, observer: SharedObserver = SHARED) -> None:
        self._root = root
        self._real_root = os.fspath(root)
        self._observer = observer
        self._paths = _Paths()
        self._ear = _OverflowEar(self._paths)
        self._log = logging.getLogger("watchdog.observers")
        self._watch: ObservedWatch | None = None
        self._inode: tuple[int, int] = (0, 0)
        self._tellable = False  # the kernel shows this file system's inodes as its users see them

    def start(self) -> None:
        """Raises NoNotifications, OSError (the root is gone)."""
        self._real_root = os.path.realpath(self._root)  # a link itself would be watched
        found = self._root.stat()
        self._inode = found.st_dev, found.st_ino
        try:
            self._watch = self._observer.watch(self._paths, self._real_root, _EVENTS)
        except OSError as error:
            reason = _limit_reached(error)
            if reason is None:
                raise
            raise NoNotifications(f"{shown_path(self._root)}: {reason}") from error
        self._log.addHandler(self._ear)
        self._tellable = _watches(self._inode[1])

    def take(self) -> tuple[dict[str, bool], bool]:
        """(changed paths and whether each is a folder, whether some were lost) since last time."""
        taken, overflowed = self._paths.take()
        root, real = os.fspath(self._root), self._real_root
        if real != root:
            taken = {root + path.removeprefix(real): folder for path, folder in taken.items()}
        return taken, overflowed

    def healthy(self) -> bool:
        """False: it no longer watches this folder; start a new one."""
        try:
            found = self._root.stat()
        except OSError:
            return False
        alive = self._watch is not None and self._observer.watches(self._watch)
        same = self._inode == (found.st_dev, found.st_ino)
        # A folder made anew may get the old one's inode; the kernel dropped the watch at once.
        return alive and same and (not self._tellable or _watches(found.st_ino))

    def watched_folders(self, inodes: Collection[int]) -> int | None:
        """How many of the folders with these inodes the kernel watches for this process; None
        where it does not tell, as on file systems that show other inodes to their users."""
        watched = _watched_inodes()
        if self._inode[1] not in watched:
            return None
        return sum(inode in watched for inode in inodes)

    def close(self) -> None:
        self._log.removeHandler(self._ear)
        watch, self._watch = self._watch, None
        if watch is not None:
            self._observer.unwatch(self._paths, watch)


def too_few_watches(watched: int, folders: int) -> str:
    """What to do where not every folder is watched."""
    return (
        f"the kernel watches only {watched} of {folders} folders; raise "
        f"{_raised('max_user_watches', 524_288)}"
    )


def watch_limit() -> str:
    """The setting, to see when somebody raised it."""
    return _setting("max_user_watches")


def _limit_reached(error: OSError) -> str | None:
    if error.errno == errno.ENOSPC:
        return too_few_watches(0, 1)
    if error.errno == errno.EMFILE:
        return f"no more inotify instances; raise {_raised('max_user_instances', 512)}"
    return None


def _raised(name: str, least: int) -> str:
    now = _setting(name)
    wanted = max(least, 2 * int(now)) if now.isdecimal() else least
    return (
        f"fs.inotify.{name} (now {now}): put fs.inotify.{name}={wanted} into "
        "/etc/sysctl.d/50-edge-agent.conf, then sysctl --system"
    )


def _setting(name: str) -> str:
    try:
        return (_LIMITS / name).read_text().strip()
    except OSError:
        return "not known"


def _watched_inodes() -> frozenset[int]:
    """Of all folders that this process watches; empty where nobody tells."""
    return frozenset(int(inode, 16) for text in _fdinfos() for inode in _INODE.findall(text))


def _watches(inode: int) -> bool:
    return any(f" ino:{inode:x} " in text for text in _fdinfos())


def _fdinfos() -> Iterator[str]:
    """What the kernel says of this process's inotify instances (proc(5)), a line for each watch:
    `inotify wd:3 ino:9e7e sdev:800013 mask:800afce ...`"""
    for entry in Path("/proc/self/fd").iterdir():
        try:
            if entry.readlink().name == "anon_inode:inotify":
                yield Path(f"/proc/self/fdinfo/{entry.name}").read_text()
        except OSError:
            continue  # closed meanwhile, the listing's own among them
