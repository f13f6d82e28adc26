"""Decides about recorded numbers: the pipeline after motion and detector, with any settings."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

from edge_agent.config import CameraConfig
from edge_agent.domain import (
    U8,
    CameraId,
    Detection,
    EndReason,
    Event,
    EventId,
    Frame,
    Label,
    Lighting,
    Motion,
    Phase,
    Pixels,
    Region,
    RuleHit,
    Track,
)
from edge_agent.geometry import FULL_FRAME, BBox, FrameSize
from edge_agent.pipeline import Analysis
from edge_agent.pipeline.moment_bytes import KeptMoment
from edge_agent.pipeline.near_miss import Faint
from edge_agent.pipeline.pipeline import TrackStage
from edge_agent.pipeline.profiles import GivenDarkness, Profiles
from edge_agent.pipeline.rehearsal import Moment
from edge_agent.pipeline.stages import Detector, Extras, Thresholds, build_pipeline, thresholds
from edge_agent.track import Tracker

#: A detector that looks at a region finds who lies in it with this share of their box.
_SHOWN = 0.6
_STILL = Motion((), 0.0, Lighting.STEADY)


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """One frame as numbers; `found`: all from the lowest candidate threshold on."""

    at_s: float
    weekminute: int
    motion: Motion
    searched: tuple[Region, ...]  # by any of the settings that were tried in full
    found: tuple[Detection, ...]
    dark: bool = False  # as profiles ask


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """One person event. `told_s`: when its start was sent."""

    start_s: float
    told_s: float
    end_s: float
    top_score: float
    zones: tuple[str, ...]
    bbox: BBox | None
    profile: str = ""  # in force when it began


@dataclass(frozen=True, slots=True)
class Decided:
    """What settings lead to."""

    told: tuple[ToldEvent, ...]
    motions: int  # motion events
    looks: int
    hits: tuple[tuple[RuleHit, ...], ...] = ()  # of each look
    profiles: tuple[str, ...] = ()  # in force at each look


class GivenMotion:
    """Says of each frame what is put into `now`. Implements `pipeline.MotionStage`."""

    def __init__(self) -> None:
        self.now = _STILL

    def update(self, luma: U8, at_s: float) -> Motion:
        del luma, at_s
        return self.now

    def state(self, limit_bytes: int) -> bytes:
        del limit_bytes
        return b""

    def restore(self, data: bytes, offset_s: float) -> None:
        """Nothing is remembered."""

    def reset(self) -> None:
        """Nothing is remembered."""


class Decider:
    """One camera's settings, fed frame by frame."""

    def __init__(
        self, camera: CameraConfig, detector: Detector, track: TrackStage | None = None
    ) -> None:
        numbers = iter(range(10**9))

        def new_id(label: Label, at_s: float) -> EventId:
            del at_s
            return EventId(f"{label}-{next(numbers):09}")

        self._motion, self._dark = GivenMotion(), GivenDarkness()
        profiles = Profiles(camera, self._dark)
        extras = Extras(motion=self._motion, track=track, profiles=profiles)
        self._pipeline = build_pipeline(camera, detector, new_id, extras)
        self._detector = detector
        self.events: list[Event] = []
        self.hits: list[tuple[RuleHit, ...]] = []
        self.profiles: list[str] = []
        self.looks = 0
        self._last_s = 0.0

    def step(
        self, frame: Frame, motion: Motion, *, dark: bool = False, seen: bool = True
    ) -> Analysis:
        """`seen` False: nobody looked at this frame then, so these settings cannot either."""
        self._motion.now, self._dark.now = motion, dark
        search = self._pipeline.search(frame)
        if not seen:
            search = replace(search, regions=())
        detections: Sequence[Detection] = ()
        if search.regions:
            threshold = self._pipeline.candidate_threshold
            detections = self._detector.detect(
                search.pixels, search.regions, candidate_threshold=threshold
            )
        analysis = self._pipeline.conclude(frame, search, detections)
        self.looks += bool(search.regions)
        self.events += analysis.events
        self.hits.append(analysis.hits)
        self.profiles.append(analysis.profile)
        self._last_s = frame.captured_s
        return analysis

    def close(self) -> Decided:
        """The recording ends; the person does not."""
        self.events += self._pipeline.close(EndReason.CAMERA_LOST, self._last_s)
        return decided(self.events, self.looks, tuple(self.hits), tuple(self.profiles))


class _Numbers:
    """Finds what was recorded where it is asked to look."""

    def __init__(self, own: Thresholds) -> None:
        self.candidate_threshold = own.candidate_threshold
        self.confirm_threshold = own.confirm_threshold
        self.now: tuple[Detection, ...] = ()

    def detect(
        self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
    ) -> Sequence[Detection]:
        del pixels
        boxes = [region.bbox for region in regions]
        return [
            each
            for each in self.now
            if each.score >= candidate_threshold and _is_shown(each.bbox, boxes)
        ]


@dataclass(frozen=True, slots=True)
class _NoPixels:
    """Stands in for a picture that nobody asks for."""

    size: FrameSize

    def luma(self) -> U8:
        raise NotImplementedError

    def bgr(self) -> U8:
        raise NotImplementedError


class _Luma(_NoPixels):
    """Motion is given, and its argument is not looked at."""

    def luma(self) -> U8:
        import numpy as np

        return np.zeros((1, 1), np.uint8)


