"""inotify through watchdog: which paths changed. It tells; nothing is decided here.

What watchdog (7.1) does not say by itself, and how it is known all the same:
- An exception in a handler silently kills its dispatcher, and its queue has no bound: so the
  handler only puts the path into a bounded set, and says when that was full.
- Of subfolders that could not be watched (fs.inotify.max_user_watches) it says nothing: the
  watches that the kernel holds are counted.
- When the kernel's queue overflowed it writes a line to its log: that is listened to.
- When the root itself was deleted or moved its thread ends, or goes on with the old folder:
  threads and inode are checked.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import warnings
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
from watchdog.observers.inotify import InotifyObserver

from edge_agent.errors import OperatorError
from edge_agent.recorders.find.clip import shown_path

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

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = os.fspath(root)
        self._paths = _Paths()
        self._ear = _OverflowEar(self._paths)
        self._log = logging.getLogger("watchdog.observers.inotify_c")
        self._observer: InotifyObserver | None = None
        self._threads: tuple[threading.Thread, ...] = ()
        self._fds: frozenset[str] = frozenset()
        self._inode: tuple[int, int] = (0, 0)

    def start(self) -> None:
        """Raises NoNotifications, OSError (the root is gone)."""
        self._real_root = os.path.realpath(self._root)  # a link itself would be watched
        threads, fds = set(threading.enumerate()), _inotify_fds()
        found = self._root.stat()
        self._inode = found.st_dev, found.st_ino
        # Folders made faster than they are watched are watched twice, which does no harm, and
        # watchdog prints a page about each.
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
        try:
            self._observer = InotifyObserver()
            self._observer.schedule(
                self._paths, self._real_root, recursive=True, event_filter=_EVENTS
            )
            self._observer.start()
        except OSError as error:
            self._close_failed(threads)
            reason = _limit_reached(error)
            if reason is None:
                raise
            raise NoNotifications(f"{shown_path(self._root)}: {reason}") from error
        self._log.addHandler(self._ear)
        self._threads = tuple(t for t in threading.enumerate() if t not in threads)
        self._fds = _inotify_fds() - fds

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
        alive = all(thread.is_alive() for thread in self._threads)
        return alive and self._inode == (found.st_dev, found.st_ino)

    def watched_folders(self) -> int | None:
        """How many folders the kernel watches for us; None where it does not tell."""
        try:
            lines = [
                line
                for fd in self._fds
                for line in Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines()
            ]
        except OSError:
            return None
        return sum(line.startswith("inotify wd:") for line in lines)

    def close(self) -> None:
        self._log.removeHandler(self._ear)
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join()

    def _close_failed(self, before: set[threading.Thread]) -> None:
        """watchdog leaves the threads of an observer that did not start running."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.on_thread_stop()
        for thread in set(threading.enumerate()) - before:
            thread.join(1.0)


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


def _inotify_fds() -> frozenset[str]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            if entry.readlink().name == "anon_inode:inotify":
                found.add(entry.name)
        except OSError:
            continue  # closed meanwhile, the listing's own among them
    return frozenset(found)
