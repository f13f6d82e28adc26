"""Event clips beside the events: one file or more per person event, named by its end.

    analysis thread   ClipJournal: opens a drain at a start, holds an end for its clip
    clip thread       EventClips.run: writes what the drains give, fingerprints, tidies up

The event comes first. An end waits at most `END_WAITS_S` for its clip, and then goes out
without; a disk that is full or stuck costs clips and nothing else.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge_agent.agent.clip_recording import ClipOrder, ClipRecording
from edge_agent.analysis.loop import Journal
from edge_agent.clock import Clock
from edge_agent.config import CameraConfig, ClipConfig, Config, FolderSource, PersonConfig
from edge_agent.domain import CameraId, ClipRef, Event, EventId, Label, Phase, Snapshot
from edge_agent.errors import StorageError
from edge_agent.media import ClipCounts, ClipStore
from edge_agent.runtime import Mailbox, StopToken
from edge_agent.sources import MainStream, PacketDrain, PacketTap

log = logging.getLogger(__name__)

#: Half of what an event may ever be late for its clip's sake; the rest is for the analysis'
#: own turn, in which an end that waited enough is noticed.
END_WAITS_S = 0.5

#: How often packets go from the drains into files.
_PUMP_EVERY_S = 0.5
_IDLE_WAIT_S = 1.0
_PRUNE_EVERY_S = 60.0
_LAST_SYNC_S = 3.0
#: The same trouble of the same camera is logged again only after this.
_REMIND_S = 600.0
_INBOX_CAPACITY = 1000


@dataclass(frozen=True, slots=True)
class ClipCamera:
    """A camera of which clips are kept."""

    tap: PacketTap
    person: PersonConfig
    main: MainStream | None = None

    def open(self, since_s: float) -> PacketDrain:
        """From the main stream if there is one that flows, else from what is analysed."""
        main = self.main
        tap = main.tap if main is not None and main.flowing else self.tap
        return tap.open(since_s)

    def close(self, drain: PacketDrain) -> None:
        self.tap.close(drain)
        if self.main is not None:
            self.main.tap.close(drain)

    def hold_back_s(self, post_s: float) -> float:
        """How much later than `post_s` after the last sighting an end is told."""
        told_s = max(self.person.lost_after_s, self.person.cooldown_s)
        return max(0.0, told_s + self.person.confirm_window_s - post_s)


@dataclass(slots=True)
class PendingClip:
    """The files of a clip, once `done` is set."""

    event_id: EventId
    until_s: float
    done: threading.Event = field(default_factory=threading.Event)
    refs: tuple[ClipRef, ...] = ()


@dataclass(frozen=True, slots=True)
class _Begin:
    recording: ClipRecording


class EventClips:
    """`run` belongs to the clip thread; `begin` and `end` to the analysis thread."""

    def __init__(
        self,
        store: ClipStore,
        config: ClipConfig,
        cameras: Mapping[CameraId, ClipCamera],
        clock: Clock,
    ) -> None:
        self._store = store
        self._config = config
        self._cameras = dict(cameras)
        self._clock = clock
        self._inbox: Mailbox[_Begin | PendingClip] = Mailbox(_INBOX_CAPACITY)
        # Ends that found no room: no more than clips that were begun, and those have a bound.
        self._no_room: deque[PendingClip] = deque()
        self._recordings: dict[EventId, ClipRecording] = {}
        self._pruned_s = float("-inf")
        self._logged: dict[tuple[CameraId, str], float] = {}

    @property
    def counts(self) -> ClipCounts:
        return self._store.counts

    def keeps(self, event: Event) -> bool:
        return event.label is Label.PERSON and event.camera in self._cameras

    def put(self, name: CameraId, camera: ClipCamera) -> None:
        """Clips of this camera are kept from now on, in this way."""
        self._cameras[name] = camera

    def remove(self, name: CameraId) -> None:
        """When its last event has ended."""
        self._cameras.pop(name, None)

    def find(self, event_id: EventId, number: int) -> Path | None:
        """The n-th file of an event's clip; None: it is not there, or still being written. From
        any thread."""
        return None if event_id in self._recordings else self._store.find(event_id, number)

    # --- from the analysis thread ---

    def begin(self, event: Event) -> None:
        """A person event started. What the camera's ring holds is safe when this returns."""
        camera, config = self._cameras[event.camera], self._config
        # What carries on after a split has its past in the clip of the event before.
        since_s = event.start_s - (0.0 if event.continues else config.pre_s)
        drain = camera.open(since_s)
        hold_back_s = camera.hold_back_s(config.post_s)
        order = ClipOrder(event.camera, event.event_id, event.start_s, hold_back_s)
        recording = ClipRecording(order, drain, self._store, self._clock)
        if not self._inbox.put(_Begin(recording), 0.0):
            self._close(event.camera, drain)  # the clip thread is stuck; END_WAITS_S covers it

    def end(self, event: Event) -> PendingClip:
        """The event ended: its clip's files will be in the result, if the disk is up to it."""
        end_s = event.at_s if event.end_s is None else event.end_s
        pending = PendingClip(event.event_id, end_s + self._config.post_s)
        if not self._inbox.put(pending, 0.0):
            self._no_room.append(pending)  # or its clip would be written on for ever
        return pending

    # --- the thread ---

    def run(self, stop: StopToken) -> None:
        """Until told to stop; then every clip is finished."""
        stop.wakes(self._inbox.wake)
        self._finish_all()  # after a crash of this thread: what was open then
        while not stop.stopped or len(self._inbox) or self._no_room:
            wait_s = _PUMP_EVERY_S if self._recordings else _IDLE_WAIT_S
            # Before the inbox is emptied: what began them is in it, or was.
            late = [self._no_room.popleft() for _ in range(len(self._no_room))]
            for item in self._inbox.get_all(0.0 if stop.stopped else wait_s):
                if isinstance(item, _Begin):
                    self._recordings[item.recording.order.event_id] = item.recording
                else:
                    self._finish(item)
            for pending in late:
                self._finish(pending)
            for recording in self._recordings.values():
                recording.pump()
                self._tell(recording)
            self._keep_house()
        self._finish_all()
        self._keep_house(_LAST_SYNC_S)

    def _finish(self, pending: PendingClip) -> None:
        recording = self._recordings.pop(pending.event_id, None)
        if recording is not None:
            self._close(recording.order.camera, recording.drain)
            pending.refs = recording.finish(pending.until_s)
            self._tell(recording)
        pending.done.set()

    def _finish_all(self) -> None:
        for event_id in list(self._recordings):
            self._finish(PendingClip(event_id, float("inf")))

    def _close(self, camera: CameraId, drain: PacketDrain) -> None:
        if camera in self._cameras:
            self._cameras[camera].close(drain)

    def _tell(self, recording: ClipRecording) -> None:
        trouble, camera = recording.trouble, recording.order.camera
        if trouble is None:
            return
        now_s = self._clock.mono_s()
        kind = trouble.partition(":")[0]
        if now_s - self._logged.get((camera, kind), float("-inf")) >= _REMIND_S:
            self._logged[camera, kind] = now_s
            log.warning("%s: no whole clip could be kept: %s", camera, trouble)

    def _keep_house(self, wait_s: float = 0.0) -> None:
        now_s = self._clock.mono_s()
        try:
            self._store.sync(wait_s)
            if now_s - self._pruned_s >= _PRUNE_EVERY_S:
                self._pruned_s = now_s
                self._store.prune()
        except StorageError as error:
            log.warning("clips: %s", error)


