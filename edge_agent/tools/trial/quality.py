"""How good are detectors on labelled pictures? One inference on each whole one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from edge_agent.detect import OnnxDetector
from edge_agent.detect.evaluation import LabelledFrame, Quality, evaluate
from edge_agent.domain import Detection, Region
from edge_agent.errors import LabelError
from edge_agent.geometry import FULL_FRAME
from edge_agent.tools.trial.pictures import LabelledPicture, LabelledSet

#: Average precision needs the long tail of unsure detections too; below this is only noise.
SCORE_ABOVE = 0.02


@dataclass(frozen=True, slots=True)
class DetectorScore:
    """What one detector reached. `ms`: median CPU time of an inference, this thread only."""

    model: str
    width: int
    height: int
    quality: Quality
    ms: float


@dataclass(frozen=True, slots=True)
class Report:
    """All detectors on the same pictures."""

    pictures: int
    people: int
    ignored: int
    scores: tuple[DetectorScore, ...]


@dataclass(slots=True)
class _Tally:
    frames: list[LabelledFrame] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def assess(
    detectors: Sequence[OnnxDetector],
    data: LabelledSet,
    advance: Callable[[int], None] = lambda done: None,
) -> Report:
    """The detectors take turns on each picture, so that a busy box is unfair to none.

    Raises LabelError for what cannot be read, and where nobody is labelled at all.
    """
    tallies = [_Tally() for _ in detectors]
    ignored = 0
    for number, labelled in enumerate(data.pictures(), 1):
        ignored += len(labelled.ignored)
        for detector, tally in zip(detectors, tallies, strict=True):
            begun_s = time.thread_time()
            found = detector.detect(
                labelled.picture, [Region(FULL_FRAME)], candidate_threshold=SCORE_ABOVE
            )
            tally.seconds.append(time.thread_time() - begun_s)
            tally.frames.append(_frame(labelled, found))
        advance(number)
    frames = tallies[0].frames if tallies else []
    people = sum(len(frame.truth) for frame in frames)
    if not people:
        raise LabelError(f"{data.what}: nobody is labelled in {len(frames)} pictures")
    scores = tuple(map(_score, detectors, tallies))
    return Report(len(frames), people, ignored, scores)


def _score(detector: OnnxDetector, tally: _Tally) -> DetectorScore:
    spec = detector.manifest.input
    quality = evaluate(tally.frames)
    ms = 1000 * median(tally.seconds)
    return DetectorScore(detector.manifest.name, spec.width, spec.height, quality, ms)


def _frame(labelled: LabelledPicture, found: Sequence[Detection]) -> LabelledFrame:
    size = labelled.picture.size
    corners = [(d.bbox.x, d.bbox.y, d.bbox.x2, d.bbox.y2) for d in found]
    sides = np.array((size.width, size.height) * 2, np.float32)
    return LabelledFrame(
        labelled.truth,
        np.array(corners, np.float32).reshape(-1, 4) * sides,
        np.array([d.score for d in found], np.float32),
        labelled.ignored,
    )
