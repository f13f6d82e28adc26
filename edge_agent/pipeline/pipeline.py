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

import msgspec

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
    NuisanceSpot,
    Pixels,
    Region,
    RuleHit,
    SnapshotRef,
    Track,
)
from edge_agent.errors import CarryOverRefused
from edge_agent.geometry import FULL_FRAME, BBox, FrameSize
from edge_agent.pipeline.analysis import Analysis, Search
from edge_agent.pipeline.carry_over import CarryOver, pack, unpack
from edge_agent.pipeline.near_miss import Faint, NearMiss, NearMissWatch
from edge_agent.pipeline.usual import UsualWatch

#: While the background is unknown (start, lamp, IR switch) motion is blind; the whole frame
#: is then looked at this often, so that somebody who switches on the lamp is still seen.
BLIND_LOOK_EVERY_S = 1.0

#: Of a recalled frame: motion is told of frames in their order only.
_UNKNOWN = Motion((), 0.0, Lighting.STEADY)


class CarriedStage(Protocol):
    """A stage whose memory goes on in the next recording of the same camera."""

    def state(self) -> bytes:
        """All that it remembers. Restored, and asked again, it gives the same bytes."""
        ...

    def restore(self, data: bytes, offset_s: float) -> None:
        """Remember `state` of a recording that began `offset_s` before the one to come.

        Raises ValueError or msgspec.MsgspecError for what is no such state.
        """
        ...


class MotionStage(Protocol):
    """Where did the picture change? `edge_agent.motion.MotionDetector`."""

    def update(self, luma: U8, at_s: float) -> Motion: ...

    def state(self, limit_bytes: int) -> bytes:
        """As `CarriedStage`, in at most `limit_bytes`."""
        ...

    def restore(self, data: bytes, offset_s: float) -> None:
        """As `CarriedStage`."""
        ...

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


class TrackStage(CarriedStage, Protocol):
    """Which person is which? `edge_agent.track.Tracker`."""

    def look_at(self, moving: Sequence[Region], at_s: float) -> Sequence[Region]:
        """Where a look can change a decision: new motion, those who are not sure yet, those who
        are due (`edge_agent.track.looks`). Empty: the detector is not asked."""
        ...

    def update(
        self, detections: Sequence[Detection], searched: Sequence[BBox], at_s: float
    ) -> Sequence[Track]: ...

    def look_back_at(self, at_s: float) -> Sequence[Region]:
        """Where those may have been at an earlier moment whom the newest frame showed first."""
        ...

    def look_back(self, detections: Sequence[Detection], at_s: float) -> None:
        """What was found there; the next `update` knows since when they are here."""
        ...

    def reset(self) -> None:
        """Forget everybody; ids go on."""
        ...


class RuleStage(CarriedStage, Protocol):
    """Which of them matter? `edge_agent.rules.RuleEngine`."""

    def update(self, tracks: Sequence[Track], at_s: float, weekminute: int) -> Sequence[RuleHit]:
        """`weekminute`: minutes since Monday 00:00 where the box stands, for schedules."""
        ...

    @property
    def nuisances(self) -> tuple[NuisanceSpot, ...]:
        """Places where whatever keeps still is not told any more."""
        ...

    def forget_nuisances(self) -> int:
        """Tell of all places again; returns how many were learned."""
        ...

    def reset(self) -> None:
        """Forget everybody; what was learned of places stays."""
        ...


class EventStage(CarriedStage, Protocol):
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


class HealthStage(Protocol):
    """Does the camera see? `edge_agent.pipeline.health.HealthWatch`."""

    def update(self, frame: Frame) -> Sequence[Event]: ...

    def close(self, reason: EndReason, at_s: float) -> Sequence[Event]:
        """End every open health event."""
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
    health: HealthStage | None = None
    usual: UsualWatch | None = None
    near_misses: NearMissWatch | None = None  # where somebody asks why nobody was told


