"""Accuracy and cost of every detector that is here, as a Markdown table.

    python -m benchmarks.detectors [--footage ../shared/footage] [NAME ...]

PETS: AP@0.5 / recall at 1 / at 0.1 false positives per image on frames 0, 10, ..., 790, whole
frame, one inference, score > .02. `crops` is AP on the frames from 5 s on when the detector
sees only the crops that the pipeline asks for (motion at 5 fps and tracked people), `full` the
same frames whole; `looks` is the number of inferences per frame with crops. ms is the least
CPU time of one inference; the models take turns, so that a busy machine is unfair to none.
RSS is what a fresh process grows by when it opens the model and looks once.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from benchmarks import _pets
from edge_agent.config import MotionConfig, PersonConfig
from edge_agent.detect import OnnxDetector, ResolvedModel, default_model_dirs, find_model
from edge_agent.detect.catalog import REGISTRY_FILE
from edge_agent.detect.evaluation import LabelledFrame, Quality, evaluate
from edge_agent.domain import Region
from edge_agent.errors import ModelError
from edge_agent.geometry import FULL_FRAME
from edge_agent.motion import MotionDetector
from edge_agent.sources.pixels import DecodedPixels
from edge_agent.tools.trial.pictures import StillPicture
from edge_agent.track import Tracker

ROUNDS = 25
REFERENCE = "yolox-nano-416"
#: The clip has 10 fps; analysed are 5.
EVERY, FROM_FRAME = 2, 50

_RSS = """
import sys, numpy as np, cv2, onnxruntime
from edge_agent.detect import OnnxDetector, find_model
from edge_agent.domain import Region
from edge_agent.geometry import FULL_FRAME
from edge_agent.tools.trial.pictures import StillPicture
def rss(): return next(int(l.split()[1]) / 1024 for l in open("/proc/self/status") if "VmRSS" in l)
before = rss()
detector = OnnxDetector.open(find_model(sys.argv[1]))
picture = StillPicture(np.zeros((720, 1280, 3), np.uint8))
for _ in range(3): detector.detect(picture, [Region(FULL_FRAME)], candidate_threshold=0.1)
print(rss() - before)
"""


@dataclass(frozen=True, slots=True)
class Crops:
    """AP with the pipeline's crops and with whole frames, and inferences per analysed frame."""

    full_ap: float
    crops_ap: float
    looks: float


def crops_against_full(detector: OnnxDetector, footage: Path) -> Crops:
    """Both ways on the same frames, from the first five seconds on."""
    motion = MotionDetector(MotionConfig())
    tracker = Tracker(PersonConfig(), high_score=detector.confirm_threshold)
    truths = _pets.truths(footage / _pets.LABELS)
    cropped: list[LabelledFrame] = []
    whole: list[LabelledFrame] = []
    looks = analysed = 0
    with av.open(str(footage / _pets.CLIP)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % EVERY:
                continue
            pixels, at_s = DecodedPixels(frame), number / 10
            regions = tracker.look_at(motion.update(pixels.luma(), at_s).regions, at_s)
            before = detector.inferences
            found = detector.detect(pixels, regions, candidate_threshold=_pets.SCORE_ABOVE)
            looks, analysed = looks + detector.inferences - before, analysed + 1
            candidates = [d for d in found if d.score >= detector.candidate_threshold]
            tracker.update(candidates, [region.bbox for region in regions], at_s)
            if number in _pets.FRAMES and number >= FROM_FRAME:
                truth = truths[number // _pets.FRAMES.step]
                cropped.append(_pets.labelled(truth, found, pixels.size))
                found = detector.detect(
                    pixels, [Region(FULL_FRAME)], candidate_threshold=_pets.SCORE_ABOVE
                )
                whole.append(_pets.labelled(truth, found, pixels.size))
    return Crops(evaluate(whole).ap, evaluate(cropped).ap, looks / analysed)


def inference_ms(detectors: list[OnnxDetector]) -> list[float]:
    """Least CPU milliseconds of one whole-frame look of each, taking turns."""
    picture = StillPicture(np.full((360, 480, 3), 90, np.uint8))
    best = [float("inf")] * len(detectors)
    for _ in range(ROUNDS):
        for i, detector in enumerate(detectors):
            start_s = time.thread_time()
            detector.detect(picture, [Region(FULL_FRAME)], candidate_threshold=0.1)
            best[i] = min(best[i], 1000 * (time.thread_time() - start_s))
    return best


def rss_mib(name: str) -> float:
    result = subprocess.run(
        [sys.executable, "-c", _RSS, name], capture_output=True, text=True, check=True
    )
    return float(result.stdout)


def row(model: ResolvedModel, quality: Quality, crops: Crops, ms: float, reference: float) -> str:
    manifest = model.manifest
    cells = (
        manifest.name,
        f"{manifest.bytes / 1e6:.1f}",
        f"{quality.ap:.3f} / {quality.recall_at_1:.3f} / {quality.recall_at_01:.3f}",
        f"{crops.full_ap:.3f}",
        f"{crops.crops_ap:.3f}",
        f"{crops.looks:.2f}",
        f"{ms:.1f}",
        f"{ms / reference:.2f}",
        f"{rss_mib(manifest.name):.0f}",
    )
    return "| " + " | ".join(cells) + " |"


def installed(names: list[str]) -> list[ResolvedModel]:
    """The named models, or all whose file is here."""
    known = names or sorted(
        {p.stem for d in default_model_dirs() for p in d.glob("*.toml") if p.name != REGISTRY_FILE}
    )
    found = []
    for name in known:
        try:
            found.append(find_model(name))
        except ModelError as error:
            print(f"left out: {error}", file=sys.stderr)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--footage", type=Path, default=Path("../shared/footage"))
    options = parser.parse_args()
    models = installed(options.names)
    if not models or not (options.footage / _pets.CLIP).is_file():
        print(f"nothing to measure: no model, or no {_pets.CLIP} in {options.footage}")
        return 1
    detectors = [OnnxDetector.open(model) for model in models]
    times = inference_ms(detectors)
    by_name = {model.manifest.name: ms for model, ms in zip(models, times, strict=True)}
    reference = by_name.get(REFERENCE, times[0])
    print("| model | MB | PETS AP / r@1 / r@.1 | full | crops | looks | ms | x | RSS MiB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for model, detector, ms in zip(models, detectors, times, strict=True):
        clip, labels = options.footage / _pets.CLIP, options.footage / _pets.LABELS
        quality = _pets.full_frame_quality(detector, clip, labels)
        crops = crops_against_full(detector, options.footage)
        print(row(model, quality, crops, ms, reference), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
