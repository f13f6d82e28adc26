"""Short clips to tune on, kept on the box for as long and in as much space as agreed.

    <state_dir>/tuning/front/20261127T001503Z-person.mp4    mode 0600, folders 0700

The name says when it begins and why it was kept. While it is written it ends in `.part`; one that
a power cut left so is found at the next start, and kept as `cut`: a fragmented MP4 plays.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from edge_agent.clock import EARLIEST_PLAUSIBLE_UTC_S, Clock, ClockQuality
from edge_agent.config import TuningConfig
from edge_agent.domain import CameraId
from edge_agent.errors import StorageError
from edge_agent.media.clip_store import LEAST_FREE_BYTES
from edge_agent.media.dated_files import check_name, disk_trouble

FOLDER = "tuning"
_PART = ".part"
_SUFFIX = ".mp4"
_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"(\d{8}T\d{6}Z)(?:-[a-z]+)?(?:-\d+)?\.(?:mp4|part)")
_DAY_S = 86_400.0
_MB = 1_000_000
#: When full, this share is freed at once.
_FREED_AT_ONCE = 0.05


class FootageReason(StrEnum):
    """Why a clip was kept."""

    PERSON = "person"  # somebody was told
    MISS = "miss"  # somebody was seen and not told
    WAKE = "wake"  # something moved, and nobody was seen
    WALK = "walk"  # a person asked for it
    CUT = "cut"  # a power cut left it


@dataclass(frozen=True, slots=True)
class FootageFile:
    """One that is there. `taken_s`: UTC, by its name."""

    path: Path
    camera: str
    taken_s: float
    size_bytes: int
    aged_s: float  # UTC from which it ages


class FootageFiles:
    """The footage of one state directory. Owned by one thread; another process may read."""

    def __init__(
        self,
        state_dir: Path,
        config: TuningConfig,
        clock: Clock,
        *,
        least_free_bytes: int = LEAST_FREE_BYTES,
    ) -> None:
        self.root = state_dir / FOLDER
        self._config = config
        self._clock = clock
        self._least_free_bytes = least_free_bytes
        self._open: set[Path] = set()

    def recover(self) -> None:
        """Clips that a power cut left. Raises StorageError."""
        with disk_trouble(self.root):
            for path in self.root.glob(f"*/*{_PART}"):
                if path not in self._open:
                    _renamed(path, FootageReason.CUT)

    def begin(self, camera: CameraId, begin_utc_s: float) -> Path:
        """Where a new clip is written. Raises StorageError where there is no room for one."""
        check_name(camera)
        with disk_trouble(self.root):
            for folder in (self.root, self.root / camera):
                folder.mkdir(mode=0o700, exist_ok=True)
        self.check_room()
        stamp = dt.datetime.fromtimestamp(begin_utc_s, dt.UTC).strftime(_STAMP)
        path = self.root / camera / f"{stamp}{_PART}"
        number = 2
        while path.exists():
            path = path.with_name(f"{stamp}-{number}{_PART}")
            number += 1
        self._open.add(path)
        return path

    def finish(self, path: Path, reason: FootageReason) -> Path:
        """It is complete: its name from now on. Raises StorageError."""
        self._open.discard(path)
        with disk_trouble(path):
            return _renamed(path, reason)

    def drop(self, path: Path) -> None:
        """It is not worth keeping."""
        self._open.discard(path)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)

    def check_room(self) -> None:
        """Make some. Raises StorageError when neither the agreement nor the disk leaves any."""
        if not self.root.exists():
            return  # nothing was kept yet
        files = sorted(footage(self.root), key=lambda each: each.taken_s)
        size, most = sum(each.size_bytes for each in files), self._config.max_mb * _MB
        with disk_trouble(self.root):
            if size > most:
                for each in files:
                    if size <= most * (1 - _FREED_AT_ONCE):
                        break
                    if each.path not in self._open:
                        each.path.unlink(missing_ok=True)
                        size -= each.size_bytes
            free_bytes = shutil.disk_usage(self.root).free
        if size > most:
            raise StorageError(f"{self.root}: what is being written alone exceeds tuning.max_mb")
        if free_bytes < self._least_free_bytes:
            raise StorageError(
                f"{self.root}: {free_bytes / 1e6:.0f} MB free, and events need "
                f"{self._least_free_bytes / 1e6:.0f} MB"
            )

    def prune(self) -> int:
        """Erase what is older than agreed; how many. Nothing while the clock is not set."""
        reading = self._clock.read()
        if reading.quality is ClockQuality.UNSET or reading.utc_s < EARLIEST_PLAUSIBLE_UTC_S:
            return 0
        oldest_s, erased = reading.utc_s - self._config.retention_days * _DAY_S, 0
        with disk_trouble(self.root):
            for each in list(footage(self.root)):
                if each.path in self._open:
                    continue
                if _has_no_time(each.aged_s, reading.utc_s):
                    os.utime(each.path, (reading.utc_s, reading.utc_s))  # it ages from now on
                elif each.aged_s < oldest_s:
                    each.path.unlink(missing_ok=True)
                    erased += 1
        return erased


def recent_footage(state_dir: Path, camera: str, since_utc_s: float) -> list[FootageFile]:
    """What there is to tune on, the oldest first; not what is being written."""
    found = footage(state_dir / FOLDER)
    wanted = (each for each in found if each.camera == camera and each.path.suffix == _SUFFIX)
    return sorted(
        (each for each in wanted if each.taken_s >= since_utc_s), key=lambda each: each.taken_s
    )


def erase_footage(state_dir: Path, camera: str | None, from_utc_s: float, to_utc_s: float) -> int:
    """Erase a camera's (or, with None, every camera's) footage that shows this time; how many.

    For any process; a clip that is being written goes too, and what its writer still has of it
    is lost. Clips of before the clock was set may be of that time: they go. Raises StorageError.
    """
    erased = 0
    with disk_trouble(state_dir / FOLDER):
        for each in list(footage(state_dir / FOLDER)):
            # Its last picture was written about when it was changed last.
            ended_s = max(each.taken_s, each.aged_s)
            within = each.taken_s <= to_utc_s and ended_s >= from_utc_s
            undated = each.taken_s < EARLIEST_PLAUSIBLE_UTC_S
            if camera in (None, each.camera) and (within or undated):
                each.path.unlink(missing_ok=True)
                erased += 1
    return erased


def footage(root: Path) -> Iterator[FootageFile]:
    """All that is there, also what is being written; names that are none of ours are left out."""
    for path in root.glob("*/*"):
        found = _NAME.fullmatch(path.name)
        if not found:
            continue
        taken = dt.datetime.strptime(found[1], _STAMP).replace(tzinfo=dt.UTC)
        try:
            status = path.stat()
        except OSError:
            continue  # it was erased meanwhile
        yield FootageFile(
            path, path.parent.name, taken.timestamp(), status.st_size, status.st_mtime
        )


def _renamed(path: Path, reason: FootageReason) -> Path:
    stem, dash, number = path.stem.partition("-")
    target = path.with_name(f"{stem}-{reason}{dash}{number}{_SUFFIX}")
    path.replace(target)
    return target


def _has_no_time(utc_s: float, now_s: float) -> bool:
    """Written under an unset clock, or one that was ahead by more than a day."""
    return utc_s < EARLIEST_PLAUSIBLE_UTC_S or utc_s > now_s + _DAY_S
