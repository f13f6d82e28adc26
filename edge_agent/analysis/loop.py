"""The analysis thread: takes frames in turn, runs their pipeline, hands on what it found.

While it is behind, the frames of several cameras wait at once: their regions then share
inferences, which costs a little accuracy and keeps up longer (benchmarks/models.md).
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge_agent.analysis.exchange import FrameExchange, SourceLost
from edge_agent.analysis.recordings import RecordedTime
from edge_agent.analysis.sights import Sights
from edge_agent.analysis.untold_seat import UntoldSeat
from edge_agent.clock import Clock
from edge_agent.detect import Seen
from edge_agent.domain import (
    BestFrame,
    CameraId,
    EndReason,
    Event,
    Frame,
    NuisanceSpot,
    Pixels,
    Region,
    Snapshot,
)
from edge_agent.errors import CarryOverRefused
from edge_agent.pipeline import Analysis, CameraPipeline
from edge_agent.pipeline.near_miss import FLOOR_FRAC, Faint
from edge_agent.runtime import Heartbeat, StopToken
from edge_agent.sources import Finding

log = logging.getLogger(__name__)

#: How long the thread sleeps when nothing comes; also how quickly it sees the stop token.
_TAKE_TIMEOUT_S = 0.25


#: More cameras hardly fit into one input.
MAX_TOGETHER = 4


class SharedDetector(Protocol):
    """Looks at several pictures at once: `OnnxDetector.look_together`."""

    def look_together(
        self,
        requests: Sequence[tuple[Pixels, Sequence[Region]]],
        *,
        candidate_threshold: float,
        floor: float,
    ) -> Sequence[Seen]: ...


class Journal(Protocol):
    """Who makes things durable: the writer."""

    def record(self, events: Sequence[Event]) -> None: ...

    def keep(self, snapshot: Snapshot) -> None: ...


@dataclass(slots=True)
class SeatCounters:
    """Counted by the analysis thread; telemetry reads them, late by one frame at worst."""

    frames: int = 0
    looks: int = 0  # frames for which the detector was asked
    busy_s: float = 0.0
    last_captured_s: float = float("-inf")
    nuisances: tuple[NuisanceSpot, ...] = ()  # for the camera's status

    def add(self, before: SeatCounters) -> None:
        """Count on where those ended."""
        self.frames += before.frames
        self.looks += before.looks
        self.busy_s += before.busy_s


@dataclass(frozen=True, slots=True)
class Seat:
    """One camera's way through the analysis."""

    camera: CameraId
    pipeline: CameraPipeline
    counters: SeatCounters
    recording: RecordedTime | None = None  # None: a live camera
    tell: Callable[[Finding], None] = lambda finding: None  # the source's gate listens
    late_snapshots: Callable[[], Sequence[Snapshot]] = tuple  # better ones, of earlier frames
    #: The same one for all live seats. None: looked at alone, as recordings must be: what a clip
    #: leads to may not depend on what else was there.
    detector: SharedDetector | None = None
    journal: Journal | None = None  # None: the loop's
    sights: Sights | None = None  # None: nobody asks what a recorder's clip shows
    untold: UntoldSeat | None = None  # None: nobody asks later why nobody was told
    watchers: tuple[Callable[[Frame, Analysis], None], ...] = ()  # of frames not recalled


def finding_of(at_s: float, analysis: Analysis) -> Finding:
    """What the gate of the camera's source needs to know of a frame's analysis."""
    candidates = [detection.bbox for detection in analysis.detections]
    return Finding.of(at_s, analysis.motion, analysis.tracks, candidates)


SnapshotMaker = Callable[[Frame, BestFrame], Snapshot]


@dataclass(frozen=True, slots=True)
class _Asked:
    work: Callable[[], None]
    done: threading.Event


