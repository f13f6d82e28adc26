"""The agent's pipeline over the empty scenes: person events there are false.

    python -m benchmarks.scenes.no_person [--model yolox-nano-416] [--only SCENE]

Default thresholds; every picture at 5 fps goes through motion, detection, tracking, rules and
events, as in `edge-agent replay`. Motion events are expected.
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import dataclass, field

import cv2

from benchmarks.motion_recall import footage_dir
from benchmarks.scenes.backgrounds import FPS
from benchmarks.scenes.emptiness import Scene, scenes
from edge_agent.config import CameraConfig, FileSource
from edge_agent.detect import OnnxDetector, default_model_dirs, find_model
from edge_agent.domain import (
    U8,
    CameraId,
    Detection,
    EndReason,
    Event,
    EventId,
    Frame,
    Label,
    Phase,
)
from edge_agent.geometry import FrameSize
from edge_agent.pipeline.stages import Detector, build_pipeline


class Picture:
    """A rendered picture as the stages want it."""

    def __init__(self, bgr: U8) -> None:
        self._bgr = bgr
        self.size = FrameSize(bgr.shape[1], bgr.shape[0])

    def luma(self) -> U8:
        return cv2.cvtColor(self._bgr, cv2.COLOR_BGR2GRAY)

    def bgr(self) -> U8:
        return self._bgr


@dataclass
class Outcome:
    """What the pipeline said of one scene."""

    pictures: int = 0
    searched: int = 0  # pictures that the detector was shown
    best: list[tuple[float, Detection]] = field(default_factory=list)  # by score, with seconds
    confidence: float = 0.0  # the nearest that any track came to the confirm threshold
    starts: list[Event] = field(default_factory=list)

    def count(self, label: Label) -> int:
        return sum(event.label is label for event in self.starts)


def watch(scene: Scene, detector: Detector) -> Outcome:
    """Run the whole pipeline over a scene."""
    numbers = itertools.count(1)
    camera = CameraConfig(id="scene", source=FileSource(path=f"/{scene.name}.mp4"))
    pipeline = build_pipeline(camera, detector, lambda *_: EventId(f"event-{next(numbers)}"))
    outcome = Outcome()
    events: list[Event] = []
    for i, bgr in enumerate(scene.frames()):
        seen = pipeline.update(Frame(CameraId("scene"), i / FPS, Picture(bgr)))
        outcome.pictures += 1
        outcome.searched += bool(seen.searched)
        outcome.best += [(i / FPS, detection) for detection in seen.detections]
        outcome.confidence = max([outcome.confidence, *(t.confidence for t in seen.tracks)])
        events += seen.events
    events += pipeline.close(EndReason.GONE, scene.seconds)
    outcome.starts = [event for event in events if event.phase is Phase.START]
    outcome.best.sort(key=lambda pair: -pair[1].score)
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="yolox-nano-416", help="file or name (yolox-nano-416)")
    parser.add_argument("--only", action="append", help="this scene; may be given several times")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    model_dirs = (*default_model_dirs(), footage_dir().parent / "models")
    detector = OnnxDetector.open(find_model(args.model, model_dirs))
    print(f"{'scene':26} {'s':>5} {'motion':>7} {'person':>7} {'searched':>9} ", end="")
    print(f"{'confidence':>10}  best scores")
    false = 0
    for scene in scenes():
        if args.only and scene.name not in args.only:
            continue
        outcome = watch(scene, detector)
        false += outcome.count(Label.PERSON)
        best = " ".join(f"{d.score:.2f}@{t:.0f}s" for t, d in outcome.best[:4])
        print(
            f"{scene.name:26} {scene.seconds:5.0f} {outcome.count(Label.MOTION):7} "
            f"{outcome.count(Label.PERSON):7} {outcome.searched / outcome.pictures:9.2f} "
            f"{outcome.confidence:10.2f}  {best}",
            flush=True,
        )
    print(f"{false} person events (wanted: none) at confirm threshold {detector.confirm_threshold}")


if __name__ == "__main__":
    main()
