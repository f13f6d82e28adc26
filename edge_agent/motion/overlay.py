"""Burnt-in clocks: text that the camera writes into its picture, and that changes each second.

Such a clock moves for ever and is nobody. It gives itself away by its beat: the pixels of its
seconds change once a second and stand still in between, as nothing alive does. Where it shows
parts of a second, or only keyframes are looked at, by its line: what changes is wider than high,
free of the picture's rim, and its upper and lower edge never move.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np

from edge_agent.domain import U8
from edge_agent.motion.blobs import Box

#: Beats in a row that make a clock, and how evenly they come: pictures are 0.2 s apart.
BEATS = 8
_BEAT_ALIGNED_FRAC = 0.4  # digits differ in a part of their height
_BEAT_MIN_S, _BEAT_MAX_S = 0.65, 1.35
#: Text is light with a dark rim, or dark on light: a stroke that goes changes at least so much.
_STROKE_LEVELS = 40
_STROKE_PX = 2
#: Text stands at the picture's edge and is low: shares of the picture's height.
_MAX_HEIGHT_FRAC = 0.14
_EDGE_FRAC = 0.25
#: The rest of the line, in heights of the digits: date and hours to the left, a zone to the right.
_LEFT, _RIGHT, _AROUND = 14.0, 4.0, 0.35
#: Pictures further apart than this cannot show a beat.
_MAX_STEP_S = 0.5
#: The line must be seen for so long and so often, nearly always between the same edges, and
#: something in it must change about each second.
LINE_S, _LINE_SIGHTINGS = 12.0, 10
_EDGE_PX, _ALIGNED_FRAC = 2, 0.75
_WIDE = 1.2
#: A single digit is narrow as people are, so it has to keep still for longer and all the time.
DIGIT_S, _DIGIT_ALIGNED_FRAC = 15.0, 0.85
_STROKE_EVERY_S = 1.6
_FORGET_S = 10.0
_MAX_SPOTS = 8
#: A beat shows in neighbouring pictures only. What may become a clock after so many beats, or so
#: long a line, is worth them: but not for longer than this, all in all.
_SUSPECT_BEATS, _SUSPECT_LINE_S = 3, 3.0
SUSPECT_S = 20.0


@dataclass(slots=True)
class _Spot:
    """A small thing at the edge that differs from the background."""

    box: Box
    seen_s: float
    begun_s: float
    sightings: int = 1
    aligned: int = 1  # of them, with the edges of the first
    strokes: int = 0  # pictures in which something came or went
    beats: deque[float] = field(default_factory=lambda: deque(maxlen=2 * (BEATS + 1)))


class OverlayWatch:
    """Fed every picture at working size with its blobs; finds the boxes of clocks."""

    def __init__(self) -> None:
        self._previous: U8 | None = None
        self._at_s = 0.0
        self._spots: list[_Spot] = []
        self._suspected_s = 0.0
        self.suspects = False  # every picture is worth looking at: a clock may be found soon

    def update(self, picture: U8, blobs: Sequence[Box], at_s: float) -> Box | None:
        """The line of text that a clock was found in just now, in pixels; None: none was."""
        previous, step_s = self._previous, at_s - self._at_s
        self._at_s, self.suspects = at_s, False
        self._note(blobs, picture.shape[0], at_s)
        if not self._spots:
            self._previous = None
            return None
        self._previous = picture.copy()
        if previous is None or step_s <= 0:
            return None
        for spot in self._spots:
            if step_s > _MAX_STEP_S:
                spot.beats.clear()
            if _changed(picture, previous, spot.box):
                spot.strokes += 1
                spot.beats.append(at_s)
            if _beats(spot) or _is_line(spot, picture.shape[0]):
                line = _line_of(spot.box, picture.shape)
                self._spots = [one for one in self._spots if not _overlap(one.box, line)]
                return line
        self._suspect(picture.shape[0], step_s)
        return None

    def _suspect(self, height: int, step_s: float) -> None:
        if self._suspected_s < SUSPECT_S and any(
            _has_beats(spot, _SUSPECT_BEATS) or _is_line(spot, height, _SUSPECT_LINE_S)
            for spot in self._spots
        ):
            self.suspects = True
            self._suspected_s += step_s

    def _note(self, blobs: Sequence[Box], height: int, at_s: float) -> None:
        for blob in blobs:
            if not _may_be_text(blob, height):
                continue
            spot = next((one for one in self._spots if _overlap(one.box, blob)), None)
            if spot is None:
                if len(self._spots) < _MAX_SPOTS:
                    self._spots.append(_Spot(blob, at_s, at_s))
                continue
            union = _union(spot.box, blob)
            if not _may_be_text(union, height):
                self._spots.remove(spot)  # it goes away from there: no text
                continue
            if not _aligned(spot.box, union):  # the line is higher than was known
                spot.begun_s, spot.sightings, spot.aligned, spot.strokes = at_s, 0, 0, 0
            spot.sightings += 1
            spot.aligned += _aligned(union, blob)
            spot.box, spot.seen_s = union, at_s
        self._spots = [spot for spot in self._spots if at_s - spot.seen_s <= _FORGET_S]


def _beats(spot: _Spot) -> bool:
    return spot.aligned >= _BEAT_ALIGNED_FRAC * spot.sightings and _has_beats(spot, BEATS)


def _has_beats(spot: _Spot, beats: int) -> bool:
    """The newest, one a second; where colons blink, too, each second one."""
    times = list(spot.beats)
    once, twice = times[-beats - 1 :], times[-2 * beats - 2 :]
    even = _is_even(once, beats) or (_is_even(twice[::2], beats) and _is_even(twice[1::2], beats))
    return even and once[0] >= spot.begun_s  # the line did not grow since


def _is_even(times: Sequence[float], beats: int) -> bool:
    """Do so many come at one a second?"""
    if len(times) <= beats:
        return False
    even = all(_BEAT_MIN_S <= later - earlier <= _BEAT_MAX_S for earlier, later in pairwise(times))
    return even and abs((times[-1] - times[0]) / beats - 1.0) < 0.05


def _is_line(spot: _Spot, height: int, after_s: float = LINE_S) -> bool:
    x1, y1, x2, y2 = spot.box
    lasted_s = spot.seen_s - spot.begun_s
    wide = x2 - x1 >= _WIDE * (y2 - y1)
    return (
        lasted_s >= (after_s if wide else after_s + DIGIT_S - LINE_S)
        and spot.sightings >= _LINE_SIGHTINGS
        and spot.aligned >= (_ALIGNED_FRAC if wide else _DIGIT_ALIGNED_FRAC) * spot.sightings
        and spot.strokes * _STROKE_EVERY_S >= lasted_s
        and y1 > 0
        and y2 < height
    )


def _aligned(line: Box, blob: Box) -> bool:
    return abs(line[1] - blob[1]) <= _EDGE_PX and abs(line[3] - blob[3]) <= _EDGE_PX


def _changed(picture: U8, previous: U8, box: Box) -> bool:
    """Did strokes come or go since the picture before?"""
    x1, y1, x2, y2 = box
    difference = cv2.absdiff(picture[y1:y2, x1:x2], previous[y1:y2, x1:x2])
    return int(np.count_nonzero(difference >= _STROKE_LEVELS)) >= _STROKE_PX


def _may_be_text(box: Box, height: int) -> bool:
    low = box[3] - box[1] <= _MAX_HEIGHT_FRAC * height
    middle = (box[1] + box[3]) / 2
    return low and (middle <= _EDGE_FRAC * height or middle >= (1 - _EDGE_FRAC) * height)


def _line_of(box: Box, shape: tuple[int, ...]) -> Box:
    high = box[3] - box[1]
    around = round(_AROUND * high) + 1
    return (
        max(0, round(box[0] - _LEFT * high)),
        max(0, box[1] - around),
        min(shape[1], round(box[2] + _RIGHT * high)),
        min(shape[0], box[3] + around),
    )


def _overlap(a: Box, b: Box) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def _union(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