@dataclass(frozen=True, slots=True)
class _HeldEnd:
    event: Event
    pending: PendingClip
    until_s: float


class ClipJournal:
    """Stands before the writer, for the analysis thread: hands everything on, ends with
    the files of their clip. `record` is called at least every quarter second, even with
    nothing, so that no end waits longer than it may.
    """

    def __init__(self, next_journal: Journal, clips: EventClips, clock: Clock) -> None:
        self._next = next_journal
        self._clips = clips
        self._clock = clock
        self._held: list[_HeldEnd] = []
        self._late = 0

    @property
    def counts(self) -> ClipCounts:
        return self._clips.counts

    @property
    def late(self) -> int:
        """Ends that went out without their clip because it was not ready in time."""
        return self._late

    def record(self, events: Sequence[Event]) -> None:
        now_s = self._clock.mono_s()
        at_once = []
        for event in events:
            if event.phase is Phase.END and self._clips.keeps(event):
                held = _HeldEnd(event, self._clips.end(event), now_s + END_WAITS_S)
                self._held.append(held)
            else:
                at_once.append(event)
        self._next.record([*self._ready(now_s), *at_once])
        for event in events:
            if event.phase is Phase.START and self._clips.keeps(event):
                self._clips.begin(event)

    def keep(self, snapshot: Snapshot) -> None:
        self._next.keep(snapshot)

    def finish(self) -> None:
        """Hand on every held end, after the same wait. When the analysis thread has ended."""
        for held in self._held:
            held.pending.done.wait(max(0.0, held.until_s - self._clock.mono_s()))
        self._next.record(self._ready(float("inf")))

    def _ready(self, now_s: float) -> list[Event]:
        ready, waiting = [], []
        for held in self._held:
            if held.pending.done.is_set():
                ready.append(replace(held.event, clips=held.pending.refs))
            elif now_s >= held.until_s:
                self._late += 1
                ready.append(held.event)
            else:
                waiting.append(held)
        self._held = waiting
        return ready


def keeps_clips(config: Config, camera: CameraConfig) -> bool:
    """Not of a recorder's clips, which are kept already. Masks are checked by the configuration
    too; here they are, lest a caller forgot."""
    recorder_keeps = isinstance(camera.source, FolderSource)
    wanted = config.clips.enabled and camera.clips and not recorder_keeps
    return wanted and not camera.privacy_masks


def open_event_clips(config: Config, clock: Clock) -> EventClips | None:
    """None when clips are off, or when the disk is not up to it: events matter more."""
    if not config.clips.enabled:
        return None
    try:
        store = ClipStore(Path(config.box.state_dir), config.clips, clock)
    except StorageError as error:
        log.error("no clips are kept: %s", error)
        return None
    return EventClips(store, config.clips, {}, clock)


def clip_figures(journal: ClipJournal | None) -> dict[str, float]:
    """For the telemetry; nothing where no clips are kept."""
    if journal is None:
        return {}
    counts = journal.counts
    return {
        "clip_files": counts.files,
        "clip_mb": round(counts.bytes / 1e6, 1),
        "clips_stored": counts.stored,
        "clips_failed": counts.failed,
        "clips_late": journal.late,
    }
