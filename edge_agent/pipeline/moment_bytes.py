"""Moments and near misses as few bytes: what a running agent keeps of the looks around somebody.

Fractions of the frame are kept in steps of 0.00003, scores rounded down in steps of 0.00002, so
that a threshold proposed from them is one that was reached. Pure.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence

from edge_agent.domain import Detection, Lighting, Motion, Region
from edge_agent.geometry import BBox
from edge_agent.pipeline.near_miss import Faint, NearMiss, Sighting
from edge_agent.pipeline.rehearsal import Moment

#: captured_s, weekminute, blind, lighting, changed_frac; how many regions, searched, detections.
_HEAD = struct.Struct("<dHBBfBBB")
_BOX = struct.Struct("<4H")
_FOUND = struct.Struct("<5H")
#: captured_s, weekminute, looked; bbox and score.
_SIGHTING = struct.Struct("<dHB5H")
_LIGHTINGS = tuple(Lighting)
#: What a head counts of each; more never matters.
_MOST = 255
#: Boxes reach out of the frame by half of it, at most.
_SHIFT, _STEPS = 0.5, 32767.0
_FULL = 65535


def packed_moment(moment: Moment) -> bytes:
    motion, faint = moment.motion, moment.faint
    regions, searched = motion.regions[:_MOST], faint.searched[:_MOST]
    detections = faint.detections[:_MOST]
    head = _HEAD.pack(
        moment.at_s,
        moment.weekminute,
        moment.blind,
        _LIGHTINGS.index(motion.lighting),
        motion.changed_frac,
        len(regions),
        len(searched),
        len(detections),
    )
    boxes = [_BOX.pack(*_steps(region.bbox)) for region in (*regions, *searched)]
    found = [_FOUND.pack(*_steps(each.bbox), _score(each.score)) for each in detections]
    return b"".join((head, *boxes, *found))


def unpacked_moments(data: bytes) -> Iterator[Moment]:
    """Of concatenated ones. Raises ValueError or struct.error for what are none."""
    at = 0
    while at < len(data):
        at_s, weekminute, blind, light, changed, *counts = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        boxes = []
        for _ in range(counts[0] + counts[1]):
            boxes.append(Region(_bbox(*_BOX.unpack_from(data, at))))
            at += _BOX.size
        found = []
        for _ in range(counts[2]):
            *steps, score = _FOUND.unpack_from(data, at)
            found.append(Detection(_bbox(*steps), score / _FULL))
            at += _FOUND.size
        if not math.isfinite(at_s) or light >= len(_LIGHTINGS):
            raise ValueError("no moment")
        motion = Motion(tuple(boxes[: counts[0]]), changed, _LIGHTINGS[light])
        faint = Faint(tuple(boxes[counts[0] :]), tuple(found))
        yield Moment(at_s, weekminute, motion, faint, bool(blind))


def packed_sightings(sightings: Sequence[Sighting]) -> bytes:
    return b"".join(
        _SIGHTING.pack(
            each.at_s, each.weekminute, each.looked, *_steps(each.bbox), _score(each.score)
        )
        for each in sightings
    )


def unpacked_miss(data: bytes) -> NearMiss:
    """Raises ValueError or struct.error for what is none."""
    sightings = tuple(
        Sighting(at_s, weekminute, _bbox(*steps), score / _FULL, bool(looked))
        for at_s, weekminute, looked, *steps, score in _SIGHTING.iter_unpack(data)
    )
    if not sightings or not all(math.isfinite(each.at_s) for each in sightings):
        raise ValueError("no near miss")
    return NearMiss(sightings)


def _steps(bbox: BBox) -> tuple[int, int, int, int]:
    return _step(bbox.x + _SHIFT), _step(bbox.y + _SHIFT), _step(bbox.w), _step(bbox.h)


def _step(value: float) -> int:
    return min(max(round(value * _STEPS), 0), _FULL)


def _bbox(x: int, y: int, w: int, h: int) -> BBox:
    return BBox(x / _STEPS - _SHIFT, y / _STEPS - _SHIFT, w / _STEPS, h / _STEPS)


def _score(score: float) -> int:
    return min(max(math.floor(score * _FULL), 0), _FULL)
