"""How recorder folders stand: figures for the telemetry, and the status of their cameras."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field

from edge_agent.clock import Clock, thread_cpu_s
from edge_agent.contract import (
    BoxTopics,
    CameraStatus,
    IngestFigures,
    LeftOut,
    State,
    encode_camera_status,
)
from edge_agent.contract.reasons import CRASHED, FAULT_WORDS, STOPPED
from edge_agent.domain import CameraId
from edge_agent.errors import StorageError
from edge_agent.recorders.ingest.watched import INGEST, Tree, WatchedFolders
from edge_agent.recorders.ledger import LedgerReader

#: The ledger is counted as often as this share of a core allows, and not more often than this.
_COUNT_SHARE = 0.002
_COUNT_EVERY_S = 2.0

_CLOCK_NEWS_S = 5.0

_STRAYS = "its folder gets files that fit no camera: see edge-agent ingest status"
_SAME_TIME_S = 60.0
#: So long after the camera's own newest clip.
_STRAYS_FOR_S = 3600.0
_LOST = "source lost: the folder of the recordings cannot be seen"


@dataclass(frozen=True, slots=True)
class _Counts:
    """What the ledger said when it was last asked; cameras by name."""

    clips: Mapping[tuple[str, str], int] = field(default_factory=dict)
    newest_done_s: Mapping[str, float] = field(default_factory=dict)
    waiting_since_s: Mapping[str, float] = field(default_factory=dict)
    newest_too_old_s: Mapping[str, float] = field(default_factory=dict)

    def of(self, camera: CameraId, *states: str) -> int:
        return sum(self.clips.get((camera, state), 0) for state in states)


class FolderStanding:
    """`poll` belongs to the main thread; what it saw last may be asked by any."""

    def __init__(
        self, watched: WatchedFolders, open_reader: Callable[[], LedgerReader], clock: Clock
    ) -> None:
        self._watched = watched
        self._reader = open_reader()
        self._clock = clock
        self._due_s = float("-inf")
        self._counts = _Counts()
        self._started_utc_s = clock.read().utc_s

    def poll(self) -> None:
        now_s = self._clock.mono_s()
        if not self._watched.trees or now_s < self._due_s:
            return
        begun_s = thread_cpu_s()
        with contextlib.suppress(StorageError):  # the box's own status says so
            self._counts = _Counts(
                self._reader.counts(),
                self._reader.newest_done_s(),
                self._reader.waiting_since_s(),
                self._reader.newest_too_old_s(),
            )
        busy_s = thread_cpu_s() - begun_s
        self._due_s = now_s + max(_COUNT_EVERY_S, busy_s / _COUNT_SHARE)

    def left_out(self, camera: CameraId) -> LeftOut:
        counts = self._counts
        return LeftOut(
            counts.of(camera, "too_old"),
            counts.of(camera, "refused", "failed"),
            counts.newest_too_old_s.get(camera),
            self._unclaimed(camera),
        )

    def _unclaimed(self, camera: CameraId) -> int:
        """Files in this camera's folder that fit no camera."""
        trees = (tree for tree in self._watched.trees if camera in tree.cameras)
        return sum(stray.files for tree in trees for stray in tree.watcher.status().strays)

    def picture_faults(self, camera: CameraId) -> str:
        """What was wrong with the pictures of its newest clip; empty: nothing."""
        return "; ".join(FAULT_WORDS[fault] for fault in self._watched.ingest.faults(camera))

    def strays_instead(self, tree: Tree, camera: CameraId) -> bool:
        """Whether nobody's files came for an hour since this camera's own ended: its files may
        have got another name. What came beside its own files is another camera's."""
        own_s = self._counts.newest_done_s.get(camera, self._started_utc_s)
        return any(
            stray.first_s >= own_s - _SAME_TIME_S and stray.newest_s - own_s >= _STRAYS_FOR_S
            for stray in tree.watcher.status().strays
        )

    def ingest(self) -> dict[str, IngestFigures]:
        """For the telemetry."""
        counts, now_s = self._counts, self._clock.read().utc_s
        return {
            camera: IngestFigures(
                waiting=counts.of(camera, "waiting"),
                done=counts.of(camera, "done"),
                refused=counts.of(camera, "refused", "failed"),
                too_old=counts.of(camera, "too_old"),
                behind_s=max(0.0, now_s - counts.waiting_since_s.get(camera, now_s)),
            )
            for tree in self._watched.trees
            for camera in tree.cameras
        }

    def cameras(self) -> dict[str, dict[str, float]]:
        """For the telemetry: figures beside those of `ingest`."""
        return {
            camera: self._figures(tree, camera)
            for tree in self._watched.trees
            for camera in tree.cameras
        }

    def _figures(self, tree: Tree, camera: CameraId) -> dict[str, float]:
        counters, watch = self._watched.counters(camera), tree.watcher.status()
        figures: dict[str, float] = {
            "analysed": counters.frames,
            "looks": counters.looks,
            "busy_s": round(counters.busy_s, 2),
            "clips_gone": self._counts.of(camera, "gone"),
            "files_seen": watch.files_seen,
            "files_settling": watch.pending,
            "files_unmatched": watch.unmatched,
            "files_unclaimed": sum(stray.files for stray in watch.strays),
            "channels_unknown": len(watch.unknown_channels),
        }
        if watch.last_scan_s is not None:
            figures["scan_s"] = round(watch.last_scan_s, 2)
        if camera in self._counts.newest_done_s:
            age_s = self._clock.read().utc_s - self._counts.newest_done_s[camera]
            figures["newest_clip_age_s"] = round(age_s, 1)
        offset = tree.watcher.clock_offset(camera)
        if offset is not None:
            figures["recorder_clock_offset_s"] = round(offset.offset_s, 1) + 0.0
            figures["recorder_clock_err_s"] = round(offset.err_s, 1)
        return figures


