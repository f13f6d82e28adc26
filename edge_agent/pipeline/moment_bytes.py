"""Moments as few bytes: what a running agent keeps of the looks around somebody.

Fractions of the frame are kept in steps of 0.00003, scores rounded down in steps of 0.00002, so
that a threshold proposed from them is one that was reached. Pure.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.domain import Detection, Lighting, Motion, Region, RuleHit, Track
from edge_agent.geometry import BBox
from edge_agent.pipeline.near_miss import Faint
from edge_agent.pipeline.rehearsal import Moment

#: captured_s, weekminute, blind, lighting, changed_frac; how many regions, searched, detections,
#: hits.
_HEAD = struct.Struct("<dHBBf4B")
_BOX = struct.Struct("<4H")
_FOUND = struct.Struct("<5H")
_HIT = struct.Struct("<d4H")
_LIGHTINGS = tuple(Lighting)
#: What a head counts of each; more never matters.
_MOST = 255
#: Boxes reach out of the frame by half of it, at most.
_SHIFT, _STEPS = 0.5, 32767.0
_FULL = 65535


@dataclass(frozen=True, slots=True)
class KeptMoment:
    """One frame as numbers, and who was told in it."""

    moment: Moment
    hits: tuple[RuleHit, ...]


def packed_moment(moment: Moment, hits: Sequence[RuleHit] = ()) -> bytes:
    motion, faint = moment.motion, moment.faint
    regions, searched = motion.regions[:_MOST], faint.searched[:_MOST]
    detections, hits = faint.detections[:_MOST], hits[:_MOST]
    head = _HEAD.pack(
        moment.at_s,
        moment.weekminute,
        moment.blind,
        _LIGHTINGS.index(motion.lighting),
        motion.changed_frac,
        len(regions),
        len(searched),
        len(detections),
        len(hits),
    )
    if not (regions or searched or detections or hits):
        return head
    boxes = [region.bbox for region in (*regions, *searched)]
    boxes += [each.bbox for each in detections]
    boxes += [hit.track.bbox for hit in hits]
    steps, begin = _steps(boxes), len(regions) + len(searched)
    end = begin + len(detections)
    found = np.empty((len(detections), 5), "<u2")
    found[:, :4] = steps[begin:end]
    found[:, 4] = [_score(each.score) for each in detections]
    places = steps[end:].tolist()
    told = [_HIT.pack(hit.since_s, *place) for hit, place in zip(hits, places, strict=True)]
    return b"".join((head, steps[:begin].tobytes(), found.tobytes(), *told))


def unpacked_moments(data: bytes) -> Iterator[KeptMoment]:
    """Of concatenated ones. Raises ValueError or struct.error for what are none."""
    at = 0
    while at < len(data):
        at_s, weekminute, blind, light, changed, *counts = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        boxes, found, hits = [], [], []
        for _ in range(counts[0] + counts[1]):
            boxes.append(Region(_bbox(*_BOX.unpack_from(data, at))))
            at += _BOX.size
        for _ in range(counts[2]):
            *steps, score = _FOUND.unpack_from(data, at)
            found.append(Detection(_bbox(*steps), score / _FULL))
            at += _FOUND.size
        for _ in range(counts[3]):
            since_s, *steps = _HIT.unpack_from(data, at)
            hits.append(_hit(_bbox(*steps), since_s, at_s))
            at += _HIT.size
        if not math.isfinite(at_s) or light >= len(_LIGHTINGS):
            raise ValueError("no moment")
        motion = Motion(tuple(boxes[: counts[0]]), changed, _LIGHTINGS[light])
        faint = Faint(tuple(boxes[counts[0] :]), tuple(found))
        yield KeptMoment(Moment(at_s, weekminute, motion, faint, bool(blind)), tuple(hits))


def _hit(bbox: BBox, since_s: float, at_s: float) -> RuleHit:
    """Of a hit nothing but its place and since when is kept."""
    return RuleHit(Track(0, bbox, 1.0, 1.0, 1.0, since_s, at_s, 1), since_s, (), ())


def _steps(boxes: Sequence[BBox]) -> NDArray[np.uint16]:
    """(boxes, 4). All of a frame at once: it is done for every frame in which anything moves."""
    sides = np.array([side for box in boxes for side in (box.x, box.y, box.w, box.h)])
    shifted = sides.reshape(-1, 4) + np.array((_SHIFT, _SHIFT, 0.0, 0.0))
    steps: NDArray[np.uint16] = np.clip(np.rint(shifted * _STEPS), 0, _FULL).astype("<u2")
    return steps


def _bbox(x: int, y: int, w: int, h: int) -> BBox:
    return BBox(x / _STEPS - _SHIFT, y / _STEPS - _SHIFT, w / _STEPS, h / _STEPS)


def _score(score: float) -> int:
    return min(max(math.floor(score * _FULL), 0), _FULL)
