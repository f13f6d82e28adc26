"""Keeps the JPEGs of events on the box, for as long and in as much space as agreed.

    <state_dir>/snapshots/2026-11-23/front/01JD....jpg     mode 0600, folders 0700

Owned by the recorder thread; nothing here locks.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edge_agent.atomic_file import write_atomically
from edge_agent.clock import Clock
from edge_agent.config import SnapshotConfig
from edge_agent.domain import CameraId, EventId, Snapshot
from edge_agent.errors import StorageError
from edge_agent.media.dated_files import Agreement, DatedFiles, check_name, disk_trouble

_FOLDER = "snapshots"


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


class SnapshotStore:
    """The snapshots of one state directory. Raises StorageError when it cannot be read."""

    def __init__(self, state_dir: Path, config: SnapshotConfig, clock: Clock) -> None:
        agreement = Agreement(config.retention_h, config.max_mb)
        self._files = DatedFiles(state_dir / _FOLDER, ".jpg", agreement, clock)
        self._clock = clock
        self._stored = self._failed = 0

    @property
    def counts(self) -> SnapshotCounts:
        kept = self._files.counts
        return SnapshotCounts(
            files=kept.files,
            bytes=kept.bytes,
            stored=self._stored,
            expired=kept.expired,
            evicted=kept.evicted,
            erased=kept.erased,
            failed=self._failed,
        )

    def put(self, snapshot: Snapshot, taken_utc_s: float | None = None) -> Path:
        """Store a picture, in place of an earlier one of the same event.

        `taken_utc_s` is when it was taken; without it, now. Returns its path. Raises
        StorageError, counted as failed, when the disk is full or broken: the event goes out
        without a picture then.
        """
        check_name(snapshot.camera)
        check_name(snapshot.event_id)
        taken_s = self._clock.read().utc_s if taken_utc_s is None else taken_utc_s
        earlier = self._files.find(snapshot.event_id, snapshot.camera)
        try:
            with disk_trouble(self._files.root):
                earlier_bytes = earlier.stat().st_size if earlier else 0
                path = self._files.place(snapshot.camera, snapshot.event_id, taken_s)
                write_atomically(path, snapshot.jpeg)
                os.utime(path, (taken_s, taken_s))
                if earlier and earlier != path:
                    earlier.unlink(missing_ok=True)
        except StorageError:
            self._failed += 1
            raise
        self._stored += 1
        self._files.add(files=0 if earlier else 1, size=len(snapshot.jpeg) - earlier_bytes)
        self._files.make_room()
        return path

    def find(self, event_id: EventId) -> Path | None:
        """Where the picture of an event lies; None when there is none (any more).

        Safe for names that come over the network: what is no event id finds nothing.
        """
        return self._files.find(event_id)

    def prune(self) -> int:
        """Erase what is older than agreed; how many. Call it at start and every minute or so."""
        return self._files.prune()

    def erase(self, camera: CameraId | None, from_utc_s: float, to_utc_s: float) -> int:
        """Erase a camera's (or, with None, every camera's) pictures of a time; how many.

        Pictures that were taken before the clock was set may be of that time: they go too.
        """
        return self._files.erase(camera, from_utc_s, to_utc_s)
