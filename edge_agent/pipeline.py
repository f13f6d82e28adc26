"""READ FIRST: the path of one camera's frame from motion to event.

    frame -> motion -> detect -> track -> rules -> events
             regions   boxes     who      zones    start / update / end

`edge-agent run` (live) and `edge-agent replay` (a clip) drive this same object; only the
source of frames and the clock behind `captured_s` differ. The pipeline itself knows no
clock, no thread and no I/O: time enters with each frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from edge_agent.domain import (
    U8,
    BestFrame,
    Detection,
    EndReason,
    Event,
    EventId,
    Frame,
    Lighting,
    Motion,
    Pixels,
    Region,
    RuleHit,
    SnapshotRef,
    Track,
)
from edge_agent.geometry import FULL_FRAME, BBox

#: While the background is unknown (start, lamp, IR switch) motion is blind; the whole frame
#: is then looked at this often, so that somebody who switches on the lamp is still seen.
BLIND_LOOK_EVERY_S = 1.0


class MotionStage(Protocol):
    """Where did the picture change? `edge_agent.motion.MotionDetector`."""

    def update(self, luma: U8, at_s: float) -> Motion: ...

    def reset(self) -> None:
        """The stream broke: what was seen before says nothing about what comes."""
        ...


class DetectStage(Protocol):
    """Where are people? `edge_agent.detect.OnnxDetector`, shared by all cameras."""

    def detect(
        self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
    ) -> Sequence[Detection]: ...


class CloserStage(Protocol):
    """Who is too small here? `edge_agent.agent.closer_look.CloserLook`, where there is a main
    stream."""

    def pixels(self, frame: Frame, moving: Sequence[Region]) -> Pixels | None:
        """A picture of the same moment and place in more detail; None: the frame's will do."""
        ...

    def learn(self, frame: Frame, tracks: Sequence[Track]) -> None: ...

    def reset(self) -> None:
        """Forget everybody."""
        ...


class TrackStage(Protocol):
    """Which person is which? `edge_agent.track.Tracker`."""

    def look_at(self, moving: Sequence[Region], at_s: float) -> Sequence[Region]:
        """Where the detector looks: what moves, grown to whole tracked people, and those who
        must be looked for now whatever motion says."""
        ...

    def update(
        self, detections: Sequence[Detection], searched: Sequence[BBox], at_s: float
    ) -> Sequence[Track]: ...

    def reset(self) -> None:
        """Forget everybody; ids go on."""
        ...


class RuleStage(Protocol):
    """Which of them matter? `edge_agent.rules.RuleEngine`."""

    def update(self, tracks: Sequence[Track], at_s: float, weekminute: int) -> Sequence[RuleHit]:
        """`weekminute`: minutes since Monday 00:00 where the box stands, for schedules."""
        ...

    def reset(self) -> None:
        """Forget everybody."""
        ...


class EventStage(Protocol):
    """What is worth telling? `edge_agent.events.EventBook`."""

    def update(self, hits: Sequence[RuleHit], motion: Motion, at_s: float) -> Sequence[Event]: ...

    def best_frames(self, at_s: float) -> Sequence[BestFrame]:
        """Open person events for which this frame is the best picture so far."""
        ...

    def attach_snapshot(self, event_id: EventId, ref: SnapshotRef) -> bool:
        """Later messages of this event refer to this picture; False when it has ended."""
        ...

    def close_all(self, reason: EndReason, at_s: float) -> Sequence[Event]:
        """End every open event."""
        ...


@dataclass(frozen=True, slots=True)
class Stages:
    """The five stages of one camera, in order, and what lends the detector its glasses.

    Only `detect` is shared between cameras.
    """

    motion: MotionStage
    detect: DetectStage
    track: TrackStage
    rules: RuleStage
    events: EventStage
    closer: CloserStage | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that one frame led to: the events, and why (for annotation and tuning)."""

    motion: Motion
    searched: tuple[Region, ...]  # where the detector looked; empty: it was not asked
    detections: tuple[Detection, ...]
    tracks: tuple[Track, ...]
    hits: tuple[RuleHit, ...]
    events: tuple[Event, ...]
    best_frames: tuple[BestFrame, ...]


class CameraPipeline:
    """One camera's stages. Owned by one thread; frames come in the order of capture."""

    def __init__(self, stages: Stages, *, candidate_threshold: float) -> None:
        self._stages = stages
        self._candidate_threshold = candidate_threshold
        self._blind_look_s = float("-inf")

    def update(self, frame: Frame, weekminute: int) -> Analysis:
        """Analyse one frame."""
        stages, at_s = self._stages, frame.captured_s
        motion = stages.motion.update(frame.pixels.luma(), at_s)
        searched = self._regions(motion, at_s)
        detections = self._detect(frame, motion, searched)
        tracks = stages.track.update(detections, [region.bbox for region in searched], at_s)
        if stages.closer is not None:
            stages.closer.learn(frame, tracks)
        hits = stages.rules.update(tracks, at_s, weekminute)
        events = stages.events.update(hits, motion, at_s)
        return Analysis(
            motion,
            searched,
            tuple(detections),
            tuple(tracks),
            tuple(hits),
            tuple(events),
            tuple(stages.events.best_frames(at_s)),
        )

    def attach_snapshot(self, event_id: EventId, ref: SnapshotRef) -> bool:
        """Later messages of this event refer to this picture; False when it has ended."""
        return self._stages.events.attach_snapshot(event_id, ref)

    def close(self, reason: EndReason, at_s: float) -> tuple[Event, ...]:
        """End all open events: the source is lost, paused, finished, or we stop.

        All that was seen is forgotten with them. Whoever stands there when pictures come
        again is somebody new, and a background of before would only blind us.
        """
        stages = self._stages
        stages.motion.reset()
        stages.track.reset()
        stages.rules.reset()
        if stages.closer is not None:
            stages.closer.reset()
        self._blind_look_s = float("-inf")
        return tuple(stages.events.close_all(reason, at_s))

    def _detect(
        self, frame: Frame, motion: Motion, searched: Sequence[Region]
    ) -> Sequence[Detection]:
        if not searched:
            return ()
        closer = self._stages.closer
        pixels = closer.pixels(frame, motion.regions) if closer is not None else None
        return self._stages.detect.detect(
            pixels or frame.pixels, searched, candidate_threshold=self._candidate_threshold
        )

    def _regions(self, motion: Motion, at_s: float) -> tuple[Region, ...]:
        regions = tuple(self._stages.track.look_at(motion.regions, at_s))
        blind = motion.lighting is not Lighting.STEADY
        if blind and at_s - self._blind_look_s >= BLIND_LOOK_EVERY_S:
            self._blind_look_s = at_s
            return (Region(FULL_FRAME), *regions)
        return regions
