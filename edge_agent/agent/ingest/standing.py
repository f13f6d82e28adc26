"""How recorder folders stand: figures for the telemetry, and the status of their cameras."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from edge_agent.agent.ingest.room import INGEST, FolderRoom, Tree
from edge_agent.clock import Clock
from edge_agent.contract import BoxTopics, CameraStatus, State, encode_camera_status
from edge_agent.domain import CameraId
from edge_agent.errors import StorageError
from edge_agent.outbox import LedgerReader

#: Counting a ledger of a hundred thousand files takes a tenth of a second.
_COUNT_EVERY_S = 60.0

_CRASHED = "crashed: an error in the agent; it tries again, see its journal"
_LOST = "source lost: the folder of the recordings cannot be seen"


class FolderFigures:
    """Called by the publisher thread; the ledger is read through a connection of its own."""

    def __init__(
        self, room: FolderRoom, open_reader: Callable[[], LedgerReader], clock: Clock
    ) -> None:
        self._room = room
        self._open_reader = open_reader
        self._reader: LedgerReader | None = None
        self._clock = clock
        self._counted_s = float("-inf")
        self._counts: Mapping[tuple[str, str], int] = {}
        self._newest_s: Mapping[str, float] = {}

    def cameras(self) -> dict[str, dict[str, float]]:
        self._count()
        return {
            camera: self._camera(tree, camera)
            for tree in self._room.trees
            for camera in tree.cameras
        }

    def _count(self) -> None:
        now_s = self._clock.mono_s()
        if now_s < self._counted_s + _COUNT_EVERY_S:
            return
        self._reader = self._reader or self._open_reader()
        try:
            self._counts = self._reader.counts()
            self._newest_s = self._reader.newest_done_s()
            self._counted_s = now_s
        except StorageError:
            return  # the box's own status says so

    def _camera(self, tree: Tree, camera: CameraId) -> dict[str, float]:
        counters, watch = self._room.counters(camera), tree.watcher.status()
        figures: dict[str, float] = {
            f"clips_{state}": self._counts.get((camera, state), 0)
            for state in ("waiting", "done", "failed", "gone", "refused", "too_old")
        }
        figures |= {
            "frames": counters.frames,
            "looks": counters.looks,
            "busy_s": round(counters.busy_s, 2),
            "files_seen": watch.files_seen,
            "files_settling": watch.pending,
            "files_unmatched": watch.unmatched,
            "channels_unknown": len(watch.unknown_channels),
        }
        if watch.last_scan_s is not None:
            figures["scan_s"] = round(watch.last_scan_s, 2)
        if camera in self._newest_s:
            age_s = self._clock.read().utc_s - self._newest_s[camera]
            figures["newest_clip_age_s"] = round(age_s, 1)
        offset = tree.watcher.clock_offset(camera)
        if offset is not None:
            figures["recorder_clock_offset_s"] = round(offset.offset_s, 1)
            figures["recorder_clock_err_s"] = round(offset.err_s, 1)
        return figures


class FolderStatusTeller:
    """Owned by the main thread: publishes a folder camera's status whenever it changes."""

    def __init__(
        self,
        tree: Tree,
        camera: CameraId,
        topics: BoxTopics,
        clock: Clock,
        set_status: Callable[[str, bytes], None],
    ) -> None:
        self._tree = tree
        self._camera = camera
        self._topics = topics
        self._clock = clock
        self._set_status = set_status
        self._told: str | None = None

    def rests_on(self, threads: Set[str]) -> bool:
        """Whether one of these threads works for this camera."""
        return bool(threads & {INGEST, self._tree.thread})

    def poll(self, *, crashed: bool) -> None:
        """`crashed`: the watcher's or the ingest's thread lies still."""
        reason = _CRASHED if crashed else _LOST if self._tree.lost else ""
        if reason == self._told:
            return
        if self._told is None and reason == _LOST and not self._tree.looked:
            return  # it has only just been started
        self._told = reason
        state = State.OFFLINE if reason else State.ONLINE
        status = CameraStatus(self._camera, state, self._clock.read().utc_s, reason)
        self._set_status(self._topics.camera_status(self._camera), encode_camera_status(status))
