"""Non-maximum suppression. Pure numpy: a handful of persons does not need more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_agent.domain import F32

_MATRIX_BELOW = 96


def iou_with(box: F32, boxes: F32) -> F32:
    """Intersection over union of one box (4,) with each of (n, 4), corners x1 y1 x2 y2."""
    shared = _shared(box, boxes)
    total = _area(box[None])[0] + _area(boxes) - shared
    ratio: F32 = np.divide(shared, total, out=np.zeros_like(shared), where=total > 0)
    return ratio


def cover_matrix(boxes: F32) -> F32:
    """Intersection of each of (n, 4) with each, as a share of the smaller of the two: (n, n)."""
    shared = _shared(boxes[:, None], boxes[None])
    area = _area(boxes)
    smaller = np.minimum(area[:, None], area[None])
    ratio: F32 = np.divide(shared, smaller, out=np.zeros_like(shared), where=smaller > 0)
    return ratio


def iou_matrix(boxes: F32, others: F32) -> F32:
    """Intersection over union of each of (n, 4) with each of (m, 4), as (n, m)."""
    shared = _shared(boxes[:, None], others[None])
    total = _area(boxes)[:, None] + _area(others)[None] - shared
    ratio: F32 = np.divide(shared, total, out=np.zeros_like(shared), where=total > 0)
    return ratio


def inside_matrix(boxes: F32, others: F32) -> F32:
    """Which share of each of (n, 4) lies in each of (m, 4), as (n, m)."""
    shared = _shared(boxes[:, None], others[None])
    area = np.broadcast_to(_area(boxes)[:, None], shared.shape)
    ratio: F32 = np.divide(shared, area, out=np.zeros_like(shared), where=area > 0)
    return ratio


def suppress(boxes: F32, scores: F32, iou: float) -> NDArray[np.intp]:
    """Indices of the boxes to keep, best score first; ties keep their order.

    A box goes when it overlaps a better one by more than `iou`.
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size > _MATRIX_BELOW:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        order = rest[iou_with(boxes[best], boxes[rest]) <= iou]
    # All pairs of few at once cost less than one after the other.
    apart = iou_matrix(boxes[order], boxes[order]) <= iou
    alive = np.ones(order.size, np.bool_)
    for i in range(order.size):
        if alive[i]:
            kept.append(int(order[i]))
            alive &= apart[i]
    return np.array(kept, np.intp)


def _shared(box: F32, boxes: F32) -> F32:
    width = np.minimum(box[..., 2], boxes[..., 2]) - np.maximum(box[..., 0], boxes[..., 0])
    height = np.minimum(box[..., 3], boxes[..., 3]) - np.maximum(box[..., 1], boxes[..., 1])
    area: F32 = np.maximum(width, 0) * np.maximum(height, 0)
    return area


def _area(boxes: F32) -> F32:
    area: F32 = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area
