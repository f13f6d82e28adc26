"""From boxes in the network's input back to persons in the frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.detect.decoders import Candidates
from edge_agent.detect.nms import cover_matrix, iou_matrix
from edge_agent.detect.regions import Inference, Placement
from edge_agent.domain import F32, Detection, Region
from edge_agent.geometry import BBox, FrameSize

#: A box that lies across the border of its crop by more than this share is made of two
#: pictures, or of filling, and shows nobody.
_MIN_INSIDE = 0.5
#: A box that ends within this many input pixels of a crop's edge was cut by it.
_EDGE_PX = 3.0
#: Part of a person is the same person when so much of it lies in another box.
_SAME_COVER = 0.6


@dataclass(frozen=True, slots=True)
class Found:
    """Persons in pixels of the frame; `cut`: the crop's edge went through them.

    `boxes` float32 (n, 4) corners, `scores` float32 (n,), `cut` bool (n,).
    """

    boxes: F32
    scores: F32
    cut: NDArray[np.bool_]

    def where(self, chosen: NDArray[np.bool_]) -> Found:
        """Those of them alone."""
        return Found(self.boxes[chosen], self.scores[chosen], self.cut[chosen])

    @classmethod
    def together(cls, parts: Sequence[Found]) -> Found:
        return cls(
            np.concatenate([np.zeros((0, 4), np.float32), *(part.boxes for part in parts)]),
            np.concatenate([np.zeros(0, np.float32), *(part.scores for part in parts)]),
            np.concatenate([np.zeros(0, np.bool_), *(part.cut for part in parts)]),
        )


def to_frame(candidates: Candidates, look: Inference, frame: FrameSize) -> Found:
    """Give every box to the crop that holds its centre and map it into the frame."""
    return Found.together(
        [_in_placement(candidates, placement, frame) for placement in look.placements]
    )


def _in_placement(candidates: Candidates, placement: Placement, frame: FrameSize) -> Found:
    slot, crop = placement.slot, placement.crop
    low = np.array((slot.x, slot.y) * 2, np.float32)
    high = np.array((slot.x + slot.w, slot.y + slot.h) * 2, np.float32)
    boxes = candidates.boxes
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    clipped = np.clip(boxes, low, high)
    size, clipped_size = boxes[:, 2:] - boxes[:, :2], clipped[:, 2:] - clipped[:, :2]
    mine = ((centre >= low[:2]) & (centre <= high[:2])).all(axis=1)
    mine &= clipped_size.prod(axis=1) >= _MIN_INSIDE * size.prod(axis=1)
    mine &= (clipped_size > 0).all(axis=1)
    clipped, scores = clipped[mine], candidates.scores[mine]
    # An edge of the crop that is also the frame's edge cuts nothing that could be seen.
    inner = np.array((crop.x > 0, crop.y > 0, *_inner_far(placement, frame)))
    near = np.concatenate(
        (clipped[:, :2] - low[:2] < _EDGE_PX, high[2:] - clipped[:, 2:] < _EDGE_PX), axis=1
    )
    scale = np.array((crop.w / slot.w, crop.h / slot.h) * 2, np.float32)
    origin = np.array((crop.x, crop.y) * 2, np.float32)
    return Found((clipped - low) * scale + origin, scores, (near & inner).any(axis=1))


def _inner_far(placement: Placement, frame: FrameSize) -> tuple[bool, bool]:
    crop = placement.crop
    return crop.x + crop.w < frame.width, crop.y + crop.h < frame.height


def distinct(found: Found, iou: float) -> Found:
    """One box per person over all looks, best first.

    Whole persons are taken first. A cut one goes when it lies in a box already taken; if the
    part was seen more clearly than the whole, the whole keeps the better score.
    """
    order = np.lexsort((-found.scores, found.cut))
    boxes, scores, cut = found.boxes[order], found.scores[order].copy(), found.cut[order]
    kept: list[int] = []
    alive = np.ones(len(order), np.bool_)
    alike = iou_matrix(boxes, boxes) > iou
    alike |= cut & (cover_matrix(boxes) > _SAME_COVER)
    for i in range(len(order)):
        if not alive[i]:
            continue
        kept.append(i)
        same = alike[i] & alive
        scores[i] = scores[same].max(initial=scores[i])
        alive &= ~same
    kept.sort(key=lambda i: -scores[i])
    return Found(boxes[kept], scores[kept], cut[kept])


def to_detections(
    found: Found, regions: Sequence[Region], frame: FrameSize
) -> tuple[Detection, ...]:
    """Fractions of the frame, clipped; without parts of people whom nobody asked about.

    A cut box is only half the truth about somebody, worth having where it was looked for,
    not in the context around it.
    """
    detections = []
    for (x1, y1, x2, y2), score, cut in zip(
        found.boxes.tolist(), found.scores.tolist(), found.cut.tolist(), strict=True
    ):
        bbox = BBox.from_pixels(x1, y1, x2 - x1, y2 - y1, frame).clipped()
        if cut and not any(_shows(bbox, region.bbox) for region in regions):
            continue
        detections.append(Detection(bbox, min(1.0, max(0.0, score))))
    return tuple(detections)


def _shows(part: BBox, region: BBox) -> bool:
    """Is this part of a person mostly in the region, or the region mostly on the person?"""
    return 2 * part.intersection_frac(region) > min(part.area_frac, region.clipped().area_frac)
