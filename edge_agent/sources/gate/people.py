"""People whom the tracker follows, seen from the gate: who needs every picture, who does not.

Somebody who sits and reads needs no full decode: the tracker looks at them on each keyframe,
and only when they move, or are not found there, everything is decoded again. Of somebody who
walked and is not found any more nothing is expected: had they only stopped, the background would
still differ where they are, and that motion keeps the gate open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.domain import Track
from edge_agent.geometry import BBox

#: Who kept their place for this long is still.
STILL_AFTER_S = 4.0
#: In heights of the person.
_MOVED = 0.25
_GREW = 1.3
#: The tracker looks at everybody at least each 0.8 s; who was not seen for longer is missed.
_MISSED_S = 0.9
#: Who walked is waited for until the tracker looked a second time.
_WALKED_S = 1.3
#: Who kept still and is missed is waited for until the tracker finds them or gives up.
_MISSED_FOR_S = 0.5
#: Never confirmed for so long: a coat on its hook. It is looked at like everything else.
_DOUBTFUL_AFTER_S = 10.0
#: A still person's hands and shadow move around them.
_AROUND = 1.4
#: A moving region is theirs when this share of it lies around them.
_THEIRS = 0.7


@dataclass(slots=True)
class _Place:
    bbox: BBox
    since_s: float
    seen_s: float
    confirmed: bool = False


class PeopleWatch:
    """Fed the tracks of every analysed frame."""

    def __init__(self) -> None:
        self._places: dict[int, _Place] = {}
        self._still: list[BBox] = []
        self._boxes: list[BBox] = []
        #: Every picture is wanted until then, as far as is known now.
        self.wanted_until_s = float("-inf")
        self.restless = False  # somebody moves or is new
        self.appeared = False  # somebody was found for the first time
        self.missed = False  # somebody who kept still was looked for and not found

    @property
    def boxes(self) -> Sequence[BBox]:
        return self._boxes

    def update(self, tracks: Sequence[Track], at_s: float) -> None:
        known, self._places = self._places, {}
        self._still, self._boxes = [], []
        self.wanted_until_s = float("-inf")
        self.restless = self.appeared = self.missed = False
        for track in tracks:
            place = known.get(track.track_id)
            if place is None:
                place = _Place(track.bbox, at_s, track.seen_s)
                self.appeared = True
            elif track.seen_s > place.seen_s:
                place.seen_s = track.seen_s
                if _moved(place.bbox, track.bbox):
                    place.bbox, place.since_s = track.bbox, at_s
            place.confirmed |= track.confidence > 0
            self._places[track.track_id] = place
            if not place.confirmed and at_s - track.first_s > _DOUBTFUL_AFTER_S:
                continue
            self._boxes.append(track.bbox)
            unseen_s = at_s - place.seen_s
            if place.seen_s - place.since_s < STILL_AFTER_S:
                self.restless |= unseen_s <= _WALKED_S
                self._want(place.seen_s + _WALKED_S)
            elif unseen_s > _MISSED_S:
                self.missed = True
                self._want(at_s + _MISSED_FOR_S)
            else:
                self._still.append(track.bbox)

    def _want(self, until_s: float) -> None:
        self.wanted_until_s = max(self.wanted_until_s, until_s)

    def explain(self, bbox: BBox) -> bool:
        """Is motion there only that of somebody who stays where they are?"""
        area = bbox.area_frac
        return any(
            bbox.intersection_frac(still.scaled(_AROUND)) >= _THEIRS * area for still in self._still
        )


def _moved(before: BBox, now: BBox) -> bool:
    low, high = sorted((before.h, now.h))
    (x1, y1), (x2, y2) = before.center, now.center
    # Fractions of width and height differ; a person's own size is the measure of both.
    return (
        abs(x2 - x1) > _MOVED * 2 * max(before.w, now.w)
        or abs(y2 - y1) > _MOVED * high
        or high > _GREW * low
    )
