"""Keeps the clips of events on the box, for as long and in as much space as agreed.

    <state_dir>/clips/2026-11-23/front/01JD....mp4       mode 0600, folders 0700
    <state_dir>/clips/2026-11-23/front/01JD...-2.mp4     its second file, and so on

Owned by the clip thread, but for `find`; nothing here locks.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.config import ClipConfig
from edge_agent.domain import CameraId, EventId, Packet, PacketStream
from edge_agent.errors import AgentError, StorageError
from edge_agent.media.background_sync import BackgroundSync
from edge_agent.media.clip_file import ClipFacts, ClipFile
from edge_agent.media.dated_files import Agreement, DatedFiles, disk_trouble

_FOLDER = "clips"

#: Clips leave this much of the disk to the events, which matter more.
LEAST_FREE_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class ClipCounts:
    """What the store holds, and what became of the rest since the start; in files."""

    files: int = 0
    bytes: int = 0
    stored: int = 0
    failed: int = 0  # nothing, or not all, could be written
    expired: int = 0  # older than retention_h
    evicted: int = 0  # oldest ones, to stay below max_mb
    erased: int = 0  # on request


@dataclass(frozen=True, slots=True)
class ClipPart:
    """Which file of which event."""

    camera: CameraId
    event_id: EventId
    number: int  # counted from 1
    begin_utc_s: float

    @property
    def name(self) -> str:
        return file_name(self.event_id, self.number)


def file_name(event_id: EventId, number: int) -> str:
    return event_id if number == 1 else f"{event_id}-{number}"


class ClipStore:
    """The clips of one state directory. Raises StorageError when it cannot be read."""

    def __init__(
        self,
        state_dir: Path,
        config: ClipConfig,
        clock: Clock,
        *,
        least_free_bytes: int = LEAST_FREE_BYTES,
    ) -> None:
        agreement = Agreement(config.retention_h, config.max_mb)
        self._files = DatedFiles(state_dir / _FOLDER, ".mp4", agreement, clock)
        self._least_free_bytes = least_free_bytes
        self._open: dict[Path, tuple[ClipFile, ClipPart]] = {}
        self._sync = BackgroundSync()
        self._own = ClipCounts()

    @property
    def counts(self) -> ClipCounts:
        kept = self._files.counts
        return replace(
            self._own,
            files=kept.files,
            bytes=kept.bytes,
            expired=kept.expired,
            evicted=kept.evicted,
            erased=kept.erased,
        )

    def begin(self, part: ClipPart, stream: PacketStream) -> ClipFile:
        """A new file; its first packet must be a keyframe.

        Raises StorageError and, for streams that cannot be kept, MediaError; both counted as
        failed.
        """
        try:
            self._check_room()
            with disk_trouble(self._files.root):
                path = self._files.place(part.camera, part.name, part.begin_utc_s)
                # Its name becomes durable with its first fdatasync (ext4, XFS, Btrfs, F2FS).
                clip = ClipFile(path, stream)
        except AgentError:
            self._own = replace(self._own, failed=self._own.failed + 1)
            raise
        self._open[path] = (clip, part)
        self._files.add(files=1, size=0)
        return clip

    def add(self, clip: ClipFile, packet: Packet) -> None:
        """Append a packet. Raises StorageError and MediaError: the clip must then be finished."""
        before = clip.size_bytes
        try:
            clip.add(packet)
        except OSError as error:
            raise StorageError(f"{clip.path}: {error.strerror or error}") from error
        finally:
            grown = clip.size_bytes - before
            if grown:
                self._files.add(files=0, size=grown)
        if grown:
            if clip.sync_due():
                self._sync.soon(clip.fileno())
            self._check_room()

    def finish(self, clip: ClipFile, *, cut: bool = False) -> ClipFacts | None:
        """Complete the file: its facts, or None when there is nothing in it.

        `cut`: it is known not to be whole. It becomes durable after that, in the background:
        somebody waits for the facts.
        """
        _, part = self._open.pop(clip.path)
        before = clip.size_bytes
        facts = clip.seal()
        self._files.add(files=0, size=clip.size_bytes - before)
        self._sync.soon(clip.fileno())
        clip.close()
        empty = facts.duration_s <= 0
        if cut or empty or clip.broken:
            self._own = replace(self._own, failed=self._own.failed + 1)
        else:
            self._own = replace(self._own, stored=self._own.stored + 1)
        with contextlib.suppress(OSError):
            if empty:
                clip.path.unlink(missing_ok=True)
                self._files.add(files=-1, size=-clip.size_bytes)
            else:
                os.utime(clip.path, (part.begin_utc_s, part.begin_utc_s))
        return None if empty else facts

    def sync(self, timeout_s: float) -> None:
        """Wait until what was written is durable, if that is soon.

        Raises StorageError when something could not be made durable since the last call.
        """
        self._sync.wait(timeout_s)
        trouble = self._sync.take_trouble()
        if trouble is not None:
            raise StorageError(f"{self._files.root}: {trouble.strerror or trouble}") from trouble

    def find(self, event_id: EventId, number: int = 1) -> Path | None:
        """Where the n-th file of an event's clip lies; None when there is none (any more).

        Safe for names that come over the network: what is no event id finds nothing.
        """
        return self._files.find(file_name(event_id, number))

    def prune(self) -> int:
        """Erase what is older than agreed; how many. Call it at start and every minute or so."""
        return self._files.prune(self._open)

    def erase(self, camera: CameraId | None, from_utc_s: float, to_utc_s: float) -> int:
        """Erase a camera's (or, with None, every camera's) clips of a time; how many files.

        Those that were made before the clock was set may be of that time: they go too. Files
        that are being written stay.
        """
        return self._files.erase(camera, from_utc_s, to_utc_s, self._open)

    def _check_room(self) -> None:
        """Raises StorageError when neither the agreement nor the disk leaves any."""
        if not self._files.make_room(self._open):
            raise StorageError(f"{self._files.root}: the clips being written alone exceed max_mb")
        with disk_trouble(self._files.root):
            free_bytes = shutil.disk_usage(self._files.root).free
        if free_bytes < self._least_free_bytes:
            raise StorageError(
                f"{self._files.root}: {free_bytes / 1e6:.0f} MB free, and events need "
                f"{self._least_free_bytes / 1e6:.0f} MB"
            )
