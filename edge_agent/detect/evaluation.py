"""How good is a detector? Average precision and recall against labelled frames. Pure numpy.

Protocol: a detection is right when it overlaps a labelled person not yet taken by a better
detection with IoU >= 0.5. AP is the area under the precision-recall curve through all its
points, precision made monotonic (Pascal VOC 2010 and later). A detection that matches nobody
and lies mostly in an ignored area is neither right nor wrong (as COCO does with crowds).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge_agent.detect.nms import inside_matrix, iou_matrix
from edge_agent.domain import F32

MATCH_IOU = 0.5
#: A detection with so much of its area in an ignored one does not count.
IGNORE_INSIDE = 0.5


@dataclass(frozen=True, slots=True)
class LabelledFrame:
    """`truth` float32 (m, 4), `boxes` float32 (n, 4), corners in any unit; `scores` (n,).

    `ignored` float32 (k, 4): where nobody can say what is right, such as a crowd that was labelled
    as one.
    """

    truth: F32
    boxes: F32
    scores: F32
    ignored: F32 = field(default_factory=lambda: np.zeros((0, 4), np.float32))


@dataclass(frozen=True, slots=True)
class Quality:
    """AP@0.5, and recall where 1 and 0.1 false positives per image are tolerated."""

    ap: float
    recall_at_1: float
    recall_at_01: float


def evaluate(frames: Sequence[LabelledFrame]) -> Quality:
    """Quality over all frames. Raises ValueError when nobody is labelled."""
    people = sum(len(frame.truth) for frame in frames)
    if not people:
        raise ValueError("no labelled person in any frame: recall is undefined")
    verdicts = [_judged(frame) for frame in frames]
    scores = np.concatenate([scores for scores, _ in verdicts])
    right = np.concatenate([right for _, right in verdicts])
    right = right[np.argsort(-scores, kind="stable")]
    hits, misses = np.cumsum(right), np.cumsum(~right)
    recall = hits / people
    precision = np.maximum.accumulate((hits / np.maximum(hits + misses, 1))[::-1])[::-1]
    ap = float(np.sum(np.diff(recall, prepend=0.0) * precision))
    at_1, at_01 = (
        float(recall[misses <= rate * len(frames)].max(initial=0.0)) for rate in (1.0, 0.1)
    )
    return Quality(ap, at_1, at_01)


def _judged(frame: LabelledFrame) -> tuple[F32, NDArray[np.bool_]]:
    """Scores of the detections that count, and whether each matches a person of its own."""
    right = np.zeros(len(frame.scores), np.bool_)
    counts = np.ones(len(frame.scores), np.bool_)
    free = np.ones(len(frame.truth), np.bool_)
    overlaps = iou_matrix(frame.boxes, frame.truth)
    for i in np.argsort(-frame.scores, kind="stable"):
        overlap = np.where(free, overlaps[i], 0.0)
        if overlap.size and overlap.max() >= MATCH_IOU:
            right[i] = True
            free[overlap.argmax()] = False
    if len(frame.ignored):
        counts = right | (inside_matrix(frame.boxes, frame.ignored).max(axis=1) < IGNORE_INSIDE)
    return frame.scores[counts], right[counts]
