"""One recording analysed as if a recorder had cut it: a new pipeline for each piece."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge_agent.analysis.loop import finding_of
from edge_agent.clock import SystemClock
from edge_agent.config import CameraConfig, FileSource
from edge_agent.domain import EndReason, Event, EventId, Frame, Label, Lighting, Phase
from edge_agent.pipeline import CameraPipeline
from edge_agent.pipeline.stages import Detector, build_pipeline
from edge_agent.runtime import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings


@dataclass
class Pieces:
    """`piece_s` seconds to a piece; the next begins `gap_s` later by its name."""

    camera: CameraConfig
    detector: Detector
    piece_s: float = float("inf")
    events: list[Event] = field(default_factory=list)  # moments since the first piece's begin
    sizes_bytes: list[int] = field(default_factory=list)
    blind: int = 0  # pictures of later pieces of which motion could say nothing
    fixed: bool = True  # whether every state, restored, gave the same bytes again

    def __post_init__(self) -> None:
        self._numbers = itertools.count()
        self._pipeline = self._new()
        self._begin_s = self._last_s = 0.0

    def take(self, frame: Frame) -> None:
        if frame.captured_s - self._begin_s >= self.piece_s:
            self._next_piece(frame.captured_s)
        at_s = frame.captured_s - self._begin_s
        analysis = self._pipeline.update(replace(frame, captured_s=at_s))
        if self._begin_s > 0:
            self.blind += analysis.motion.lighting is Lighting.WARMING_UP
        self._say(analysis.events)
        self._last_s = at_s
        self.finding = finding_of(frame.captured_s, analysis)

    def end(self) -> None:
        self._say(self._pipeline.close(EndReason.CAMERA_LOST, self._last_s))

    def spans(self, label: Label = Label.PERSON) -> list[tuple[float, float, float]]:
        """(start, end, told) of each event."""
        told = {e.event_id: e.at_s for e in self.events if e.phase is Phase.START}
        return [
            (event.start_s, event.end_s or 0.0, told[event.event_id])
            for event in self.events
            if event.phase is Phase.END and event.label is label
        ]

    def _next_piece(self, begin_s: float) -> None:
        data = self._pipeline.carry_over()
        self.sizes_bytes.append(len(data))
        self._pipeline = self._new()
        self._pipeline.resume(data, offset_s=begin_s - self._begin_s)
        moved, again = self._pipeline.carry_over(), self._new()
        again.resume(moved, offset_s=0.0)
        self.fixed &= again.carry_over() == moved
        self._begin_s = begin_s

    def _new(self) -> CameraPipeline:
        return build_pipeline(
            self.camera, self.detector, lambda *_: EventId(f"event-{next(self._numbers)}")
        )

    def _say(self, events: tuple[Event, ...]) -> None:
        moved = self._begin_s
        self.events += [
            replace(
                event,
                at_s=round(event.at_s + moved, 6),
                start_s=round(event.start_s + moved, 6),
                end_s=None if event.end_s is None else round(event.end_s + moved, 6),
            )
            for event in events
        ]


def analyse(clip: Path, detector: Detector, *, piece_s: float = float("inf")) -> Pieces:
    source = FileSource(path=str(clip), pace="fast", gate="off")
    pieces = Pieces(CameraConfig(id="room", source=source), detector, piece_s)
    clock = SystemClock()
    feed = CameraFeed(
        FeedSettings.of(pieces.camera, 5.0), credentials=CredentialGuard(None, clock), clock=clock
    )
    feed.run_once(StopToken(), pieces.take)
    pieces.end()
    return pieces
