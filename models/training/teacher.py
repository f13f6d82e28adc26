"""Labels by larger detectors (distillation: Hinton et al., 2015).

Every teacher looks at every picture with the agent's own code. What they agree on is a person as
sure as they are; what is seen at a low score, or by one of them only, is neither right nor wrong.
Teachers see people in clothes on a hanger, hands and sitting dogs: where a source is known to hold
no people, or hardly any, its label says so and the teachers do not make any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_agent.detect import OnnxDetector
from edge_agent.detect.nms import iou_with
from edge_agent.domain import Region
from edge_agent.geometry import FULL_FRAME, FrameSize
from models.training.augment import F32, IGNORED, PERSON, U8
from models.training.sources import Label

#: Below this a teacher's box is noise.
_SUSPECTED = 0.1


@dataclass(frozen=True, slots=True)
class Agreement:
    """What becomes of scores, each the mean over all looks (one without the box counts 0)."""

    #: Less is nobody; from here to `person` it is neither right nor wrong to find somebody.
    suspected: float = 0.12
    #: From here on it is a person.
    person: float = 0.3
    #: A mean score of this and more is quite sure; less is as sure as its share of this.
    sure: float = 0.7
    #: Where people are rare a mean score of this is not learnt: a teacher's error, or somebody.
    rare: float = 0.4
    same_iou: float = 0.5


class _Still:
    def __init__(self, bgr: U8) -> None:
        self._bgr = bgr
        self.size = FrameSize(bgr.shape[1], bgr.shape[0])

    def luma(self) -> U8:
        raise NotImplementedError("the detector asks for colour only")

    def bgr(self) -> U8:
        return self._bgr


def seen(detector: OnnxDetector, bgr: U8, *, flip: bool) -> F32:
    """float32 (n, 5): x1 y1 x2 y2 in pixels, score."""
    picture = _Still(np.ascontiguousarray(bgr[:, ::-1]) if flip else bgr)
    found = detector.detect(picture, [Region(FULL_FRAME)], candidate_threshold=_SUSPECTED)
    boxes = np.array(
        [(d.bbox.x, d.bbox.y, d.bbox.x2, d.bbox.y2, d.score) for d in found], np.float32
    ).reshape(-1, 5)
    if flip:
        boxes[:, [0, 2]] = 1 - boxes[:, [2, 0]]
    boxes[:, :4] *= np.array((picture.size.width, picture.size.height) * 2, np.float32)
    return boxes


def fused(looks: Sequence[F32], label: Label, rule: Agreement) -> F32:
    """One picture's boxes (n, 5), each as sure as the teachers together are, or IGNORED."""
    rows = [
        (*box, certainty)
        for box, score in (_merged(looks, rule.same_iou) if label != "empty" else ())
        if (certainty := _certainty(score, label, rule)) is not None
    ]
    return np.array(rows, np.float32).reshape(-1, 5)


def _certainty(score: float, label: Label, rule: Agreement) -> float | None:
    if label == "rare":
        return IGNORED if score >= rule.rare else None
    if score >= rule.person:
        return min(PERSON, score / rule.sure)
    return IGNORED if score >= rule.suspected else None


def _merged(looks: Sequence[F32], same_iou: float) -> list[tuple[F32, float]]:
    """Boxes that several looks share, weighted by score; best first."""
    everything = np.concatenate(list(looks))
    everything = everything[np.argsort(-everything[:, 4], kind="stable")]
    groups = []
    while len(everything):
        same = iou_with(everything[0, :4], everything[:, :4]) > same_iou
        same[0] = True
        group, everything = everything[same], everything[~same]
        weights = group[:, 4:5]
        best = min(float(weights.sum()) / len(looks), float(weights.max()))
        groups.append(((group[:, :4] * weights).sum(0) / weights.sum(), best))
    return groups


def save(path: Path, boxes: Sequence[F32]) -> None:
    """Ragged rows as two flat arrays."""
    counts = np.array([len(rows) for rows in boxes], np.int64)
    np.savez_compressed(path, counts=counts, rows=np.concatenate(list(boxes)))


def load(path: Path) -> list[F32]:
    with np.load(path) as stored:
        return list(np.split(stored["rows"], np.cumsum(stored["counts"])[:-1]))
