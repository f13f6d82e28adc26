"""Files about people, kept for as long and in as much space as agreed.

    <root>/2026-11-23/front/01JD....jpg     mode 0600, folders 0700
    <root>/undated/front/01JD....jpg        made before the clock was set

A file's modification time is when its content was recorded. A Raspberry Pi has no
battery-backed clock: while the clock is unset nothing is erased because of its age, and
undated files age from the first moment at which the clock is set. Owned by one thread,
but for `find`; nothing here locks.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.atomic_file import TEMPORARY_PREFIX, sync_folder
from edge_agent.clock import EARLIEST_PLAUSIBLE_UTC_S, Clock, ClockQuality
from edge_agent.domain import CameraId
from edge_agent.errors import InvariantBroken, StorageError

_UNDATED = "undated"  # sorts behind every date: counted as newest, so shed last
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MB = 1_000_000
#: When full, this share is freed at once, so that a full store is not searched for each file.
_FREED_AT_ONCE = 0.05
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """How long and in how much space files may be kept."""

    retention_h: float
    max_mb: int

    @property
    def max_bytes(self) -> int:
        return self.max_mb * _MB


@dataclass(frozen=True, slots=True)
class DatedCounts:
    """What is there, and what went since the start."""

    files: int = 0
    bytes: int = 0
    expired: int = 0  # older than agreed
    evicted: int = 0  # oldest ones, to stay within the agreed space
    erased: int = 0  # on request


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    size_bytes: int
    taken_s: float


class DatedFiles:
    """The files of one kind. Raises StorageError when the folder cannot be read."""

    def __init__(self, root: Path, suffix: str, agreement: Agreement, clock: Clock) -> None:
        self.root = root
        self._suffix = suffix
        self._agreement = agreement
        self._clock = clock
        with disk_trouble(root):
            root.mkdir(mode=0o700, exist_ok=True)
            entries = [entry for day in self._days() for entry in self._entries(day, clean=True)]
        size = sum(entry.size_bytes for entry in entries)
        self.counts = DatedCounts(files=len(entries), bytes=size)

    def place(self, camera: CameraId, name: str, taken_utc_s: float) -> Path:
        """The path of a file to come; its folders are made. Raises OSError, InvariantBroken."""
        check_name(camera)
        check_name(name)
        path = self.root / _day_name(taken_utc_s) / camera / f"{name}{self._suffix}"
        for folder in (self.root, path.parent.parent, path.parent):
            if not folder.exists():
                folder.mkdir(mode=0o700)
                sync_folder(folder.parent)
        return path

    def add(self, *, files: int, size: int) -> None:
        """Tell of what was written or removed; both may be negative."""
        counts = self.counts
        self.counts = replace(counts, files=counts.files + files, bytes=counts.bytes + size)

    def find(self, name: str, camera: str = "*") -> Path | None:
        """Where a file lies; None when there is none (any more).

        Safe for names that come over the network: what is no name finds nothing.
        """
        if not _SAFE_NAME.fullmatch(name):
            return None
        return next(self.root.glob(f"*/{camera}/{name}{self._suffix}"), None)

    def make_room(self, keep: Collection[Path] = ()) -> bool:
        """The oldest go until what is left fits, but none of `keep`; whether it fits then."""
        if self.counts.bytes <= self._agreement.max_bytes:
            return True
        target = self._agreement.max_bytes * (1 - _FREED_AT_ONCE)
        with disk_trouble(self.root):
            for entry in self._oldest_first():
                if self.counts.bytes <= target:
                    break
                if entry.path not in keep:
                    self._remove(entry)
                    self.counts = replace(self.counts, evicted=self.counts.evicted + 1)
            self._drop_empty_folders()
        return self.counts.bytes <= self._agreement.max_bytes

    def prune(self, keep: Collection[Path] = ()) -> int:
        """Erase what is older than agreed; how many. Call it at start and every minute or so."""
        reading = self._clock.read()
        if reading.quality is ClockQuality.UNSET or reading.utc_s < EARLIEST_PLAUSIBLE_UTC_S:
            return 0
        synced = reading.quality is ClockQuality.SYNCED
        with disk_trouble(self.root):
            expired = self._expire(reading.utc_s, keep, synced=synced)
            self._drop_empty_folders()
        self.counts = replace(self.counts, expired=self.counts.expired + expired)
        return expired

    def erase(
        self,
        camera: CameraId | None,
        from_utc_s: float,
        to_utc_s: float,
        keep: Collection[Path] = (),
    ) -> int:
        """Erase a camera's (or, with None, every camera's) files of a time; how many.

        Files that were made before the clock was set may be of that time: they go too.
        """
        erased = 0
        with disk_trouble(self.root):
            for entry in list(self._oldest_first()):
                of_camera = camera is None or entry.path.parent.name == camera
                in_time = from_utc_s <= entry.taken_s <= to_utc_s
                asked = of_camera and (in_time or _has_no_time(entry, math.inf))
                if asked and entry.path not in keep:
                    erased += self._remove(entry)
            self._drop_empty_folders()
        self.counts = replace(self.counts, erased=self.counts.erased + erased)
        return erased

    def _expire(self, now_s: float, keep: Collection[Path], *, synced: bool) -> int:
        expired = 0
        oldest_s = now_s - self._agreement.retention_h * 3600
        for day in self._days():
            if _day_name(oldest_s) < day.name <= _day_name(now_s + _DAY_S):
                continue  # wholly within the agreed time
            for entry in self._entries(day):
                if entry.path in keep:
                    continue
                if _has_no_time(entry, now_s if synced else math.inf):
                    os.utime(entry.path, (now_s, now_s))
                elif entry.taken_s < oldest_s:
                    expired += self._remove(entry)
        return expired

    def _remove(self, entry: _Entry) -> int:
        entry.path.unlink(missing_ok=True)  # somebody may have tidied up by hand
        self.add(files=-1, size=-entry.size_bytes)
        return 1

    def _days(self) -> list[Path]:
        """Oldest first, undated last."""
        return sorted(path for path in self.root.iterdir() if path.is_dir())

    def _oldest_first(self) -> Iterator[_Entry]:
        for day in self._days():
            yield from sorted(self._entries(day), key=lambda entry: entry.taken_s)

    def _entries(self, day: Path, *, clean: bool = False) -> Iterator[_Entry]:
        """The files of one day; `clean` erases what a power cut left half-written."""
        for path in sorted(day.glob("*/*")):
            if path.name.startswith(TEMPORARY_PREFIX):
                if clean:
                    path.unlink()
            elif path.suffix == self._suffix:
                status = path.stat()
                yield _Entry(path, status.st_size, status.st_mtime)

    def _drop_empty_folders(self) -> None:
        for day in self._days():
            for folder in (*day.iterdir(), day):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()


@contextlib.contextmanager
def disk_trouble(path: Path) -> Iterator[None]:
    """What the disk cannot do is a StorageError to the caller."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}") from error


def check_name(name: str) -> None:
    """Raises InvariantBroken for what might lead out of its folder."""
    if not _SAFE_NAME.fullmatch(name):
        raise InvariantBroken(f"{name!r} is no name for a file or folder")


def _day_name(utc_s: float) -> str:
    if utc_s < EARLIEST_PLAUSIBLE_UTC_S:
        return _UNDATED
    return dt.datetime.fromtimestamp(utc_s, tz=dt.UTC).strftime("%Y-%m-%d")


def _has_no_time(entry: _Entry, now_s: float) -> bool:
    """Made by an unset clock, or by one that was ahead by more than a day."""
    return entry.taken_s < EARLIEST_PLAUSIBLE_UTC_S or entry.taken_s > now_s + _DAY_S
