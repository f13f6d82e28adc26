"""Follows people backwards from their first detection to where they came in.

While nothing happens only keyframes are decoded. Who is found in one by the detector alone
(in rain, where motion says nothing) came some time after the keyframe before it; the pictures
in between are decoded then, and looked through here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.domain import Detection
from edge_agent.geometry import WIDTH_IN_HEIGHTS, BBox, shows_same_person
from edge_agent.track.association import (
    SURE_GATE,
    WEAK_GATE,
    Expected,
    Gate,
    match,
    without_doubles,
)

#: Detectors want surroundings: in sizes of the person.
_CONTEXT = 1.8
#: How fast somebody may have come, in heights a second: a brisk walk.
_SPEED = 1.5
#: For how long they may not have been found on the way.
_GAP_S = 0.7
#: Who was lost on the way stands back behind who was not.
_HANDICAP_PER_S = 1.0


@dataclass(slots=True)
class _Newcomer:
    """How far back somebody has been followed, and their earliest sure detection."""

    bbox: BBox
    at_s: float
    first: tuple[BBox, float]


class LookBack:
    """What the detector found in recalled frames, in whatever order they came."""

    def __init__(self) -> None:
        self._looks: list[tuple[float, Sequence[Detection]]] = []

    def __bool__(self) -> bool:
        return bool(self._looks)

    def add(self, detections: Sequence[Detection], at_s: float) -> None:
        self._looks.append((at_s, without_doubles(detections)))

    def trace(
        self, newcomers: Sequence[tuple[BBox, float]], others: Sequence[BBox], *, sure_score: float
    ) -> list[tuple[BBox, float]]:
        """Where and when each of the newcomers came in.

        They are known from a place and moment on; `others` were there already and are not them.
        As forwards, weak detections lead on to sure ones and begin nobody.
        """
        traced = [_Newcomer(bbox, at_s, (bbox, at_s)) for bbox, at_s in newcomers]
        for at_s, detections in sorted(self._looks, key=lambda look: -look[0]):
            strangers = [
                detection
                for detection in detections
                if not any(shows_same_person(detection.bbox, other) for other in others)
            ]
            sure = [detection for detection in strangers if detection.score >= sure_score]
            weak = [detection for detection in strangers if detection.score < sure_score]
            for detection, newcomer in _step(traced, sure, SURE_GATE, at_s):
                newcomer.first = (detection.bbox, at_s)
            _step(traced, weak, WEAK_GATE, at_s)
        return [newcomer.first for newcomer in traced]


def _step(
    traced: Sequence[_Newcomer], detections: Sequence[Detection], gate: Gate, at_s: float
) -> list[tuple[Detection, _Newcomer]]:
    """Follow those who can be followed to the look of `at_s`; each detection is of one person."""
    later = [one for one in traced if 0 < one.at_s - at_s <= _GAP_S]
    expected = [
        Expected(one.bbox, gap_s, _HANDICAP_PER_S * gap_s, one.first[0].h)
        for one in later
        for gap_s in [one.at_s - at_s]
    ]
    pairs = [(detections[column], later[row]) for row, column in match(expected, detections, gate)]
    for detection, newcomer in pairs:
        newcomer.bbox, newcomer.at_s = detection.bbox, at_s
    return pairs


def whereabouts(bbox: BBox, before_s: float) -> BBox:
    """The part of the picture where somebody who is at `bbox` was `before_s` ago."""
    around, heights = bbox.scaled(_CONTEXT), _SPEED * before_s
    # Of who comes in, half is to be seen: the height says more than the width.
    margin_y = heights * bbox.h
    margin_x = max(heights * bbox.w / WIDTH_IN_HEIGHTS, margin_y / 2)
    return BBox(
        around.x - margin_x, around.y - margin_y, around.w + 2 * margin_x, around.h + 2 * margin_y
    ).clipped()
