"""The path of one frame: who is asked, with what, and in which order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest

from edge_agent.config import CameraConfig, FileSource
from edge_agent.domain import (
    U8,
    BestFrame,
    CameraId,
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
from edge_agent.geometry import FULL_FRAME, BBox, FrameSize
from edge_agent.pipeline import (
    BLIND_LOOK_EVERY_S,
    Analysis,
    CameraPipeline,
    CloserStage,
    Stages,
)
from edge_agent.pipeline.stages import build_pipeline

MOVING = Region(BBox(0.1, 0.1, 0.2, 0.3))
TRACKED = Region(BBox(0.6, 0.2, 0.1, 0.4))


class Grey:
    size = FrameSize(64, 36)

    def luma(self) -> np.ndarray:
        return np.zeros((36, 64), np.uint8)

    def bgr(self) -> np.ndarray:
        return np.zeros((36, 64, 3), np.uint8)


class OnePerson:
    """A detector that sees the same person wherever it looks, or nobody."""

    candidate_threshold = 0.3
    confirm_threshold = 0.5
    there = True

    def detect(
        self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
    ) -> Sequence[Detection]:
        return [Detection(BBox(0.4, 0.3, 0.1, 0.4), 0.9)] if self.there else []


class Still:
    def __init__(self, luma: U8) -> None:
        self._luma = luma

    @property
    def size(self) -> FrameSize:
        return FrameSize(self._luma.shape[1], self._luma.shape[0])

    def luma(self) -> U8:
        return self._luma

    def bgr(self) -> U8:
        return np.dstack([self._luma] * 3)


class Notes:
    """What the fake stages give, and what they were asked."""

    def __init__(self) -> None:
        self.motion = Motion((), 0.0, Lighting.STEADY)
        self.due_regions: tuple[Region, ...] = ()
        self.detected: list[tuple[Region, ...]] = []
        self.thresholds: list[float] = []
        self.searched: list[list[BBox]] = []
        self.pixels: list[Pixels] = []
        self.minutes: list[int] = []
        self.closed: list[tuple[EndReason, float]] = []
        self.resets: list[str] = []
        self.looked_back: list[tuple[float, int]] = []


class FakeStage:
    def __init__(self, notes: Notes) -> None:
        self.notes = notes

    def reset(self) -> None:
        self.notes.resets.append(type(self).__name__)


class FakeMotion(FakeStage):
    def update(self, luma: U8, at_s: float) -> Motion:
        return self.notes.motion


class FakeDetector(FakeStage):
    def detect(
        self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
    ) -> Sequence[Detection]:
        self.notes.pixels.append(pixels)
        self.notes.detected.append(tuple(regions))
        self.notes.thresholds.append(candidate_threshold)
        return [Detection(MOVING.bbox, 0.9)]


class FakeTracker(FakeStage):
    def look_at(self, moving: Sequence[Region], at_s: float) -> Sequence[Region]:
        return (*moving, *self.notes.due_regions)

    def look_back_at(self, at_s: float) -> Sequence[Region]:
        return self.notes.due_regions

    def look_back(self, detections: Sequence[Detection], at_s: float) -> None:
        self.notes.looked_back.append((at_s, len(detections)))

    def update(
        self, detections: Sequence[Detection], searched: Sequence[BBox], at_s: float
    ) -> Sequence[Track]:
        self.notes.searched.append(list(searched))
        return [Track(1, d.bbox, d.score, d.score, d.score, at_s, at_s, 1) for d in detections]


class FakeRules(FakeStage):
    def update(self, tracks: Sequence[Track], at_s: float, weekminute: int) -> Sequence[RuleHit]:
        self.notes.minutes.append(weekminute)
        return [RuleHit(track, at_s, (), ()) for track in tracks]


class FakeEvents(FakeStage):
    def update(self, hits: Sequence[RuleHit], motion: Motion, at_s: float) -> Sequence[Event]:
        return ()

    def best_frames(self, at_s: float) -> Sequence[BestFrame]:
        return ()

    def attach_snapshot(self, event_id: EventId, ref: SnapshotRef) -> bool:
        return True

    def close_all(self, reason: EndReason, at_s: float) -> Sequence[Event]:
        self.notes.closed.append((reason, at_s))
        return ()


class Fakes:
    def __init__(self, closer: CloserStage | None = None) -> None:
        self.notes = notes = Notes()
        stages = Stages(
            FakeMotion(notes),
            FakeDetector(notes),
            FakeTracker(notes),
            FakeRules(notes),
            FakeEvents(notes),
            closer,
        )
        self.pipeline = CameraPipeline(stages, candidate_threshold=0.25)

    def analyse(self, at_s: float) -> Analysis:
        return self.pipeline.update(
            Frame(CameraId("gate"), at_s, cast(Pixels, Grey()), weekminute=7)
        )


def test_nothing_moves_so_the_detector_is_not_asked() -> None:
    fakes = Fakes()
    analysis = fakes.analyse(1.0)
    assert fakes.notes.detected == []
    assert analysis.searched == analysis.detections == ()
    assert fakes.notes.searched == [[]]  # the tracker still hears that nobody looked


def test_moving_and_tracked_places_are_looked_at_together() -> None:
    fakes = Fakes()
    fakes.notes.motion = Motion((MOVING,), 0.1, Lighting.STEADY)
    fakes.notes.due_regions = (TRACKED,)
    analysis = fakes.analyse(1.0)
    assert fakes.notes.detected == [(MOVING, TRACKED)]
    assert fakes.notes.searched == [[MOVING.bbox, TRACKED.bbox]]
    assert fakes.notes.thresholds == [0.25]
    assert fakes.notes.minutes == [7]
    assert [hit.track.bbox for hit in analysis.hits] == [MOVING.bbox]


def test_still_person_is_looked_for_without_motion() -> None:
    fakes = Fakes()
    fakes.notes.due_regions = (TRACKED,)
    fakes.analyse(1.0)
    assert fakes.notes.detected == [(TRACKED,)]


def test_while_motion_is_blind_the_whole_frame_is_looked_at_once_a_second() -> None:
    for lighting in (Lighting.WARMING_UP, Lighting.CHANGED):
        fakes = Fakes()
        fakes.notes.motion = Motion((), 1.0, lighting)
        for step in range(11):
            fakes.analyse(step * BLIND_LOOK_EVERY_S / 5)
        assert fakes.notes.detected == [(Region(FULL_FRAME),)] * 3


def test_recalled_frame_tells_the_tracker_and_nobody_else() -> None:
    fakes = Fakes()
    fakes.notes.motion = Motion((MOVING,), 0.1, Lighting.STEADY)
    fakes.notes.due_regions = (TRACKED,)
    fakes.analyse(2.0)
    seen_s = fakes.pipeline.seen_s
    frame = Frame(CameraId("gate"), 1.0, cast(Pixels, Grey()), recalled=True)
    analysis = fakes.pipeline.update(frame)
    assert fakes.notes.looked_back == [(1.0, 1)]
    assert fakes.notes.detected[-1] == (TRACKED,)
    assert len(fakes.notes.searched) == 1  # by the frame of 2.0 s alone
    assert analysis.motion.regions == analysis.tracks == analysis.events == ()
    assert fakes.pipeline.seen_s == seen_s


def test_close_hands_on_the_reason_and_forgets_what_was_seen() -> None:
    fakes = Fakes()
    fakes.pipeline.close(EndReason.CAMERA_LOST, 5.0)
    assert fakes.notes.closed == [(EndReason.CAMERA_LOST, 5.0)]
    assert sorted(fakes.notes.resets) == ["FakeMotion", "FakeRules", "FakeTracker"]


@pytest.mark.parametrize("gap_s", [0.2, 10.0, 3600.0])
def test_who_left_while_the_camera_was_away_does_not_come_back_as_a_ghost(gap_s: float) -> None:
    """The real stages: somebody is there, the camera is lost, and nobody is there after it."""
    yard = np.random.default_rng(1).integers(60, 160, (180, 320), np.uint8)
    detector = OnePerson()
    names = itertools.count()
    camera = CameraConfig(id="gate", source=FileSource(path="x"))
    pipeline = build_pipeline(camera, detector, lambda *_: EventId(f"event-{next(names)}"))

    def play(from_s: float, seconds: float) -> list[Event]:
        frames = [
            Frame(CameraId("gate"), from_s + step / 5, Still(yard))
            for step in range(int(seconds * 5))
        ]
        return [event for frame in frames for event in pipeline.update(frame).events]

    (began,) = play(100.0, 8.0)
    assert [end.end_reason for end in pipeline.close(EndReason.CAMERA_LOST, 108.0)] == [
        EndReason.CAMERA_LOST
    ]
    detector.there = False
    assert play(108.0 + gap_s, 10.0) == []
    detector.there = True
    back_s = 118.0 + gap_s
    pipeline.close(EndReason.CAMERA_LOST, back_s)
    (again,) = play(back_s, 8.0)
    assert again.event_id != began.event_id
    assert again.start_s >= back_s


class Closer:
    """Has a picture of the main stream, or none."""

    def __init__(self, pixels: Pixels | None) -> None:
        self.resets, self._pixels = 0, pixels
        self.asked: list[tuple[Region, ...]] = []
        self.learned: list[int] = []

    def pixels(self, frame: Frame, moving: Sequence[Region]) -> Pixels | None:
        self.asked.append(tuple(moving))
        return self._pixels

    def learn(self, frame: Frame, tracks: Sequence[Track]) -> None:
        self.learned.append(len(tracks))

    def reset(self) -> None:
        self.resets += 1


@pytest.mark.parametrize("there", [True, False])
def test_detector_gets_the_closer_picture_where_there_is_one(there: bool) -> None:
    large = cast(Pixels, Grey())
    closer = Closer(large if there else None)
    fakes = Fakes(closer)
    fakes.analyse(0.8)
    assert (closer.asked, closer.learned) == ([], [0])  # nothing to look at
    fakes.notes.motion = Motion((MOVING,), 0.1, Lighting.STEADY)
    fakes.notes.due_regions = (TRACKED,)
    fakes.analyse(1.0)
    assert (fakes.notes.pixels[-1] is large) is there
    assert fakes.notes.detected == [(MOVING, TRACKED)]
    assert (closer.asked, closer.learned) == ([(MOVING,)], [0, 1])
    fakes.pipeline.close(EndReason.CAMERA_LOST, 5.0)
    assert closer.resets == 1
