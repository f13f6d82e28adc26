"""Which detection belongs to which track: how alike, how far, and what is a double."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.domain import Detection
from edge_agent.geometry import BBox, heights_apart, is_part_of, shows_same_person
from edge_agent.track.assignment import assign

#: No pair costs more than this when it is allowed at all (see `costs`), so that a good pair
#: is never given up to make two bad ones.
_FORBIDDEN = 3.0
#: Heights of one person from look to look: half hidden, but no less (logarithm of a factor 2).
_SAME_SIZE = math.log(2.0)
#: Who keeps still is found where they were.
_ANCHORED_IOU = 0.4
_MIN_HEIGHT_FRAC = 1e-6  # keeps logarithms finite
_MIN_AREA_FRAC = 1e-12  # and quotients
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
    cost = costs(expected, detections, gate) if expected and detections else {}
    found: list[tuple[int, int]] = []
    for pairs in _groups(list(cost)):
        found += pairs if len(pairs) == 1 else _best(pairs, cost)
    return sorted(found)


def costs(
    expected: Sequence[Expected], detections: Sequence[Detection], gate: Gate
) -> dict[tuple[int, int], float]:
    """Of each pair that the gate allows: 0 for the same box, less than 3.

    Pair by pair: most lie far apart, and that is seen at once.
    """
    boxes = [detection.bbox for detection in detections]
    allowed = {}
    for row, track in enumerate(expected):
        reach = min(gate.reach + gate.speed * track.unseen_s, gate.limit)
        for column, box in enumerate(boxes):
            cost = _cost(track, box, gate, reach)
            if cost is not None:
                allowed[row, column] = cost
    return allowed


def _cost(track: Expected, box: BBox, gate: Gate, reach: float) -> float | None:
    """None where the gate does not allow it."""
    expected = track.bbox
    shared = expected.intersection_frac(box)
    distance = heights_apart(expected, box)
    if shared == 0 and distance > reach:
        return None
    iou = shared / max(expected.w * expected.h + box.w * box.h - shared, _MIN_AREA_FRAC)
    growth = _growth(box.h, expected.h)
    if not ((distance <= reach and growth < _SAME_SIZE) or iou >= gate.min_iou):
        return None
    if gate.holds_size and _growth(box.h, track.sure_height) >= _SAME_SIZE:
        return None
    if track.anchored and iou < _ANCHORED_IOU:
        return None
    cost = (1 - iou) + 0.5 * min(distance / reach, 1.0) + 0.3 * min(growth, 1.0)
    return min(cost + track.handicap, _FORBIDDEN - 0.5)


def _growth(height: float, before: float) -> float:
    """Logarithm of the factor, without its sign."""
    return abs(math.log(max(height, _MIN_HEIGHT_FRAC) / max(before, _MIN_HEIGHT_FRAC)))


def _groups(pairs: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Pairs that share a track or a detection, over others too, belong together: what is best for
    them says nothing of those of other groups."""
    groups: list[tuple[set[int], set[int], list[tuple[int, int]]]] = []
    for row, column in pairs:
        rows, columns, own = {row}, {column}, [(row, column)]
        apart = []
        for group in groups:
            if row in group[0] or column in group[1]:
                rows |= group[0]
                columns |= group[1]
                own = group[2] + own
            else:
                apart.append(group)
        groups = [*apart, (rows, columns, own)]
    return [group[2] for group in groups]


def _best(
    pairs: Sequence[tuple[int, int]], cost: dict[tuple[int, int], float]
) -> list[tuple[int, int]]:
    """Of one group. No pair is left out that the gate allows, to have a better other one."""
    rows = sorted({row for row, _ in pairs})
    columns = sorted({column for _, column in pairs})
    table = [[cost.get((r, c), _FORBIDDEN) for c in columns] for r in rows]
    chosen = ((rows[r], columns[c]) for r, c in assign(table))
    return [pair for pair in chosen if pair in cost]


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