@dataclass(frozen=True, slots=True)
class _Told:
    reason: str
    left_out: LeftOut
    clock_offset_s: float | None
    degraded: bool = False

    @property
    def state(self) -> State:
        if self.degraded:
            return State.DEGRADED
        return State.OFFLINE if self.reason else State.ONLINE

    def is_news_after(self, told: _Told | None) -> bool:
        """A recorder's clock that is found to be a second further off is none."""
        if told is None or (self.reason, self.left_out) != (told.reason, told.left_out):
            return True
        now_s, before_s = self.clock_offset_s, told.clock_offset_s
        if now_s is None or before_s is None:
            return now_s is not before_s
        return abs(now_s - before_s) > _CLOCK_NEWS_S


class FolderStatusTeller:
    """Owned by the main thread: publishes a folder camera's status whenever it changes."""

    def __init__(
        self,
        tree: Tree,
        camera: CameraId,
        standing: FolderStanding,
        topics: BoxTopics,
        clock: Clock,
        set_status: Callable[[str, bytes], None],
    ) -> None:
        self._tree = tree
        self._camera = camera
        self._standing = standing
        self._topics = topics
        self._clock = clock
        self._set_status = set_status
        self._told: _Told | None = None

    @property
    def trouble(self) -> str:
        """As it was told last; empty when all is well."""
        return self._told.reason if self._told else ""

    def rests_on(self, threads: Set[str]) -> bool:
        """Whether one of these threads works for this camera."""
        return bool(threads & {INGEST, self._tree.thread})

    def poll(self, *, crashed: bool) -> None:
        """`crashed`: the watcher's or the ingest's thread lies still."""
        reason = CRASHED if crashed else _LOST if self._tree.lost else ""
        if self._told is None and reason == _LOST and not self._tree.looked:
            return  # it has only just been started
        if not reason and self._standing.strays_instead(self._tree, self._camera):
            reason = _STRAYS
        faults = "" if reason else self._standing.picture_faults(self._camera)
        offset = self._tree.watcher.clock_offset(self._camera)
        now = _Told(
            reason or faults,
            self._standing.left_out(self._camera),
            offset.offset_s if offset else None,
            degraded=bool(faults) or reason == _STRAYS,
        )
        if not now.is_news_after(self._told):
            return
        self._say(now)

    def say_stopped(self) -> None:
        """Nobody watches it any more."""
        self._say(_Told(STOPPED, self._standing.left_out(self._camera), None))

    def _say(self, now: _Told) -> None:
        self._told = now
        status = CameraStatus(
            self._camera,
            now.state,
            self._clock.read().utc_s,
            now.reason,
            left_out=now.left_out,
            clock_offset_s=now.clock_offset_s,
        )
        self._set_status(self._topics.camera_status(self._camera), encode_camera_status(status))
