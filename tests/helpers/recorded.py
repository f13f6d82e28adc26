"""A clip as numbers: what moved in each picture, and what a detector finds in the whole of it.

    python tests/helpers/recorded.py CLIP --model MODEL --to tests/data/NAME.jsonl

Tests of what comes after the detector run on such a recording, so that they need neither the
footage nor a model, and say the same whatever detector ships. First line: clip, model, the
model's thresholds, the duration. Then one line a picture:

    [moment in s, lighting, changed share, [[x, y, w, h] of each region], [[x, y, w, h, score]]]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from edge_agent.agent.clip_player import ClipPlayer, PlayedFrame
from edge_agent.clock import SystemClock
from edge_agent.config import CameraConfig, FileSource
from edge_agent.detect import OnnxDetector, find_model
from edge_agent.domain import (
    U8,
    CameraId,
    Detection,
    EndReason,
    Event,
    Frame,
    Lighting,
    Motion,
    Pixels,
    Region,
)
from edge_agent.events import EventBook, NewEventId
from edge_agent.geometry import FULL_FRAME, BBox, FrameSize
from edge_agent.pipeline import Analysis, CameraPipeline, Stages
from edge_agent.pipeline.near_miss import NearMissWatch
from edge_agent.pipeline.stages import Extras, build_pipeline, thresholds
from edge_agent.rules import RuleEngine
from edge_agent.track import Tracker
from edge_agent.track.looks import LookPolicy, Subject

FPS = 5.0
#: A detector that looks at a region finds who lies in it with this share of their box.
_VISIBLE = 0.6
_DIGITS = 4
_SIZE = FrameSize(16, 9)


@dataclass(frozen=True)
class Picture:
    """What one picture shows. Stands in for its pixels, which nobody asks for."""

    at_s: float
    motion: Motion
    found: tuple[Detection, ...]
    size: FrameSize = _SIZE

    def luma(self) -> U8:
        return np.zeros((9, 16), np.uint8)

    def bgr(self) -> U8:
        return np.zeros((9, 16, 3), np.uint8)


@dataclass(frozen=True)
class Recording:
    """A clip's pictures in order, and the thresholds of the model that looked at them."""

    candidate_threshold: float
    confirm_threshold: float
    pictures: tuple[Picture, ...]


@dataclass
class Played:
    """What a recording led to."""

    analyses: list[Analysis] = field(default_factory=list)
    last: tuple[Event, ...] = ()  # ended because the clip did

    @property
    def events(self) -> list[Event]:
        return [event for each in self.analyses for event in each.events] + list(self.last)

    @property
    def looks(self) -> int:
        return sum(bool(each.searched) for each in self.analyses)


class _Motion:
    """Says of each picture what was recorded. Implements `pipeline.MotionStage`."""

    def __init__(self, recording: Recording) -> None:
        self._motions = {picture.at_s: picture.motion for picture in recording.pictures}

    def update(self, luma: U8, at_s: float) -> Motion:
        return self._motions[at_s]

    def state(self, limit_bytes: int) -> bytes:
        return b""

    def restore(self, data: bytes, offset_s: float) -> None:
        pass

    def reset(self) -> None:
        pass


class RecordedDetector:
    """Finds what was recorded, where it is asked to look. Implements `pipeline.DetectStage`."""

    def __init__(self, candidate_threshold: float, confirm_threshold: float) -> None:
        self.candidate_threshold = candidate_threshold
        self.confirm_threshold = confirm_threshold

    def detect(
        self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
    ) -> Sequence[Detection]:
        assert isinstance(pixels, Picture)
        return [
            found
            for found in pixels.found
            if found.score >= candidate_threshold
            and any(_shows(region.bbox, found.bbox) for region in regions)
        ]


def _shows(region: BBox, person: BBox) -> bool:
    inside = person.clipped()
    return region.intersection_frac(inside) >= _VISIBLE * inside.area_frac


