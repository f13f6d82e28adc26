"""From changed pixels to a few rectangles that each hold one moving thing.

A person rarely changes as one piece: the legs match the floor, the coat the wall. Pieces are
joined when their common rectangle wastes little area; people walking apart stay apart, so
that a region is never much larger than the person in it.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge_agent.domain import U8

#: More pieces than this are noise or a storm of leaves; the largest are kept.
_MAX_PIECES = 32
#: At most this many rectangles leave; beyond it the closest are joined, so none is lost.
MAX_BLOBS = 16
#: Two pieces are one thing when their common rectangle is at most this much larger than both;
#: more is allowed one above the other, as a head and legs are, than side by side.
_JOIN_GROWTH = 1.15
_STACKED_GROWTH = 1.7
_STACKED_OVERLAP = 0.6
#: A piece narrower or lower than this (pixels of the working picture) is no person.
_MIN_SIDE_PX = 3
#: A pixel's neighbourhood must be this full (of 255, two blurs) to count: removes salt.
_DENSITY = 72
#: People side by side: wider than this for its height, and a valley between two peaks.
_WIDE = 0.6
_VALLEY = 0.75
_PART_MIN_PX = 4


Box = tuple[int, int, int, int]  # x1, y1, x2, y2 in pixels of the mask, exclusive ends


def find_blobs(mask: U8, min_area_px: float) -> list[Box]:
    """Moving things in `mask` (uint8, 0 or 255), a few, largest first.

    `min_area_px` is the smallest number of changed pixels that counts.
    """
    boxes = _pieces(mask, min_area_px)
    leniency = 1.0
    boxes = _joined(boxes, leniency)
    while len(boxes) > MAX_BLOBS:
        leniency *= 1.5
        boxes = _joined(boxes, leniency)
    boxes = [part for box in boxes for part in _parted(mask, box)]
    boxes.sort(key=_area, reverse=True)
    return boxes


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _union(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _pieces(mask: U8, min_area_px: float) -> list[Box]:
    """Connected pieces with enough changed pixels.

    Found at half size: four times cheaper, and it closes gaps of two pixels on the way.
    """
    height, width = mask.shape
    half = (max(1, width // 2), max(1, height // 2))
    density = cv2.blur(cv2.resize(mask, half, interpolation=cv2.INTER_AREA), (3, 3))
    _, dense = cv2.threshold(density, _DENSITY, 255, cv2.THRESH_BINARY)
    contours, _ = cv2.findContours(dense, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found: list[tuple[int, Box]] = []
    for contour in contours:
        left, top, wide, high = cv2.boundingRect(contour)
        x1, y1 = 2 * left, 2 * top
        # The half-size picture of an odd side ends one pixel early.
        x2 = width if left + wide == half[0] else 2 * (left + wide)
        y2 = height if top + high == half[1] else 2 * (top + high)
        changed_px = cv2.countNonZero(mask[y1:y2, x1:x2])
        if changed_px >= min_area_px:
            found.append((changed_px, _tightened(mask, (x1, y1, x2, y2))))
    found.sort(reverse=True)
    boxes = [box for _, box in found[:_MAX_PIECES]]
    return [box for box in boxes if min(box[2] - box[0], box[3] - box[1]) >= _MIN_SIDE_PX]


def _tightened(mask: U8, box: Box) -> Box:
    """`box` without empty borders."""
    x1, y1, x2, y2 = box
    left, top, wide, high = cv2.boundingRect(mask[y1:y2, x1:x2])
    return x1 + left, y1 + top, x1 + left + wide, y1 + top + high


def _belong_together(a: Box, b: Box, leniency: float) -> bool:
    # Runs for every pair: comparisons cost a third of calls to min and max.
    left, inner_left = (a[0], b[0]) if a[0] < b[0] else (b[0], a[0])
    inner_right, right = (a[2], b[2]) if a[2] < b[2] else (b[2], a[2])
    top = a[1] if a[1] < b[1] else b[1]
    bottom = a[3] if a[3] > b[3] else b[3]
    wide_a, wide_b = a[2] - a[0], b[2] - b[0]
    narrower = wide_a if wide_a < wide_b else wide_b
    stacked = inner_right - inner_left >= _STACKED_OVERLAP * narrower
    growth = leniency * (_STACKED_GROWTH if stacked else _JOIN_GROWTH)
    both = wide_a * (a[3] - a[1]) + wide_b * (b[3] - b[1])
    return (right - left) * (bottom - top) <= growth * both


def _joined(boxes: list[Box], leniency: float) -> list[Box]:
    """Boxes joined as long as any two belong together."""
    result: list[Box] = []
    waiting = boxes[::-1]
    while waiting:
        box = waiting.pop()
        for i, other in enumerate(result):
            if _belong_together(box, other, leniency):
                del result[i]
                waiting.append(_union(box, other))  # larger now: it may reach others
                break
        else:
            result.append(box)
    return result


def _parted(mask: U8, box: Box) -> list[Box]:
    """`box` cut where people walk side by side.

    Seen from the side a group is a row of hills: each column's number of changed pixels has
    a valley between two people, whereas a car's or a single person's has not.
    """
    x1, y1, x2, y2 = box
    wide, high = x2 - x1, y2 - y1
    if wide <= _WIDE * high or wide < 2 * _PART_MIN_PX:
        return [box]
    part = mask[y1:y2, x1:x2]
    columns = cv2.reduce(part, 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()
    left = np.maximum.accumulate(columns)
    right = np.maximum.accumulate(columns[::-1])[::-1]
    depth = (columns / np.maximum(np.minimum(left, right), 1e-6))[_PART_MIN_PX:-_PART_MIN_PX]
    if depth.size == 0:
        return [box]
    cut = int(np.argmin(depth))
    if depth[cut] > _VALLEY:
        return [box]
    middle = x1 + _PART_MIN_PX + cut
    halves = (_tightened(mask, (x1, y1, middle, y2)), _tightened(mask, (middle, y1, x2, y2)))
    return [part for half in halves for part in _parted(mask, half)]
