"""The ingest thread: takes clips from the ledger and makes events of them, one clip at a time.

    found -> ledger -> planner -> open, resume(carry) -> frames -> events, carry_over
                          ^                                             |
                          +---------- one transaction <-----------------+

A clip's messages, its ledger row and what the next clip goes on with are one transaction, and
every clip begins with nothing but that. So a clip that a crash cut short is analysed again with
the same result.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from edge_agent.agent.drafting import EventDrafter
from edge_agent.agent.ingest.clip_analysis import ClipAnalysis, PreparedClip
from edge_agent.agent.ingest.clip_messages import ClipMessages, cut_off, packed, unpacked
from edge_agent.agent.ingest.found import clip_to_open, timeline_of
from edge_agent.agent.ingest.planner import ClipPlanner
from edge_agent.agent.recorder import Together
from edge_agent.agent.stages import Detector, build_pipeline
from edge_agent.clock import Clock
from edge_agent.config import CameraConfig
from edge_agent.contract import RecordedEventIds
from edge_agent.domain import CameraId, EndReason, Event
from edge_agent.errors import (
    AgentError,
    CarryOverRefused,
    MediaError,
    RetryableError,
    SourceStalled,
    StorageError,
)
from edge_agent.outbox import Also, ClipState, Database, LedgerClip, LedgerReader, Run, ledger
from edge_agent.pipeline import CameraPipeline
from edge_agent.runtime import StopToken
from edge_agent.sources import PacketSource
from edge_agent.sources.folder import ClipChanged, ClipGone, open_clip, shown_path

log = logging.getLogger(__name__)

#: How often the ledger is looked at when nobody says that there is news.
_LOOK_EVERY_S = 1.0
_STORAGE_RETRY_S = 5.0
_PUT_OFF_S = 30.0
#: A clip waits for earlier ones that are being found, but not longer than this: one may never open.
_EARLIER_WAIT_S = 20.0
_EARLIER_LOOK_S = 0.5
#: Longer than a clip: one that is on its way and began earlier does not reach this one.
_EARLIER_S = 3600.0
#: Without a time in the name, its mtime is known: its end, where the next one begins.
_NAMED_S = 1.0
#: A file that is not there may be on its way to another name, or its share may be going.
_GONE_AFTER_LOOKS = 3
#: Recorders name their clips by whole seconds, so that one that follows at once seems to overlap
#: with the one before. What overlaps more shows the same moments again, which are left out.
_SEAMLESS_OVERLAP_S = 2.0
_NEXT_FRAME_S = 0.04


class Watched(Protocol):
    """What the ingest must know of the folder that a camera's clips lie in."""

    @property
    def lost(self) -> bool:
        """It cannot be seen: its files are not gone, it is."""
        ...

    @property
    def scanned(self) -> bool:
        """Everything that lay there at the start was found."""
        ...

    def awaited(self, camera: CameraId) -> Sequence[float]:
        """About when each of this camera's clips was recorded (UTC) that was seen and will soon
        be in the ledger. One that is in it already may still be told."""
        ...


class Storing(Protocol):
    """The recorder."""

    def together(self, items: Together) -> None: ...


@dataclass(frozen=True, slots=True)
class IngestCamera:
    """A camera whose clips lie in a folder."""

    config: CameraConfig
    next_clip_s: float  # how long its next clip may take to come
    analysis: ClipAnalysis
    folder: Watched