def pipeline_of(
    recording: Recording,
    camera: CameraConfig,
    new_id: NewEventId,
    near_misses: NearMissWatch | None = None,
) -> tuple[CameraPipeline, Tracker]:
    """As `build_pipeline`, with recorded motion and detections."""
    detector = RecordedDetector(recording.candidate_threshold, recording.confirm_threshold)
    candidate, confirm = thresholds(camera.person, detector)
    rules = RuleEngine(camera.person, camera.zones, camera.ignore_zones, confirm_threshold=confirm)
    tracker = Tracker(camera.person, high_score=rules.lowest_threshold)
    stages = Stages(
        motion=_Motion(recording),
        detect=detector,
        track=tracker,
        rules=rules,
        events=EventBook(CameraId(camera.id), camera.motion, camera.person, new_id),
        near_misses=near_misses,
    )
    return CameraPipeline(stages, candidate_threshold=candidate), tracker


class _LookAtAll(LookPolicy):
    """What moves and whoever is known, in every picture in which anything moves."""

    def look_at(
        self, moving: Sequence[Region], subjects: Sequence[Subject], at_s: float, last_s: float
    ) -> list[Region]:
        due = super().look_at(moving, subjects, at_s, last_s)
        return [*moving, *(Region(each.around) for each in subjects)] if moving else due


def play(
    recording: Recording,
    camera: CameraConfig,
    new_id: NewEventId,
    *,
    look_at_all: bool = False,
    weekminute: int = 0,
    near_misses: NearMissWatch | None = None,
) -> Played:
    """The whole clip through the pipeline, at the end of which the camera is lost.

    `weekminute`: when its first picture was taken.
    """
    if camera.profiles:  # which make other stages in between
        detector = RecordedDetector(recording.candidate_threshold, recording.confirm_threshold)
        extras = Extras(motion=_Motion(recording), near_misses=near_misses)
        pipeline = build_pipeline(camera, detector, new_id, extras)
    else:
        pipeline, tracker = pipeline_of(recording, camera, new_id, near_misses)
    if look_at_all:
        tracker._policy = _LookAtAll()
    played = Played()
    for picture in recording.pictures:
        minute = weekminute + int(picture.at_s // 60)
        frame = Frame(CameraId(camera.id), picture.at_s, picture, weekminute=minute)
        played.analyses.append(pipeline.update(frame))
    played.last = pipeline.close(EndReason.CAMERA_LOST, recording.pictures[-1].at_s)
    return played


def read(path: Path) -> Recording:
    with path.open() as lines:
        head = json.loads(next(lines))
        pictures = tuple(_picture(json.loads(line)) for line in lines)
    return Recording(head["candidate_threshold"], head["confirm_threshold"], pictures)


def _picture(row: list[Any]) -> Picture:
    at_s, lighting, changed_frac, regions, found = row
    motion = Motion(
        tuple(Region(BBox(*region)) for region in regions), changed_frac, Lighting(lighting)
    )
    return Picture(at_s, motion, tuple(Detection(BBox(*box), score) for *box, score in found))


def record(clip: Path, model: str) -> Iterator[str]:
    """The lines of a recording; a few milliseconds of inference for each picture."""
    detector = OnnxDetector.open(find_model(model))
    head = {
        "clip": clip.name,
        "model": Path(model).stem,
        "candidate_threshold": detector.candidate_threshold,
        "confirm_threshold": detector.confirm_threshold,
    }
    yield json.dumps(head)
    rows: list[str] = []

    def watch(step: PlayedFrame) -> None:
        found = detector.detect(
            step.frame.pixels,
            [Region(FULL_FRAME)],
            candidate_threshold=detector.candidate_threshold,
        )
        motion = step.analysis.motion
        row = [
            round(step.frame.captured_s, 3),
            motion.lighting.value,
            round(motion.changed_frac, _DIGITS),
            [_corners(region.bbox) for region in motion.regions],
            [[*_corners(each.bbox), round(each.score, 3)] for each in found],
        ]
        rows.append(json.dumps(row, separators=(",", ":")))

    camera = CameraConfig(id="recorded", source=FileSource(path=str(clip)))
    nobody = RecordedDetector(1.0, 1.0)
    nobody.detect = lambda *_, **__: []  # type: ignore[method-assign]
    player = ClipPlayer(nobody, default_fps=FPS, zone=ZoneInfo("UTC"), clock=SystemClock())
    player.play(clip, camera, watch)
    yield from rows


def _corners(box: BBox) -> list[float]:
    return [round(value, _DIGITS) for value in (box.x, box.y, box.w, box.h)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--model", required=True, help="a model's name or ONNX file")
    parser.add_argument("--to", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.to.write_text("\n".join(record(arguments.clip, arguments.model)) + "\n")


if __name__ == "__main__":
    main()
