"""Builds a camera's pipeline from its configuration: the only place that knows all stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge_agent.config import CameraConfig, PersonConfig
from edge_agent.domain import CameraId
from edge_agent.events import EventBook, Governor, NewEventId
from edge_agent.geometry import Polygon
from edge_agent.motion import MotionDetector
from edge_agent.pipeline.near_miss import NearMissWatch
from edge_agent.pipeline.pipeline import (
    CameraPipeline,
    CloserStage,
    DetectStage,
    HealthStage,
    MotionStage,
    Stages,
    TrackStage,
)
from edge_agent.pipeline.profiled import ProfiledPipeline
from edge_agent.pipeline.profiles import Profiles
from edge_agent.pipeline.usual import UsualWatch
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


@dataclass(frozen=True, slots=True)
class Extras:
    """What not every pipeline has; a live camera's `governor`, `usual` and `profiles` outlive its
    pipelines."""

    closer: CloserStage | None = None
    health: HealthStage | None = None
    near_misses: NearMissWatch | None = None
    motion: MotionStage | None = None  # None: as the camera's settings make it
    track: TrackStage | None = None  # the same
    governor: Governor | None = None  # None: a recording, which begins with whoever set it off
    usual: UsualWatch | None = None
    profiles: Profiles | None = None  # None: as the camera's settings make them


def motion_of(camera: CameraConfig) -> MotionDetector:
    """The first stage, as the camera's settings make it."""
    ignored = [Polygon.of(zone.polygon) for zone in camera.ignore_zones]
    return MotionDetector(camera.motion, ignored)


def build_pipeline(
    camera: CameraConfig,
    detector: Detector,
    new_id: NewEventId,
    extras: Extras | None = None,
) -> CameraPipeline:
    """A camera's stages, as its settings make them; with profiles they change while it runs."""
    extras = extras or Extras()
    if not camera.profiles:
        stages, candidate = _stages(camera, detector, new_id, extras)
        return CameraPipeline(stages, candidate_threshold=candidate)
    return ProfiledPipeline(
        extras.profiles or Profiles(camera),
        lambda in_force: _stages(in_force, detector, new_id, extras),
        carries=extras.profiles is None,
    )


def _stages(
    camera: CameraConfig, detector: Detector, new_id: NewEventId, extras: Extras
) -> tuple[Stages, float]:
    """The stages, and the candidate threshold."""
    candidate, confirm = thresholds(camera.person, detector)
    if extras.near_misses is not None:
        extras.near_misses.apply(camera.person, (candidate, confirm))
    if extras.governor is not None:
        extras.governor.budget = camera.person.events_per_10min
    rules = RuleEngine(camera.person, camera.zones, camera.ignore_zones, confirm_threshold=confirm)
    stages = Stages(
        motion=extras.motion or motion_of(camera),
        detect=detector,
        track=extras.track or Tracker(camera.person, high_score=rules.lowest_threshold),
        rules=rules,
        events=EventBook(
            CameraId(camera.id),
            camera.motion,
            camera.person,
            new_id,
            extras.governor,
        ),
        closer=extras.closer,
        health=extras.health,
        usual=extras.usual,
        near_misses=extras.near_misses,
    )
    return stages, candidate
