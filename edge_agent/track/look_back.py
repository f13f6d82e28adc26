"""Follows people backwards from their first detection to where they came in.

While nothing happens only keyframes are decoded. Who is found in one by the detector alone
(in rain, where motion says nothing) came some time after the keyframe before it; the pictures
in between are decoded then, and looked through here.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.domain import Detection
from edge_agent.geometry import WIDTH_IN_HEIGHTS, BBox, shows_same_person
from edge_agent.track.association import Expected, Gate, match, without_doubles

#: Detectors want surroundings: in sizes of the person.
_CONTEXT = 1.8
#: How fast somebody may have come, in heights a second: a brisk walk.
_SPEED = 1.5
#: For how long they may not have been found on the way.
_GAP_S = 0.7


class LookBack:
    """What the detector found in recalled frames, in whatever order they came."""

    def __init__(self) -> None:
        self._looks: list[tuple[float, Sequence[Detection]]] = []

    def __bool__(self) -> bool:
        return bool(self._looks)

    def add(self, detections: Sequence[Detection], at_s: float) -> None:
        self._looks.append((at_s, without_doubles(detections)))

    def trace(
        self, bbox: BBox, first_s: float, gate: Gate, others: Sequence[BBox]
    ) -> tuple[BBox, float]:
        """The first detection of somebody who is known to be at `bbox` at `first_s`.

        `gate` says how far they get from look to look; `others` were there already, and are not
        them.
        """
        for at_s, detections in sorted(self._looks, key=lambda look: -look[0]):
            if first_s - at_s > _GAP_S:
                break
            strangers = [
                detection
                for detection in detections
                if not any(shows_same_person(detection.bbox, other) for other in others)
            ]
            later = Expected(bbox, first_s - at_s, 0.0, bbox.h)
            for _, column in match([later], strangers, gate):
                bbox, first_s = strangers[column].bbox, at_s
        return bbox, first_s


def whereabouts(bbox: BBox, before_s: float) -> BBox:
    """The part of the picture where somebody who is at `bbox` was `before_s` ago."""
    around, heights = bbox.scaled(_CONTEXT), _SPEED * before_s
    # Of who comes in, half is to be seen: the height says more than the width.
    margin_y = heights * bbox.h
    margin_x = max(heights * bbox.w / WIDTH_IN_HEIGHTS, margin_y / 2)
    return BBox(
        around.x - margin_x, around.y - margin_y, around.w + 2 * margin_x, around.h + 2 * margin_y
    ).clipped()