#: What a stage may raise for bytes that were never its state.
_NO_STATE = (ArithmeticError, LookupError, TypeError, ValueError, msgspec.MsgspecError)


class CameraPipeline:
    """One camera's stages. Owned by one thread.

    Frames come in the order of capture, all but recalled ones.
    """

    def __init__(self, stages: Stages, *, candidate_threshold: float) -> None:
        self._stages = stages
        self.candidate_threshold = candidate_threshold
        self._blind_look_s = float("-inf")
        self._last_s = float("-inf")
        self._size: FrameSize | None = None

    def update(self, frame: Frame) -> Analysis:
        """Analyse one frame."""
        search = self.search(frame)
        detections = self._detect(search, search.regions, self.candidate_threshold)
        return self.conclude(frame, search, detections, self._faint(search, frame.captured_s))

    def _detect(
        self, search: Search, regions: Sequence[Region], threshold: float
    ) -> Sequence[Detection]:
        if not regions:
            return ()
        return self._stages.detect.detect(search.pixels, regions, candidate_threshold=threshold)

    def _faint(self, search: Search, at_s: float) -> Faint | None:
        """Asked apart: what is told must not depend on whether somebody asks why."""
        watch = self._stages.near_misses
        if watch is None:
            return None
        regions = watch.look_at(search.regions, search.motion.regions, at_s)
        return Faint(regions, tuple(self._detect(search, regions, watch.floor)))

    def search(self, frame: Frame) -> Search:
        """First half of `update`, for who asks the detector for several cameras at once."""
        stages, at_s = self._stages, frame.captured_s
        if frame.recalled:
            return Search(_UNKNOWN, tuple(stages.track.look_back_at(at_s)), frame.pixels)
        self._last_s, self._size = at_s, frame.pixels.size
        motion = stages.motion.update(frame.pixels.luma(), at_s)
        regions = self._regions(motion, at_s)
        closer = stages.closer.pixels(frame, motion.regions) if stages.closer and regions else None
        return Search(motion, regions, closer or frame.pixels)

    def conclude(
        self,
        frame: Frame,
        search: Search,
        detections: Sequence[Detection],
        faint: Faint | None = None,
    ) -> Analysis:
        """Second half: what the detector's answer leads to; `faint` is for near misses only."""
        stages, at_s = self._stages, frame.captured_s
        if frame.recalled:
            stages.track.look_back(detections, at_s)
            return Analysis(search.motion, search.regions, tuple(detections), (), (), (), ())
        tracks = stages.track.update(detections, [region.bbox for region in search.regions], at_s)
        if stages.closer is not None:
            stages.closer.learn(frame, tracks)
        hits = stages.rules.update(tracks, at_s, frame.weekminute)
        events = [*stages.events.update(hits, search.motion, at_s)]
        if stages.health is not None:
            events += stages.health.update(frame)
        if stages.usual is not None:
            events += stages.usual.update(events, at_s, frame.weekminute)
        misses: tuple[NearMiss, ...] = ()
        if stages.near_misses is not None and faint is not None:
            moving, moment = search.motion.regions, (at_s, frame.weekminute)
            misses = stages.near_misses.update(faint, search.regions, moving, hits, moment)
        return Analysis(
            search.motion,
            search.regions,
            tuple(detections),
            tuple(tracks),
            tuple(hits),
            tuple(events),
            tuple(stages.events.best_frames(at_s)),
            faint,
            misses,
        )

    def forget_background(self) -> None:
        """The pictures to come look different: other parts of them are masked."""
        self._stages.motion.reset()
        self._stages.rules.forget_nuisances()

    def attach_snapshot(self, event_id: EventId, ref: SnapshotRef) -> bool:
        """Later messages of this event refer to this picture; False when it has ended."""
        return self._stages.events.attach_snapshot(event_id, ref)

    @property
    def nuisances(self) -> tuple[NuisanceSpot, ...]:
        """Places taken for a person so often that nobody is told of them; for the status."""
        return self._stages.rules.nuisances

    def forget_nuisances(self) -> int:
        """On a technician's command: tell of all places again. Returns how many were learned."""
        return self._stages.rules.forget_nuisances()

    def close(self, reason: EndReason, at_s: float) -> tuple[Event, ...]:
        """End all open events: the source is lost, paused, finished, or we stop.

        All that was seen is forgotten with them, but for nuisances. Whoever stands there when
        pictures come again is somebody new, and a background of before would only blind us.
        """
        self._forget()
        events = [*self._stages.events.close_all(reason, at_s)]
        if self._stages.health is not None:
            events += self._stages.health.close(reason, at_s)
        if self._stages.usual is not None:
            events += self._stages.usual.close(reason, at_s)
        return tuple(events)

    @property
    def profile(self) -> str:
        """The profile in force (`edge_agent.pipeline.profiled`); empty: none."""
        return ""

    def follow(self) -> None:
        """Go on with the profile that is in force now."""

    @property
    def seen_s(self) -> float:
        """The moment of the newest frame, minus infinity before the first."""
        return self._last_s

    def carry_over(self) -> bytes:
        """All that the next recording of this camera needs to go on where this one ends.

        At most `carry_over.LIMIT_BYTES`. Open events stay open: a later `resume` goes on with
        them, or `close` ends them.
        """
        return self._carry_over(b"")

    def _carry_over(self, profiles: bytes) -> bytes:
        stages, size = self._stages, self._size
        return pack(
            CarryOver(
                width=size.width if size else 0,
                height=size.height if size else 0,
                last_s=self._last_s,
                blind_look_s=self._blind_look_s,
                track=stages.track.state(),
                rules=stages.rules.state(),
                events=stages.events.state(),
                profiles=profiles,
            ),
            stages.motion.state,
        )

    def resume(self, data: bytes, *, offset_s: float, size: FrameSize | None = None) -> None:
        """Go on from `carry_over` of a recording whose first frame was `offset_s` earlier.

        For a pipeline that has not seen a frame yet. Where both recordings show the same
        moments, `seen_s` is above 0: frames up to it were seen, and must be left out. `size` is
        that of the pictures to come, where it is known. Raises CarryOverRefused for what is of
        another version or picture size, or damaged; the pipeline is then as new.
        """
        state = unpack(data)
        if size is not None and state.width and FrameSize(state.width, state.height) != size:
            raise CarryOverRefused(
                f"carried over from pictures of {state.width}x{state.height}, not of {size}"
            )
        try:
            self._restore(state, offset_s)
        except _NO_STATE as error:
            self._forget()
            self._stages.rules.forget_nuisances()
            raise CarryOverRefused(f"carried over is no state of this version: {error}") from error

    def _restore(self, state: CarryOver, offset_s: float) -> None:
        stages = self._stages
        stages.motion.restore(state.motion, offset_s)
        stages.track.restore(state.track, offset_s)
        stages.rules.restore(state.rules, offset_s)
        stages.events.restore(state.events, offset_s)  # last: it cannot be forgotten silently
        self._last_s = state.last_s - offset_s
        self._blind_look_s = state.blind_look_s - offset_s
        self._size = FrameSize(state.width, state.height) if state.width else None

    def _forget(self) -> None:
        self._stages.motion.reset()
        self._stages.track.reset()
        self._stages.rules.reset()
        if self._stages.closer is not None:
            self._stages.closer.reset()
        self._blind_look_s = self._last_s = float("-inf")
        self._size = None

    def _regions(self, motion: Motion, at_s: float) -> tuple[Region, ...]:
        regions = tuple(self._stages.track.look_at(motion.regions, at_s))
        blind = motion.lighting is not Lighting.STEADY
        if blind and at_s - self._blind_look_s >= BLIND_LOOK_EVERY_S:
            self._blind_look_s = at_s
            return (Region(FULL_FRAME), *regions)
        return regions
