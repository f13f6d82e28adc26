"""The known clip through the running agent: decoding, the analysis thread, its detector, tracking
and rules, as a camera's pictures go. What it leads to is kept apart from all cameras' events."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_agent.analysis.exchange import FrameExchange
from edge_agent.analysis.loop import AnalysisLoop, Seat, SeatCounters
from edge_agent.analysis.recordings import GivenTime
from edge_agent.clock import Clock
from edge_agent.config import CameraConfig, FileSource
from edge_agent.contract import MediaTimeSource, RecordedTimeline
from edge_agent.domain import CameraId, EndReason, Event, EventId, Frame, Label, Phase, Snapshot
from edge_agent.errors import AgentError
from edge_agent.pipeline.stages import Detector, build_pipeline
from edge_agent.runtime import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings, Finding

#: No camera can have this id: an id of the configuration begins with a letter or digit.
_SEAT = CameraId("_selftest")
_FPS = 5.0
_STEP_S = 0.25
#: Longer than this, and the analysis thread is away or drowned: that is what is to be told.
_AWAY_S = 60.0
_ASK_S = 5.0


class DetectorInUse(Detector, Protocol):
    """One that says what it failed at."""

    trouble: str


@dataclass(frozen=True, slots=True)
class ProofParts:
    """What the clip goes through: the running agent's own."""

    exchange: FrameExchange
    analysis: AnalysisLoop
    detector: Callable[[], DetectorInUse]
    clip: Path
    clock: Clock


@dataclass(frozen=True, slots=True)
class ProofOutcome:
    """What became of the known person. `trouble` "": they were told."""

    trouble: str
    frames: int = 0
    top_score: float = 0.0
    took_s: float = 0.0


class _Kept:
    """A journal that tells nobody. Written by the analysis thread."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, events: Sequence[Event]) -> None:
        self.events += events

    def keep(self, snapshot: Snapshot) -> None:
        """The picture is ours; nobody needs it."""


def run_proof(parts: ProofParts, stop: StopToken) -> ProofOutcome:
    """Plays the clip once; takes some seconds, more on a busy box. Raises nothing expected."""
    clock = parts.clock
    begun_s = clock.mono_s()
    kept, counters, analysed = _Kept(), SeatCounters(), threading.Event()
    camera = CameraConfig(id="selftest", source=FileSource(path=str(parts.clip), pace="fast"))
    detector = parts.detector()
    pipeline = build_pipeline(camera, detector, _event_id)
    timeline = RecordedTimeline(0.0, MediaTimeSource.TEMPLATE, 0.0)

    def tell(finding: Finding) -> None:
        del finding
        analysed.set()

    seat = Seat(_SEAT, pipeline, counters, GivenTime(timeline), tell, journal=kept)
    trouble = ""
    parts.exchange.add(_SEAT, recorded=True)
    try:
        if not parts.analysis.ask(lambda: parts.analysis.enter(seat), _ASK_S):
            return ProofOutcome("the analysis does not take up its work")
        _play(parts, camera, analysed, stop)
        closing = counters.last_captured_s
        parts.analysis.ask(
            lambda: kept.record(pipeline.close(EndReason.CAMERA_LOST, closing)), _ASK_S
        )
    except AgentError as error:
        trouble = str(error)
    finally:
        parts.exchange.remove(_SEAT)
        parts.analysis.ask(lambda: parts.analysis.leave(_SEAT), _ASK_S)
    persons = [event for event in kept.events if event.label is Label.PERSON]
    if not trouble and not {Phase.START, Phase.END} <= {event.phase for event in persons}:
        trouble = detector.trouble or "nobody was found in the known pictures of somebody"
    top_score = max((event.top_score for event in persons), default=0.0)
    return ProofOutcome(trouble, counters.frames, top_score, clock.mono_s() - begun_s)


class _PictureLate(AgentError):
    """A picture was not analysed in time."""


def _play(
    parts: ProofParts, camera: CameraConfig, analysed: threading.Event, stop: StopToken
) -> None:
    """Frame by frame, the next when the last is analysed. Raises what a feed does."""
    feed = CameraFeed(
        FeedSettings.of(camera, _FPS),
        credentials=CredentialGuard(None, parts.clock),
        clock=parts.clock,
    )

    def deliver(frame: Frame) -> None:
        analysed.clear()
        deadline_s = parts.clock.mono_s() + _AWAY_S
        ours = Frame(_SEAT, frame.captured_s, frame.pixels)
        while not stop.stopped and not parts.exchange.put(ours, _STEP_S):
            _check(parts.clock, deadline_s)
        while not stop.stopped and not analysed.wait(_STEP_S):
            _check(parts.clock, deadline_s)

    feed.run_once(stop, deliver)


def _check(clock: Clock, deadline_s: float) -> None:
    if clock.mono_s() > deadline_s:
        raise _PictureLate(f"a picture was not analysed within {_AWAY_S:g} s")


def _event_id(label: Label, at_s: float) -> EventId:
    """Of events that nobody is told of."""
    return EventId(f"{label}-{at_s:.3f}")
