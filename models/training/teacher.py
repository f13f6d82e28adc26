"""Completes the labels: crowds are labelled in part, and an unlabelled person teaches "nobody".

Every teacher looks at every image with the agent's own code. What they see and nobody labelled
becomes a person as sure as they are; of a label that they do not see the network need not be as
sure as of one that they do (distillation: Hinton et al., 2015). Without this a small network learns
the labels' noise by heart: AP .51 on stills it had learnt from, .43 on others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_agent.detect import OnnxDetector, find_model
from edge_agent.detect.nms import iou_with
from edge_agent.domain import Region
from edge_agent.geometry import FULL_FRAME, FrameSize
from models.training.augment import F32, IGNORED, PERSON, U8

#: Below this a teacher's box is noise.
_SUSPECTED = 0.15


@dataclass(frozen=True, slots=True)
class Agreement:
    """What becomes of scores, each the mean over all looks (one without the box counts 0)."""

    #: Less is nobody.
    suspected: float = 0.15
    #: How sure a label is that no teacher sees; one that all see with score 1 is quite sure.
    label: float = 0.4
    same_iou: float = 0.5
    #: A labelled box lower than this share of the picture, which no teacher sees, is ignored.
    unseen_height: float = 0.05


class _Still:
    def __init__(self, bgr: U8) -> None:
        self._bgr = bgr
        self.size = FrameSize(bgr.shape[1], bgr.shape[0])

    def luma(self) -> U8:
        raise NotImplementedError("the detector asks for colour only")

    def bgr(self) -> U8:
        return self._bgr


def look(model: str, images: U8, *, flip: bool) -> list[F32]:
    """Per image float32 (n, 5): x1 y1 x2 y2 in pixels, score."""
    detector = OnnxDetector.open(find_model(model))
    found: list[F32] = []
    for image in images:
        picture = _Still(np.ascontiguousarray(image[:, ::-1]) if flip else np.asarray(image))
        boxes = np.array(
            [
                (d.bbox.x, d.bbox.y, d.bbox.x2, d.bbox.y2, d.score)
                for d in detector.detect(
                    picture, [Region(FULL_FRAME)], candidate_threshold=_SUSPECTED
                )
            ],
            np.float32,
        ).reshape(-1, 5)
        if flip:
            boxes[:, [0, 2]] = 1 - boxes[:, [2, 0]]
        boxes[:, :4] *= np.array((picture.size.width, picture.size.height) * 2, np.float32)
        found.append(boxes)
    return found


def completed(labelled: F32, looks: Sequence[F32], height: int, rule: Agreement) -> F32:
    """One image's boxes (n, 5), each as sure as label and teachers make it."""
    rows = labelled.copy()
    rows[:, 4] = rule.label * PERSON
    suspects = np.concatenate(list(looks))
    for row in rows:
        low = (row[3] - row[1]) < rule.unseen_height * height
        if low and not (iou_with(row[:4], suspects[:, :4]) > 0.3).any():
            row[4] = IGNORED
    labels = len(rows)
    for box, score in _merged(looks, rule.same_iou):
        overlaps = iou_with(box, rows[:, :4])
        if (overlaps > rule.same_iou).any():
            best = int(overlaps.argmax())
            if best < labels:
                rows[best, 4] = max(rows[best, 4], rule.label + (1 - rule.label) * score)
        elif score >= rule.suspected:
            rows = np.vstack((rows, np.array((*box, score), np.float32)))
    return rows


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