class AnalysisLoop:
    """Body of the analysis thread; owns every pipeline and, through them, the ONNX session."""

    def __init__(
        self,
        exchange: FrameExchange,
        seats: Mapping[CameraId, Seat],
        journal: Journal,
        *,
        clock: Clock,
        heartbeat: Heartbeat,
        make_snapshot: SnapshotMaker | None,
    ) -> None:
        self._exchange = exchange
        self._seats = dict(seats)
        self._journal = journal
        self._clock = clock
        self._heartbeat = heartbeat
        self._make_snapshot = make_snapshot
        self._asked: deque[_Asked] = deque()

    def enter(self, seat: Seat) -> None:
        """The frames of this camera that come next are of another recording. By the thread
        that feeds them, while none waits: the seat's pipeline is the loop's from now on."""
        self._seats[seat.camera] = seat

    def ask(self, work: Callable[[], None], timeout_s: float) -> bool:
        """From another thread: have `work` done between two frames, and wait for it.

        What is asked first is done first. False when it was not done in time: it will be.
        """
        asked = _Asked(work, threading.Event())
        self._asked.append(asked)
        self._exchange.wake()
        return asked.done.wait(timeout_s)

    # --- for what is asked ---

    def swap(self, seat: Seat, *, new_view: bool = False) -> None:
        """The camera goes on with other settings: its pipeline's memory goes into the new one.

        `new_view`: its pictures look different from now on.
        """
        before = self._seats.get(seat.camera)
        if before is not None:
            try:
                seat.pipeline.resume(before.pipeline.carry_over(), offset_s=0.0)
            except CarryOverRefused as error:
                log.warning("%s: its events end with the edit: %s", seat.camera, error)
                self._end(before, EndReason.RESTART)
        if new_view:
            seat.pipeline.forget_background()
        self._seats[seat.camera] = seat

    def leave(self, camera: CameraId) -> None:
        """No more frames of this camera come: its events end."""
        seat = self._seats.pop(camera, None)
        if seat is not None and seat.journal is None:
            self._end(seat, EndReason.RESTART)

    def follow(self, camera: CameraId) -> None:
        """Another profile was asked for: it is in force from now on, not from the next frame."""
        seat = self._seats.get(camera)
        if seat is not None:
            seat.pipeline.follow()

    def forget_nuisances(self, camera: CameraId) -> None:
        """On the ward's command: tell of all places again."""
        seat = self._seats.get(camera)
        if seat is not None:
            seat.pipeline.forget_nuisances()
            seat.counters.nuisances = ()

    # --- the thread ---

    def run(self, stop: StopToken) -> None:
        """Analyse until told to stop; then end every open event, so that none stays open."""
        stop.wakes(self._exchange.wake)
        while not stop.stopped or not self._exchange.empty():
            self._heartbeat.beat()
            self._do_asked()
            item = self._exchange.take(_TAKE_TIMEOUT_S)
            if isinstance(item, Frame):
                self._take_up(item)
            elif isinstance(item, SourceLost):
                seat = self._seats[item.camera]
                self._journal.record(seat.pipeline.close(EndReason.CAMERA_LOST, item.at_s))
                if seat.untold is not None:
                    seat.untold.close()
            else:
                self._journal.record(())  # it may hold something whose time has come
        for seat in self._seats.values():
            if seat.journal is None:  # else a recorder's clip: analysed again, its events go on
                self._end(seat, EndReason.RESTART)

    def _do_asked(self) -> None:
        while self._asked:
            asked = self._asked.popleft()
            try:
                asked.work()
            finally:
                asked.done.set()

    def _end(self, seat: Seat, reason: EndReason) -> None:
        """End its open events."""
        at_s = max(seat.counters.last_captured_s, 0.0)
        # A recording does not restart with us: its pictures end here.
        reason = EndReason.CAMERA_LOST if seat.recording else reason
        self._journal.record(seat.pipeline.close(reason, at_s))

    def _take_up(self, frame: Frame) -> None:
        begun_s = self._clock.mono_s()
        seat = self._begin(frame)
        others = self._exchange.take_more(frame.camera, MAX_TOGETHER - 1) if seat.detector else []
        if seat.detector:
            done = self._looked_at_together([frame, *others], seat.detector)
        else:
            done = [(seat, frame, seat.pipeline.update(frame))]
        for each in done:
            self._keep(*each)
        spent_s = (self._clock.mono_s() - begun_s) / len(done)
        for each_seat, each_frame, analysis in done:
            each_seat.counters.busy_s += spent_s
            self._exchange.spent(each_seat.camera, spent_s)
            each_seat.tell(finding_of(each_frame.captured_s, analysis))

    def _looked_at_together(
        self, frames: Sequence[Frame], detector: SharedDetector
    ) -> list[tuple[Seat, Frame, Analysis]]:
        """One frame of each of several live cameras; the first has begun."""
        seats = [self._seats[frames[0].camera], *(self._begin(frame) for frame in frames[1:])]
        searches = [seat.pipeline.search(frame) for seat, frame in zip(seats, frames, strict=True)]
        least = min(seat.pipeline.candidate_threshold for seat in seats)
        requests = [(search.pixels, search.regions) for search in searches]
        found: Sequence[Seen] = [Seen((), ())] * len(requests)
        if any(search.regions for search in searches):
            floor = least * FLOOR_FRAC
            found = detector.look_together(requests, candidate_threshold=least, floor=floor)
        done = []
        for seat, frame, search, seen in zip(seats, frames, searches, found, strict=True):
            least = seat.pipeline.candidate_threshold
            detections = [each for each in seen.detections if each.score >= least]
            weak = tuple(each for each in seen.faint if each.score >= least * FLOOR_FRAC)
            faint = Faint(search.regions, weak)
            done.append((seat, frame, seat.pipeline.conclude(frame, search, detections, faint)))
        return done

    def _begin(self, frame: Frame) -> Seat:
        seat = self._seats[frame.camera]
        for snapshot in seat.late_snapshots():
            # Kept only while the event can still tell of it: its end named the earlier one.
            if seat.pipeline.attach_snapshot(snapshot.event_id, snapshot.ref):
                self._journal.keep(snapshot)
        return seat

    def _keep(self, seat: Seat, frame: Frame, analysis: Analysis) -> None:
        journal = seat.journal or self._journal
        # The event is durable before its picture is: a missing JPEG can be told, a missing
        # event cannot.
        journal.record(analysis.events)
        if seat.sights is not None and not frame.recalled:
            seat.sights.add(analysis)
        if seat.untold is not None and not frame.recalled:
            seat.untold.add(frame.captured_s, frame.weekminute, analysis)
        if not frame.recalled:
            for watch in seat.watchers:
                watch(frame, analysis)
        self._keep_snapshots(seat, frame, analysis, journal)
        counters = seat.counters
        counters.frames += 1
        counters.looks += bool(analysis.searched)
        counters.nuisances = seat.pipeline.nuisances
        counters.last_captured_s = max(counters.last_captured_s, frame.captured_s)

    def _keep_snapshots(
        self, seat: Seat, frame: Frame, analysis: Analysis, journal: Journal
    ) -> None:
        if self._make_snapshot is None:
            return
        for best in analysis.best_frames:
            snapshot = self._make_snapshot(frame, best)
            seat.pipeline.attach_snapshot(best.event_id, snapshot.ref)
            journal.keep(snapshot)
