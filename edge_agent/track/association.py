"""Which detection belongs to which track: how alike, how far, and what is a double."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.domain import Detection
from edge_agent.geometry import WIDTH_IN_HEIGHTS, BBox, is_part_of, shows_same_person
from edge_agent.track.assignment import assign

F64 = NDArray[np.float64]

#: No pair costs more than this when it is allowed at all (see `costs`), so that a good pair
#: is never given up to make two bad ones.
_FORBIDDEN = 3.0
#: Heights of one person from look to look: half hidden, but no less (logarithm of a factor 2).
_SAME_SIZE = float(np.log(2.0))
#: Who keeps still is found where they were.
_ANCHORED_IOU = 0.4
_MIN_HEIGHT_FRAC = 1e-6  # keeps logarithms finite
#: A whole person is this much larger than a part of them, and scored at least this share
#: of what the part scored; otherwise it is a double, or two people in one box.
_WHOLE_IS_LARGER = 1.2
_WHOLE_IS_AS_SURE = 0.6


@dataclass(frozen=True, slots=True)
class Expected:
    """What association knows of a track: where it should be, and how long it was unseen."""

    bbox: BBox
    unseen_s: float
    handicap: float  # added to each cost: doubtful tracks stand back behind sure ones
    sure_height: float  # of the newest sure detection
    anchored: bool = False  # only weakly seen lately, and still: nobody else may take it over


@dataclass(frozen=True, slots=True)
class Gate:
    """How far from its expected place a person may be found, in heights of the person.

    `reach` right after a look, growing by `speed` per second unseen up to `limit`.
    """

    reach: float
    speed: float
    limit: float
    min_iou: float  # overlap that is enough by itself
    holds_size: bool  # whether the height must stay within half and twice the sure one


#: A runner makes 5 m/s, three heights a second; reach covers one frame at 5 fps and noise.
SURE_GATE = Gate(reach=0.35, speed=0.9, limit=1.2, min_iou=0.3, holds_size=False)
#: Weak detections (ByteTrack's second round) must lie where the person is expected, and keep
#: their size: else a person who passes a post leaves a track behind that shrinks onto it.
WEAK_GATE = Gate(reach=0.25, speed=0.3, limit=0.5, min_iou=0.3, holds_size=True)


def match(
    expected: Sequence[Expected], detections: Sequence[Detection], gate: Gate
) -> list[tuple[int, int]]:
    """Best pairs (index of the track, index of the detection) that the gate allows."""
    if not expected or not detections:
        return []
    cost = costs(expected, detections, gate)
    return [pair for pair in assign(cost) if cost[pair] < _FORBIDDEN]


def costs(expected: Sequence[Expected], detections: Sequence[Detection], gate: Gate) -> F64:
    """float64 (tracks, detections): 0 for the same box, 3 for a pair that cannot be."""
    tracks = _corners([track.bbox for track in expected])
    found = _corners([detection.bbox for detection in detections])
    unseen_s = np.array([track.unseen_s for track in expected])[:, None]
    handicap = np.array([track.handicap for track in expected])[:, None]
    iou = _iou(tracks, found)
    distance = _distance(tracks, found)
    reach = np.minimum(gate.reach + gate.speed * unseen_s, gate.limit)
    heights = [
        np.maximum(sides, _MIN_HEIGHT_FRAC)
        for sides in (
            (found[:, 3] - found[:, 1])[None, :],
            (tracks[:, 3] - tracks[:, 1])[:, None],
        )
    ]
    growth = np.abs(np.log(heights[0] / heights[1]))
    allowed = ((distance <= reach) & (growth < _SAME_SIZE)) | (iou >= gate.min_iou)
    if gate.holds_size:
        sure = np.array([track.sure_height for track in expected])[:, None]
        allowed &= np.abs(np.log(heights[0] / np.maximum(sure, _MIN_HEIGHT_FRAC))) < _SAME_SIZE
    anchored = np.array([track.anchored for track in expected], dtype=bool)[:, None]
    allowed &= ~anchored | (iou >= _ANCHORED_IOU)
    cost = (1 - iou) + 0.5 * np.minimum(distance / reach, 1) + 0.3 * np.minimum(growth, 1)
    cost = np.minimum(cost + handicap, _FORBIDDEN - 0.5)
    return np.asarray(np.where(allowed, cost, _FORBIDDEN), dtype=np.float64)


def without_doubles(detections: Sequence[Detection]) -> list[Detection]:
    """One detection per person: overlapping crops find a person twice, or cut one in two.

    Of two equal boxes the better score stays; of a part and a whole the whole, with the
    better score of both, unless the whole is much the weaker one (two people as one box).
    Best score first.
    """
    kept: list[Detection] = []
    for detection in sorted(detections, key=_rank):
        index = next(
            (i for i, other in enumerate(kept) if shows_same_person(detection.bbox, other.bbox)),
            None,
        )
        if index is None:
            kept.append(detection)
        elif is_part_of(kept[index].bbox, detection.bbox) and _as_sure(detection, kept[index]):
            kept[index] = Detection(detection.bbox, kept[index].score)
    return kept


def _rank(detection: Detection) -> tuple[float, float, float]:
    return -detection.score, detection.bbox.x, detection.bbox.y


def _as_sure(whole: Detection, part: Detection) -> bool:
    larger = whole.bbox.area_frac > _WHOLE_IS_LARGER * part.bbox.area_frac
    return larger and whole.score >= _WHOLE_IS_AS_SURE * part.score


def _corners(boxes: Sequence[BBox]) -> F64:
    return np.array([(box.x, box.y, box.x2, box.y2) for box in boxes], dtype=np.float64)


def _iou(one: F64, other: F64) -> F64:
    top_left = np.maximum(one[:, None, :2], other[None, :, :2])
    bottom_right = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.prod(np.clip(bottom_right - top_left, 0, None), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (one, other)]
    total = areas[0][:, None] + areas[1][None, :] - shared
    return np.asarray(shared / np.maximum(total, 1e-12), dtype=np.float64)


def _distance(one: F64, other: F64) -> F64:
    centers = [(boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (one, other)]
    sides = [np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6) for boxes in (one, other)]
    apart = np.abs(centers[0][:, None] - centers[1][None])
    mean = (sides[0][:, None] + sides[1][None]) / 2
    return np.asarray(
        np.hypot(WIDTH_IN_HEIGHTS * apart[..., 0] / mean[..., 0], apart[..., 1] / mean[..., 1]),
        dtype=np.float64,
    )