class Followed:
    """What a tracker said of each frame, for settings that differ only in what comes after it.

    Implements `pipeline.TrackStage`: the first time through it asks the tracker, then it repeats.
    """

    def __init__(self, tracker: TrackStage) -> None:
        self._tracker = tracker
        self._said: list[tuple[tuple[Region, ...], tuple[Track, ...]]] = []
        self._wanted: tuple[Region, ...] = ()
        self._at, self._whole = 0, False

    def rewind(self) -> None:
        """From the first frame again; all of them were seen."""
        self._at, self._whole = 0, True

    def look_at(self, moving: Sequence[Region], at_s: float) -> Sequence[Region]:
        if self._whole:
            return self._said[self._at][0]
        self._wanted = tuple(self._tracker.look_at(moving, at_s))
        return self._wanted

    def update(
        self, detections: Sequence[Detection], searched: Sequence[BBox], at_s: float
    ) -> Sequence[Track]:
        if not self._whole:
            tracks = tuple(self._tracker.update(detections, searched, at_s))
            self._said.append((self._wanted, tracks))
        self._at += 1
        return self._said[self._at - 1][1]

    def look_back_at(self, at_s: float) -> Sequence[Region]:
        del at_s
        return ()

    def look_back(self, detections: Sequence[Detection], at_s: float) -> None:
        """Recordings hold no recalled frames."""

    def state(self) -> bytes:
        return b""

    def restore(self, data: bytes, offset_s: float) -> None:
        """Nothing goes on in another recording."""

    def reset(self) -> None:
        """Nobody is remembered beyond the recording."""


class Decisions:
    """Decides about one recording's numbers again and again; people are followed once for all
    settings to whom a tracker is the same."""

    def __init__(self, own: Thresholds, size: FrameSize) -> None:
        self._own, self._size = own, size
        self._followed: dict[Hashable, Followed] = {}

    def decide(self, looks: Sequence[RecordedFrame], camera: CameraConfig) -> Decided:
        """What these settings would have told of `looks`."""
        detector, name = _Numbers(self._own), CameraId(camera.id)
        pixels = _Luma(self._size)
        decider = Decider(camera, detector, self._tracker(looks, camera))
        for look in looks:
            detector.now = look.found
            frame = Frame(name, look.at_s, pixels, weekminute=look.weekminute)
            decider.step(frame, look.motion, dark=look.dark, seen=bool(look.searched))
        return decider.close()

    def _tracker(self, looks: Sequence[RecordedFrame], camera: CameraConfig) -> Followed | None:
        """None: profiles make another one in between."""
        if camera.profiles:
            return None
        person, holding = camera.person, thresholds(camera.person, self._own)
        zones = [
            holding[1] if z.confirm_threshold == "auto" else z.confirm_threshold
            for z in camera.zones
        ]
        high = min(zones, default=holding[1])
        key = (
            id(looks), holding[0], high, person.confirm_looks, person.confirm_window_s,
            person.lost_after_s,
        )  # fmt: skip
        if key not in self._followed:
            self._followed[key] = Followed(Tracker(person, high_score=high))
        else:
            self._followed[key].rewind()
        return self._followed[key]


def decide(
    looks: Sequence[RecordedFrame], camera: CameraConfig, own: Thresholds, size: FrameSize
) -> Decided:
    """What these settings would have told of recorded numbers."""
    return Decisions(own, size).decide(looks, camera)


def decided(
    events: Sequence[Event],
    looks: int,
    hits: tuple[tuple[RuleHit, ...], ...] = (),
    profiles: tuple[str, ...] = (),
) -> Decided:
    """Messages as events."""
    groups: dict[str, list[Event]] = {}
    for event in events:
        groups.setdefault(event.event_id, []).append(event)
    people = [group for group in groups.values() if group[0].label is Label.PERSON]
    motions = sum(group[0].label is Label.MOTION for group in groups.values())
    told = sorted(map(_told, people), key=lambda each: (each.start_s, each.end_s))
    return Decided(tuple(told), motions, looks, hits, profiles)


def _told(messages: Sequence[Event]) -> ToldEvent:
    first, last = messages[0], messages[-1]
    end_s = last.end_s if last.end_s is not None else last.at_s
    ended = end_s if last.phase is Phase.END else last.at_s
    bbox = next((event.bbox for event in messages if event.bbox is not None), None)
    return ToldEvent(
        first.start_s,
        first.at_s,
        max(ended, first.at_s),
        last.top_score,
        last.zones_entered,
        bbox,
        first.profile,
    )


def kept_moments(looks: Sequence[RecordedFrame], decided: Decided) -> Iterator[KeptMoment]:
    """What `whys_in` asks for."""
    for look, hits in zip(looks, decided.hits, strict=True):
        if look.motion.regions or look.searched:
            blind = any(region.bbox == FULL_FRAME for region in look.searched)
            faint = Faint(look.searched, look.found)
            yield KeptMoment(Moment(look.at_s, look.weekminute, look.motion, faint, blind), hits)


def _is_shown(bbox: BBox, regions: Sequence[BBox]) -> bool:
    seen = bbox.clipped()
    return any(seen.intersection_frac(region) >= _SHOWN * seen.area_frac for region in regions)
