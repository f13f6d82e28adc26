"""Nobody is there: how many person events come all the same?

    python -m benchmarks.emptiness [--model NAME] [--clips FOLDER]

`edge-agent replay` with default settings of the three clips without people and of the rendered
scenes (wind, rain, night, headlights, lamps, infrared, cars; benchmarks/scenes), which are
encoded as H.264 first, as a camera would. `confidence` is the nearest that any track came to
being reported, to be compared with the model's confirm threshold. Motion events should come.
The scenes are kept in FOLDER (default: out/benchmarks) and made anew when their code changes.
Exit code 1 when there is a person event, no motion event at all, or less than 20 minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from benchmarks._replays import MODEL, open_detector, replayed, visits
from benchmarks.motion_recall import footage_dir
from benchmarks.scenes.emptiness import scenes, write_clip
from edge_agent.agent.clip_player import PlayedFrame
from edge_agent.detect import OnnxDetector
from edge_agent.domain import Label

NO_PERSON_CLIPS = (
    "intel_car-detection.mp4",
    "ahmetozlu_vehicle_survaillance.mp4",
    "dvrscan_traffic_camera.mp4",
)
WANTED_SCENES_S = 20 * 60
_SCENES = Path(__file__).resolve().parent / "scenes"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the agent said of one clip."""

    name: str
    seconds: float
    frames: int
    looks: int
    motion: int
    person: int
    confidence: float

    def __str__(self) -> str:
        return (
            f"| {self.name} | {self.seconds:.0f} | {self.looks / max(self.frames, 1):.2f} "
            f"| {self.motion} | {self.person} | {self.confidence:.2f} |"
        )


class _Nearest:
    """The highest confidence that any track reached."""

    def __init__(self) -> None:
        self.confidence = 0.0

    def watch(self, step: PlayedFrame) -> None:
        self.confidence = max(
            [self.confidence, *(track.confidence for track in step.analysis.tracks)]
        )


def observed(name: str, clip: Path, detector: OnnxDetector) -> Outcome:
    nearest = _Nearest()
    result = replayed(clip, detector, nearest.watch)
    return Outcome(
        name,
        result.duration_s,
        result.frames,
        result.looks,
        len(visits(result, Label.MOTION)),
        len(visits(result, Label.PERSON)),
        nearest.confidence,
    )


def rendered(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every scene as a clip, rendered unless it was before by the same code."""
    code = b"".join(path.read_bytes() for path in sorted(_SCENES.glob("*.py")))
    version = hashlib.sha256(code).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    for scene in scenes():
        clip = folder / f"{scene.name}-{version}.mp4"
        if not clip.is_file():
            for old in folder.glob(f"{scene.name}-*.mp4"):
                old.unlink()
            partial = folder / "partial.mp4"
            write_clip(scene, partial)
            partial.rename(clip)
        yield scene.name, clip


def total(name: str, outcomes: list[Outcome]) -> Outcome:
    return Outcome(
        name,
        sum(each.seconds for each in outcomes),
        sum(each.frames for each in outcomes),
        sum(each.looks for each in outcomes),
        sum(each.motion for each in outcomes),
        sum(each.person for each in outcomes),
        max(each.confidence for each in outcomes),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default=MODEL, help="a model's name or ONNX file")
    parser.add_argument("--clips", type=Path, default=Path("out/benchmarks"), metavar="FOLDER")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    detector = open_detector(arguments.model)
    print(f"{arguments.model}, confirmed at {detector.confirm_threshold:g}:\n")
    print("| clip or scene | s | looks/picture | motion events | person events | confidence |")
    print("|---|---|---|---|---|---|")
    real = []
    for name in NO_PERSON_CLIPS:
        real.append(observed(name, footage_dir() / name, detector))
        print(real[-1], flush=True)
    made = []
    for name, clip in rendered(arguments.clips):
        made.append(observed(name, clip, detector))
        print(made[-1], flush=True)
    print(total("**all scenes**", made))
    everything = total("all", [*real, *made])
    enough = sum(each.seconds for each in made) >= WANTED_SCENES_S
    return 0 if enough and everything.motion and not everything.person else 1


if __name__ == "__main__":
    sys.exit(main())
