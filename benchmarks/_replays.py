"""Clips replayed as `edge-agent replay` does it, with built-in settings, and their events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.agent.clip_player import ClipPlayer, PlayedClip, PlayedFrame
from edge_agent.clock import SystemClock
from edge_agent.config import AnalysisConfig, CameraConfig, FileSource, PersonConfig
from edge_agent.detect import OnnxDetector, default_model_dirs, find_model
from edge_agent.domain import EndReason, Event, Label
from edge_agent.pipeline.stages import Detector

#: What ships: measured is what a box does by itself.
MODEL = "edge-person-int8"


@dataclass(frozen=True, slots=True)
class Visit:
    """One event from its first message to its last; seconds of the clip."""

    start_s: float  # when the person was first seen
    told_s: float  # when the event was decided: its first message
    end_s: float
    top_score: float
    end_reason: EndReason | None


def open_detector(name: str = MODEL) -> OnnxDetector:
    """Raises ModelError when its file is not here."""
    return OnnxDetector.open(find_model(name, default_model_dirs()))


def clip_player(detector: Detector) -> ClipPlayer:
    """Default rate, UTC."""
    return ClipPlayer(
        detector, default_fps=AnalysisConfig().fps, zone=ZoneInfo("UTC"), clock=SystemClock()
    )


def replayed(
    clip: Path,
    detector: OnnxDetector,
    watch: Callable[[PlayedFrame], None] = lambda step: None,
    person: PersonConfig | None = None,
) -> PlayedClip:
    """Default thresholds, default rate, no zones."""
    source = FileSource(path=str(clip))
    camera = CameraConfig(id="bench", source=source, person=person or PersonConfig())
    result = clip_player(detector).play(clip, camera, watch)
    if result.fault:
        raise result.fault  # half a clip has no score
    return result


def visits(result: PlayedClip, label: Label = Label.PERSON) -> list[Visit]:
    """The events with this label, in the order in which they began."""
    messages: dict[str, list[Event]] = {}
    for event in result.events:
        if event.label is label:
            messages.setdefault(event.event_id, []).append(event)
    found = [
        Visit(
            each[0].start_s,
            each[0].at_s,
            result.duration_s if each[-1].end_s is None else each[-1].end_s,
            each[-1].top_score,
            each[-1].end_reason,
        )
        for each in messages.values()
    ]
    return sorted(found, key=lambda visit: visit.start_s)
