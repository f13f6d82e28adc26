"""The path of one frame: who is asked, with what, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from edge_agent.domain import (
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
from edge_agent.pipeline import BLIND_LOOK_EVERY_S, Analysis, CameraPipeline, Stages

MOVING = Region(BBox(0.1, 0.1, 0.2, 0.3))
TRACKED = Region(BBox(0.6, 0.2, 0.1, 0.4))


class Grey:
    size = FrameSize(64, 36)

    def luma(self) -> np.ndarray:
        return np.zeros((36, 64), np.uint8)

    def bgr(self) -> np.ndarray:
        return np.zeros((36, 64, 3), np.uint8)


class Notes:
    """What the fake stages give, and what they were asked."""

    def __init__(self) -> None:
        self.motion = Motion((), 0.0, Lighting.STEADY)
        self.due_regions: tuple[Region, ...] = ()
        self.detected: list[tuple[Region, ...]] = []
        self.thresholds: list[float] = []
        self.searched: list[list[BBox]] = []
        self.minutes: list[int] = []
        self.closed: list[tuple[EndReason, float]] = []


class Fakes:
    def __init__(self) -> None:
        self.notes = Notes()
        notes = self.notes

        class Motioned:
            def update(self, luma: np.ndarray, at_s: float) -> Motion:
                return notes.motion

        class Detecting:
            def detect(
                self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
            ) -> Sequence[Detection]:
                notes.detected.append(tuple(regions))
                notes.thresholds.append(candidate_threshold)
                return [Detection(MOVING.bbox, 0.9)]

        class Tracking:
            def look_at(self, moving: Sequence[Region], at_s: float) -> Sequence[Region]:
                return (*moving, *notes.due_regions)

            def update(
                self, detections: Sequence[Detection], searched: Sequence[BBox], at_s: float
            ) -> Sequence[Track]:
                notes.searched.append(list(searched))
                return [
                    Track(1, d.bbox, d.score, d.score, d.score, at_s, at_s, 1) for d in detections
                ]

        class Ruling:
            def update(
                self, tracks: Sequence[Track], at_s: float, weekminute: int
            ) -> Sequence[RuleHit]:
                notes.minutes.append(weekminute)
                return [RuleHit(track, at_s, (), ()) for track in tracks]

        class Telling:
            def update(
                self, hits: Sequence[RuleHit], motion: Motion, at_s: float
            ) -> Sequence[Event]:
                return ()

            def best_frames(self, at_s: float) -> Sequence[BestFrame]:
                return ()

            def attach_snapshot(self, event_id: EventId, ref: SnapshotRef) -> bool:
                return True

            def close_all(self, reason: EndReason, at_s: float) -> Sequence[Event]:
                notes.closed.append((reason, at_s))
                return ()

        stages = Stages(Motioned(), Detecting(), Tracking(), Ruling(), Telling())
        self.pipeline = CameraPipeline(stages, candidate_threshold=0.25)

    def analyse(self, at_s: float) -> Analysis:
        return self.pipeline.update(Frame(CameraId("gate"), at_s, cast(Pixels, Grey())), 7)


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


def test_close_hands_on_the_reason() -> None:
    fakes = Fakes()
    fakes.pipeline.close(EndReason.CAMERA_LOST, 5.0)
    assert fakes.notes.closed == [(EndReason.CAMERA_LOST, 5.0)]
