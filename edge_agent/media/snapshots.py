"""Keeps the JPEGs of events on the box, for as long and in as much space as agreed.

    <state_dir>/snapshots/2026-11-23/front/01JD....jpg     mode 0600, folders 0700
    <state_dir>/snapshots/undated/front/01JD....jpg        taken before the clock was set

A file's modification time is when its picture was taken. A Raspberry Pi has no
battery-backed clock: while the clock is unset nothing is erased because of its age, and
undated pictures age from the first moment at which the clock is set. Owned by the
recorder thread; nothing here locks.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.atomic_file import TEMPORARY_PREFIX, sync_folder, write_atomically
from edge_agent.clock import EARLIEST_PLAUSIBLE_UTC_S, Clock, ClockQuality
from edge_agent.config import SnapshotConfig
from edge_agent.domain import CameraId, EventId, Snapshot
from edge_agent.errors import InvariantBroken, StorageError

_FOLDER = "snapshots"
_UNDATED = "undated"  # sorts behind every date: counted as newest, so shed last
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MB = 1_000_000
#: When full, this share is freed at once, so that a full store is not searched for each picture.
_FREED_AT_ONCE = 0.05
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class SnapshotCounts:
    """What the store holds, and what became of the rest since the start."""

    files: int = 0
    bytes: int = 0
    stored: int = 0
    expired: int = 0  # older than retention_h
    evicted: int = 0  # oldest ones, to stay below max_mb
    erased: int = 0  # on request
    failed: int = 0  # could not be written


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    size_bytes: int
    taken_s: float


class SnapshotStore:
    """The snapshots of one state directory. Raises StorageError when it cannot be read."""

    def __init__(self, state_dir: Path, config: SnapshotConfig, clock: Clock) -> None:
        self._root = state_dir / _FOLDER
        self._config = config
        self._clock = clock
        self._counts = SnapshotCounts()
        with _disk_trouble(self._root):
            self._root.mkdir(mode=0o700, exist_ok=True)
            entries = [entry for day in self._days() for entry in self._entries(day, clean=True)]
        self._add(files=len(entries), size=sum(entry.size_bytes for entry in entries))

    @property
    def counts(self) -> SnapshotCounts:
        return self._counts

    def put(self, snapshot: Snapshot, taken_utc_s: float | None = None) -> Path:
        """Store a picture, in place of an earlier one of the same event.

        `taken_utc_s` is when it was taken; without it, now. Returns its path. Raises
        StorageError, counted as failed, when the disk is full or broken: the event goes out
        without a picture then.
        """
        _check_name(snapshot.camera)
        _check_name(snapshot.event_id)
        taken_s = self._clock.read().utc_s if taken_utc_s is None else taken_utc_s
        earlier = self._find(snapshot.event_id, snapshot.camera)
        path = self._root / _day_name(taken_s) / snapshot.camera / f"{snapshot.event_id}.jpg"
        try:
            with _disk_trouble(path):
                earlier_bytes = earlier.stat().st_size if earlier else 0
                self._write(path, snapshot.jpeg, taken_s)
                if earlier and earlier != path:
                    earlier.unlink(missing_ok=True)
        except StorageError:
            self._counts = replace(self._counts, failed=self._counts.failed + 1)
            raise
        self._counts = replace(self._counts, stored=self._counts.stored + 1)
        self._add(files=0 if earlier else 1, size=len(snapshot.jpeg) - earlier_bytes)
        if self._counts.bytes > self._config.max_mb * _MB:
            self._evict()
        return path

    def find(self, event_id: EventId) -> Path | None:
        """Where the picture of an event lies; None when there is none (any more).

        Safe for names that come over the network: what is no event id finds nothing.
        """
        return self._find(event_id, "*") if _SAFE_NAME.fullmatch(event_id) else None

    def prune(self) -> int:
        """Erase what is older than agreed; how many. Call it at start and every minute or so."""
        reading = self._clock.read()
        if reading.quality is ClockQuality.UNSET or reading.utc_s < EARLIEST_PLAUSIBLE_UTC_S:
            return 0
        with _disk_trouble(self._root):
            expired = self._expire(reading.utc_s, synced=reading.quality is ClockQuality.SYNCED)
            self._drop_empty_folders()
        self._counts = replace(self._counts, expired=self._counts.expired + expired)
        return expired

    def erase(self, camera: CameraId | None, from_utc_s: float, to_utc_s: float) -> int:
        """Erase a camera's (or, with None, every camera's) pictures of a time; how many.

        Pictures that were taken before the clock was set may be of that time: they go too.
        """
        erased = 0
        with _disk_trouble(self._root):
            for entry in [entry for day in self._days() for entry in self._entries(day)]:
                of_camera = camera is None or entry.path.parent.name == camera
                in_time = from_utc_s <= entry.taken_s <= to_utc_s
                if of_camera and (in_time or _has_no_time(entry, math.inf)):
                    erased += self._remove(entry)
            self._drop_empty_folders()
        self._counts = replace(self._counts, erased=self._counts.erased + erased)
        return erased

    def _expire(self, now_s: float, *, synced: bool) -> int:
        expired = 0
        oldest_s = now_s - self._config.retention_h * 3600
        for day in self._days():
            if _day_name(oldest_s) < day.name <= _day_name(now_s + _DAY_S):
                continue  # wholly within the agreed time
            for entry in self._entries(day):
                if _has_no_time(entry, now_s if synced else math.inf):
                    os.utime(entry.path, (now_s, now_s))
                elif entry.taken_s < oldest_s:
                    expired += self._remove(entry)
        return expired

    def _write(self, path: Path, jpeg: bytes, taken_s: float) -> None:
        for folder in (path.parent.parent, path.parent):
            if not folder.exists():
                folder.mkdir(mode=0o700)
                sync_folder(folder.parent)
        write_atomically(path, jpeg)
        os.utime(path, (taken_s, taken_s))

    def _evict(self) -> None:
        """The oldest go until there is room again."""
        target = self._config.max_mb * _MB * (1 - _FREED_AT_ONCE)
        with _disk_trouble(self._root):
            for day in self._days():
                for entry in sorted(self._entries(day), key=lambda entry: entry.taken_s):
                    if self._counts.bytes <= target:
                        self._drop_empty_folders()
                        return
                    removed = self._remove(entry)
                    self._counts = replace(self._counts, evicted=self._counts.evicted + removed)

    def _remove(self, entry: _Entry) -> int:
        entry.path.unlink(missing_ok=True)  # somebody may have tidied up by hand
        self._add(files=-1, size=-entry.size_bytes)
        return 1

    def _add(self, *, files: int, size: int) -> None:
        self._counts = replace(
            self._counts, files=self._counts.files + files, bytes=self._counts.bytes + size
        )

    def _find(self, event_id: str, camera: str) -> Path | None:
        return next(self._root.glob(f"*/{camera}/{event_id}.jpg"), None)

    def _days(self) -> list[Path]:
        """Oldest first, undated last."""
        return sorted(path for path in self._root.iterdir() if path.is_dir())

    def _entries(self, day: Path, *, clean: bool = False) -> Iterator[_Entry]:
        """The pictures of one day; `clean` erases what a power cut left half-written."""
        for path in sorted(day.glob("*/*")):
            if path.name.startswith(TEMPORARY_PREFIX):
                if clean:
                    path.unlink()
            elif path.suffix == ".jpg":
                status = path.stat()
                yield _Entry(path, status.st_size, status.st_mtime)

    def _drop_empty_folders(self) -> None:
        for day in self._days():
            for folder in (*day.iterdir(), day):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()


@contextlib.contextmanager
def _disk_trouble(path: Path) -> Iterator[None]:
    """What the disk cannot do is a StorageError to the caller."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: snapshots: {error.strerror or error}") from error


def _check_name(name: str) -> None:
    if not _SAFE_NAME.fullmatch(name):
        raise InvariantBroken(f"{name!r} is no name for a snapshot's file or folder")


def _day_name(utc_s: float) -> str:
    if utc_s < EARLIEST_PLAUSIBLE_UTC_S:
        return _UNDATED
    return dt.datetime.fromtimestamp(utc_s, tz=dt.UTC).strftime("%Y-%m-%d")


def _has_no_time(entry: _Entry, now_s: float) -> bool:
    """Taken by an unset clock, or by one that was ahead by more than a day."""
    return entry.taken_s < EARLIEST_PLAUSIBLE_UTC_S or entry.taken_s > now_s + _DAY_S
