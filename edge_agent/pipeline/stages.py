"""Builds a camera's pipeline from its configuration: the only place that knows all stages."""

from __future__ import annotations

from typing import Protocol

from edge_agent.config import CameraConfig, PersonConfig
from edge_agent.domain import CameraId
from edge_agent.events import EventBook, NewEventId
from edge_agent.geometry import Polygon
from edge_agent.motion import MotionDetector
from edge_agent.pipeline.health import HealthWatch
from edge_agent.pipeline.near_miss import NearMissWatch
from edge_agent.pipeline.pipeline import (
    CameraPipeline,
    CloserStage,
    DetectStage,
    MotionStage,
    Stages,
    TrackStage,
)
from edge_agent.rules import RuleEngine
from edge_agent.track import Tracker


class Thresholds(Protocol):
    """A model's own thresholds (from its manifest)."""

    @property
    def candidate_threshold(self) -> float: ...

    @property
    def confirm_threshold(self) -> float: ...


class Detector(DetectStage, Thresholds, Protocol):
    """A detector that knows its own thresholds."""


def thresholds(person: PersonConfig, detector: Thresholds) -> tuple[float, float]:
    """(candidate, confirm): the technician's numbers, or the model's own for `auto`.

    Where only one is a number, the other gives way: what is to confirm must not be thrown
    away as a candidate.
    """
    candidate, confirm = person.candidate_threshold, person.confirm_threshold
    if candidate == "auto" and confirm == "auto":
        return detector.candidate_threshold, detector.confirm_threshold
    if candidate == "auto" and confirm != "auto":
        return min(detector.candidate_threshold, confirm), confirm
    if confirm == "auto" and candidate != "auto":
        return candidate, max(detector.confirm_threshold, candidate)
    assert candidate != "auto"
    assert confirm != "auto"
    return candidate, confirm


def motion_of(camera: CameraConfig) -> MotionDetector:
    """The first stage, as the camera's settings make it."""
    ignored = [Polygon.of(zone.polygon) for zone in camera.ignore_zones]
    return MotionDetector(camera.motion, ignored)


def build_pipeline(  # noqa: PLR0913 - each by its name
    camera: CameraConfig,
    detector: Detector,
    new_id: NewEventId,
    closer: CloserStage | None = None,
    health: HealthWatch | None = None,
    *,
    near_misses: NearMissWatch | None = None,
    motion: MotionStage | None = None,
    track: TrackStage | None = None,
) -> CameraPipeline:
    """`motion`, `track`: others than the camera's own settings would make."""
    candidate, confirm = thresholds(camera.person, detector)
    rules = RuleEngine(camera.person, camera.zones, camera.ignore_zones, confirm_threshold=confirm)
    stages = Stages(
        motion=motion or motion_of(camera),
        detect=detector,
        track=track or Tracker(camera.person, high_score=rules.lowest_threshold),
        rules=rules,
        events=EventBook(CameraId(camera.id), camera.motion, camera.person, new_id),
        closer=closer,
        health=health,
        near_misses=near_misses,
    )
    return CameraPipeline(stages, candidate_threshold=candidate)