class Ingest:
    """`run` belongs to the ingest thread; `wake` may be called from any."""

    def __init__(
        self,
        cameras: Mapping[CameraId, IngestCamera],
        detector: Detector,
        drafter: EventDrafter,
        storing: Storing,
        *,
        open_reader: Callable[[], LedgerReader],
        clock: Clock,
    ) -> None:
        self._cameras = dict(cameras)
        self._detector = detector
        self._drafter = drafter
        self._storing = storing
        self._open_reader = open_reader
        self._clock = clock
        self._news = threading.Event()
        self._started_utc_s = clock.read().utc_s
        self._looks: dict[int, int] = {}  # in vain, for files that are not there
        self.busy: str = ""  # the clip that is analysed now

    def wake(self) -> None:
        """Something was found."""
        self._news.set()

    def run(self, stop: StopToken) -> None:
        """Until told to stop. A clip that is not finished then is analysed again later."""
        with self._open_reader() as reader:
            planner = ClipPlanner(tuple(self._cameras), reader, self._clock)
            while not stop.stopped:
                self._news.clear()
                try:
                    busy = self._work(planner, reader, stop)
                except StorageError as error:
                    log.warning("recorder folders wait: %s", error)
                    stop.wait(_STORAGE_RETRY_S)
                    continue
                if not busy:
                    self._wait(stop)

    def finish(self, stop: StopToken) -> None:
        """For a folder that is complete: analyse all that waits, then end what is open."""
        with self._open_reader() as reader:
            planner = ClipPlanner(tuple(self._cameras), reader, self._clock)
            while not stop.stopped and self._work(planner, reader, stop):
                pass
            for camera in self._cameras:
                for run in reader.runs(camera):
                    self._end(run, reader, stop)

    # --- what is next ---

    def _work(self, planner: ClipPlanner, reader: LedgerReader, stop: StopToken) -> bool:
        """One clip, if any waits; False when there is none."""
        self._end_runs(reader, stop)
        here = [name for name, camera in self._cameras.items() if not camera.folder.lost]
        # Before the ledger is read: what is in neither was not there yet.
        awaited = {name: self._cameras[name].folder.awaited(name) for name in here}
        clip = planner.next(here)
        if clip is None:
            return False
        if self._comes_before(clip, awaited[clip.camera]):
            planner.put_off(clip.camera, _EARLIER_LOOK_S)
            return True
        run = planner.run_before(clip)
        self.busy = shown_path(clip.path)
        try:
            self._analyse(clip, run, reader, stop)
        except _PutOff as reason:
            log.warning("%s: %s waits: %s", clip.camera, shown_path(clip.path), reason)
            planner.put_off(clip.camera, _PUT_OFF_S)
        finally:
            self.busy = ""
        return True

    def _comes_before(self, clip: LedgerClip, awaited: Sequence[float]) -> bool:
        """Whether an earlier clip is about to come, which this one may continue: found together,
        as after a start, the newest comes first."""
        if self._clock.read().utc_s - clip.found_s > _EARLIER_WAIT_S:
            return False
        if not self._cameras[clip.camera].folder.scanned:
            return True
        since_s, until_s = clip.start_s - _EARLIER_S, clip.start_s + _NAMED_S
        return any(since_s <= recorded_s <= until_s for recorded_s in awaited)

    def _wait(self, stop: StopToken) -> None:
        waited_s = 0.0
        while not stop.stopped and waited_s < _LOOK_EVERY_S:
            if self._news.wait(0.25):
                return
            waited_s += 0.25

    # --- one clip ---

    def _analyse(
        self, clip: LedgerClip, run: Run | None, reader: LedgerReader, stop: StopToken
    ) -> None:
        prepared = self._resumed(clip, run) if run else None
        if run and prepared is None:
            self._end(run, reader, stop)
            run = None
        prepared = prepared or self._begun(clip)
        state, reason = self._play(clip, prepared, stop)
        if stop.stopped:
            return
        if reason:
            log.warning("%s: %s: %s", clip.camera, shown_path(clip.path), reason)
        if not prepared.frames:
            # A file without pictures says nothing of what was before or comes after it.
            empty = replace(
                clip,
                state=ClipState.FAILED if state is ClipState.DONE else state,
                reason=reason or "holds no pictures",
            )
            self._store(prepared.messages, lambda db: ledger.update_clip(db, empty), stop)
            return
        done = replace(clip, state=ClipState.DONE, reason=reason, told=0)
        start_s = prepared.timeline.first_frame_utc_s
        after = Run(
            clip.key,
            clip.camera,
            start_s,
            prepared.last_s,
            max(start_s + prepared.last_s, clip.end_s or 0.0 if not reason else 0.0),
            clip.found_s,
            prepared.pipeline.carry_over(),
            packed(prepared.messages.open_events),
        )

        def also(database: Database) -> None:
            ledger.update_clip(database, done)
            if run is not None:
                ledger.delete_run(database, run.clip)
            ledger.put_run(database, after)

        self._store(prepared.messages, also, stop)

    def _play(
        self, clip: LedgerClip, prepared: PreparedClip, stop: StopToken
    ) -> tuple[ClipState, str]:
        """Analyse it as far as it goes; what became of it, and why it ended early. Raises
        _PutOff."""
        camera = self._cameras[clip.camera]

        def store_part() -> None:
            if prepared.messages.part_is_due:
                part = replace(clip, told=prepared.messages.count)
                self._store(prepared.messages, lambda db: ledger.update_clip(db, part), stop)

        def opener(*_: object, **__: object) -> PacketSource:
            return open_clip(clip_to_open(clip), stop=stop, clock=self._clock)

        try:
            camera.analysis.play(prepared, opener, store_part, stop)
        except (ClipGone, ClipChanged) as error:
            return self._missing(clip, error), _reason(error, clip)
        except (MediaError, SourceStalled) as error:
            if camera.folder.lost:
                raise _PutOff(str(error)) from error
            return ClipState.DONE, _reason(error, clip)
        except RetryableError as error:
            raise _PutOff(str(error)) from error
        return ClipState.DONE, ""

    def _missing(self, clip: LedgerClip, error: MediaError) -> ClipState:
        """A file that is not there: raises _PutOff unless it stays away."""
        looks = self._looks[clip.key] = self._looks.get(clip.key, 0) + 1
        if looks < _GONE_AFTER_LOOKS or self._cameras[clip.camera].folder.lost:
            raise _PutOff(str(error)) from error
        del self._looks[clip.key]
        return ClipState.GONE

    def _begun(self, clip: LedgerClip) -> PreparedClip:
        timeline = timeline_of(clip)
        messages = ClipMessages(self._drafter, timeline, open_events=(), told=clip.told)
        return PreparedClip(self._pipeline(clip), timeline, messages)

    def _resumed(self, clip: LedgerClip, run: Run) -> PreparedClip | None:
        """Going on where the clip before ended; None where that cannot be used."""
        offset_s = clip.start_s - run.start_s
        if 0 <= run.last_s - offset_s <= _SEAMLESS_OVERLAP_S:
            offset_s = run.last_s + _NEXT_FRAME_S
        pipeline = self._pipeline(clip)
        try:
            pipeline.resume(run.carry, offset_s=offset_s)
        except CarryOverRefused as error:
            log.info("%s: nothing is carried over: %s", shown_path(clip.path), error)
            return None
        timeline = replace(timeline_of(clip), first_frame_utc_s=run.start_s + offset_s)
        still_open = unpacked(run.open_events, offset_s)
        messages = ClipMessages(self._drafter, timeline, open_events=still_open, told=clip.told)
        return PreparedClip(pipeline, timeline, messages)

    def _pipeline(self, clip: LedgerClip) -> CameraPipeline:
        ids = RecordedEventIds(clip.camera, clip.digest)
        return build_pipeline(self._cameras[clip.camera].config, self._detector, ids)

    # --- the end of a run ---

    def _end_runs(self, reader: LedgerReader, stop: StopToken) -> None:
        """End the events of runs that no clip continues in time."""
        now_s = self._clock.read().utc_s
        for name, camera in self._cameras.items():
            if not camera.folder.scanned:
                continue  # the next clip may lie there already
            for run in reader.runs(name):
                due_s = max(run.found_s, self._started_utc_s) + camera.next_clip_s
                if now_s >= due_s and not reader.goes_on(run):
                    self._end(run, reader, stop)

    def _end(self, run: Run, reader: LedgerReader, stop: StopToken) -> None:
        clip = reader.clip(run.clip)
        if clip is None:
            raise StorageError(f"{run.camera}: the ledger has no clip of a run")
        timeline = replace(timeline_of(clip), first_frame_utc_s=run.start_s)
        messages = ClipMessages(self._drafter, timeline, open_events=(), told=0)
        messages.record(self._last_events(run, clip))
        self._store(messages, lambda db: ledger.delete_run(db, run.clip), stop)

    def _last_events(self, run: Run, clip: LedgerClip) -> Sequence[Event]:
        """The ends of what is open, on the timeline of the run's last clip."""
        pipeline = self._pipeline(clip)
        try:
            pipeline.resume(run.carry, offset_s=0.0)
        except CarryOverRefused as error:
            log.warning("%s: events end with their newest message: %s", run.camera, error)
            return cut_off(unpacked(run.open_events))
        # The pictures end, the person does not: nobody may read "gone" into that.
        return pipeline.close(EndReason.CAMERA_LOST, run.last_s)

    def _store(self, messages: ClipMessages, also: Also, stop: StopToken) -> None:
        """Durable when it returns, or it is time to stop: then the clip is analysed again."""
        drafts, pictures = messages.take()
        while True:
            items = Together(drafts, also, pictures)
            self._storing.together(items)
            while not items.done.wait(0.25):
                if stop.stopped:
                    return
            if items.stored or stop.wait(_STORAGE_RETRY_S):
                return


class _PutOff(Exception):
    """Not now; says why."""


def _reason(error: AgentError, clip: LedgerClip) -> str:
    """Without the camera and the path, which the ledger has already."""
    return str(error).removeprefix(f"{clip.camera}: {shown_path(Path(clip.path))} ")
