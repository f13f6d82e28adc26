"""What detectors cost on this box: milliseconds of an inference, and memory of a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edge_agent.detect import OnnxDetector, ResolvedModel
from edge_agent.domain import Region
from edge_agent.errors import ModelError
from edge_agent.geometry import FULL_FRAME, FrameSize
from edge_agent.tools.trial.pictures import StillPicture

#: Input sizes that a fully convolutional model is tried at: 16:9, as cameras are.
LADDER = tuple(
    FrameSize(*sides) for sides in ((256, 160), (320, 192), (416, 256), (512, 288), (640, 384))
)
#: A ladder ends where an input has this many times the pixels of the model's own.
_MAX_GROWTH = 2.0
ROUNDS = 25
_PROBE_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Cost:
    """One model at one size. `own_size`: the size of its manifest.

    `cpu_ms`, `wall_ms`: the least of many with one thread: a picture of 720 lines that fills the
    input is scaled, run through the network and read. `rss_mib`: what a fresh process grows by.
    """

    model: ResolvedModel
    own_size: FrameSize
    cpu_ms: float
    wall_ms: float
    rss_mib: float

    @property
    def size(self) -> FrameSize:
        return self.model.manifest.input.size


def sizes_of(model: ResolvedModel) -> list[ResolvedModel]:
    """The model at its own size and at each size of the ladder where it runs too."""
    variants = [model]
    own = model.manifest.input.size
    for size in LADDER:
        if size == own or size.area_px > _MAX_GROWTH * own.area_px:
            continue
        try:
            variant = model.at(size)
            OnnxDetector.open(variant)
        except ModelError:
            continue  # not fully convolutional, or its grids do not divide this size
        variants.append(variant)
    return variants


def measure(
    models: Sequence[ResolvedModel],
    *,
    rounds: int = ROUNDS,
    ladder: bool = True,
    memory: bool = True,
    advance: Callable[[int], None] = lambda done: None,
) -> list[Cost]:
    """All sizes of all models; they take turns, so that a busy box is unfair to none.

    Without `ladder` each at its own size only; without `memory` that is 0, and seconds are saved.

    `advance` is told the rounds done, the measuring of memory being one more.
    Raises ModelError when a model does not open.
    """
    cv2.setNumThreads(1)
    variants = [
        (variant, model.manifest.input.size)
        for model in models
        for variant in (sizes_of(model) if ladder else [model])
    ]
    detectors = [OnnxDetector.open(variant) for variant, _ in variants]
    pictures = [street(variant.manifest.input.size) for variant, _ in variants]
    best = [(float("inf"), float("inf"))] * len(detectors)
    for done in range(rounds):
        for i, (detector, picture) in enumerate(zip(detectors, pictures, strict=True)):
            cpu_ms, wall_ms = look_ms(detector, picture)
            best[i] = min(best[i][0], cpu_ms), min(best[i][1], wall_ms)
        advance(done + 1)
    costs = [
        Cost(variant, own, *times, rss_mib(variant) if memory else 0.0)
        for (variant, own), times in zip(variants, best, strict=True)
    ]
    advance(rounds + 1)
    return costs


def street(shape: FrameSize) -> StillPicture:
    """A picture of 720 lines with edges everywhere, as a camera's is, in the shape of an input."""
    width = round(720 * shape.width / shape.height)
    noise = np.random.default_rng(1).integers(0, 255, (45, width // 16, 3), np.uint8)
    enlarged = cv2.resize(noise, (width, 720), interpolation=cv2.INTER_LINEAR)
    return StillPicture(np.asarray(enlarged, np.uint8))


def rss_mib(model: ResolvedModel) -> float:
    """Resident memory that opening the model and looking three times adds to a fresh process."""
    size = model.manifest.input.size
    command = [sys.executable, "-m", __name__, str(model.path), str(size.width), str(size.height)]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=_PROBE_TIMEOUT_S
    )
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise ModelError(f"{model.path}: a fresh process could not look with it: {reason}")
    return float(json.loads(result.stdout)["mib"])


def look_ms(detector: OnnxDetector, picture: StillPicture) -> tuple[float, float]:
    """(CPU, wall) time of one look at a whole picture."""
    cpu_s, wall_s = time.thread_time(), time.perf_counter()
    detector.detect(picture, [Region(FULL_FRAME)], candidate_threshold=0.1)
    return 1000 * (time.thread_time() - cpu_s), 1000 * (time.perf_counter() - wall_s)


def _resident_mib() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        pages = int(file.read().split()[1])
    import resource

    return pages * resource.getpagesize() / 2**20


def _probe(path: str, width: int, height: int) -> float:
    """In a process of its own. The libraries are there in any case: they do not count."""
    import onnxruntime  # noqa: F401

    from edge_agent.detect import find_model

    picture = street(FrameSize(width, height))
    model = find_model(path).at(FrameSize(width, height))
    before_mib = _resident_mib()
    detector = OnnxDetector.open(model)
    for _ in range(3):
        detector.detect(picture, [Region(FULL_FRAME)], candidate_threshold=0.1)
    return _resident_mib() - before_mib


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"mib": _probe(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))}))
