"""Which parts of a picture are worth an inference: those where a look can change a decision.

    nobody known there, something moves     at once; less and less often while it is in vain
    somebody who may be a person            in every picture, less often after a while
    a confirmed person who walks            twice a second: motion says that they are still there
    two of them within some steps           in every picture: who is who?
    a confirmed person who stands           once a second: the background has absorbed them
    somebody who was not found, or hardly   soon again

Pure: people, motion and time in, regions out. What the detector found is told by `learn`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.domain import Detection, Region
from edge_agent.geometry import BBox

#: A confirmed walker; less where the confirm rule wants more looks within its window.
FOLLOW_S = 0.5
#: A tracked person is looked at again after this, and never later than MAX_UNLOOKED_S: the
#: background model absorbs who stands still, so motion alone would lose them.
LOOK_AGAIN_S = 0.8
MAX_UNLOOKED_S = 1.0
#: After a look that found nobody, or nobody for sure: several more chances before they count as
#: gone.
LOOK_SOON_S = 0.4
#: Who keeps still and was not confirmed for this long is looked at less often.
UNCONFIRMED_S = 2.0
#: What was not confirmed for this long (a coat on its hook that scored once like a person, a bush)
#: is looked at seldom, for each look costs an inference, and it may be there all day.
DOUBTFUL_AFTER_S = 10.0
LOOK_AT_DOUBTFUL_S = 4.0

#: So many looks at a place where something moves find nobody before it is looked at less often,
#: and after so many still less.
_AT_ONCE_LOOKS, _SOON_LOOKS = 5, 25
_VAIN_S = 0.8
#: A candidate is a reason to look closely for so long.
_SUSPECTED_S = 1.0
#: Where nothing moved and nobody was suspected for this long, motion is new motion.
_FORGET_S = 2.0
_MOST_PLACES = 16
#: A region is of a place that shows this share of it, and is not much larger than it.
_SAME_PLACE = 0.6
_MUCH_LARGER = 4.0
#: A region is only of people when their surroundings show this share of it.
_EXPLAINED = 0.65
#: When an inference is made anyway, it also shows whoever would be due within half their time.
_ALONG = 0.5
#: Frames come with jitter and times are floats.
TIME_SLACK_S = 0.01


@dataclass(frozen=True, slots=True)
class Subject:
    """What matters of a tracked person."""

    bbox: BBox  # where they are expected now
    around: BBox  # the same with surroundings
    since_s: float
    looked_s: float
    confirmed: bool
    found: bool  # by the newest look
    sure: bool  # that look scored enough to confirm
    crowded: bool  # somebody else is near


@dataclass(slots=True)
class _Place:
    """Where something moved, or looked a little like a person, and nobody is known."""

    bbox: BBox
    looks: int = 0
    looked_s: float = float("-inf")
    moved_s: float = float("-inf")
    suspected_s: float = float("-inf")

    def covers(self, box: BBox) -> bool:
        return box.intersection_frac(self.bbox) >= _SAME_PLACE * box.area_frac

    def interval_s(self, at_s: float) -> float:
        suspected = at_s - self.suspected_s <= _SUSPECTED_S
        if self.looks < _AT_ONCE_LOOKS or (suspected and self.looks < _SOON_LOOKS):
            return 0.0
        return LOOK_SOON_S if suspected or self.looks < _SOON_LOOKS else _VAIN_S

    def is_due(self, at_s: float) -> bool:
        return at_s - self.looked_s > self.interval_s(at_s) - TIME_SLACK_S

    def is_suspect(self, at_s: float) -> bool:
        """Nothing moves, but a few more looks may tell whether that is a person."""
        waits = at_s - self.looked_s > LOOK_SOON_S - TIME_SLACK_S
        return waits and self.looks < _AT_ONCE_LOOKS and at_s - self.suspected_s <= _SUSPECTED_S


class LookPolicy:
    """One camera's. Not thread-safe; deterministic.

    `follow_s`: how often a confirmed walker is looked at.
    """

    def __init__(self, follow_s: float = FOLLOW_S) -> None:
        self._follow_s = follow_s
        self._places: list[_Place] = []
        self._elsewhere: list[BBox] = []

    def look_at(
        self, moving: Sequence[Region], subjects: Sequence[Subject], at_s: float, last_s: float
    ) -> list[Region]:
        """All that the detector should see of the frame of `at_s`; the last one was at `last_s`.

        Of somebody who stands, only the edges move: head, hem, a foot. Detectors take such a
        piece for a person. So a moving region that touches a tracked person grows until it
        shows that person with surroundings, and all pieces of one person are one region.
        """
        boxes = [region.bbox for region in moving]
        touching = {
            i: [box for box in boxes if subject.bbox.intersection_frac(box) > 0]
            for i, subject in enumerate(subjects)
        }
        touched = {id(box) for boxes in touching.values() for box in boxes}
        elsewhere = [
            region
            for region in moving
            if id(region.bbox) not in touched or not _is_explained(region.bbox, subjects)
        ]
        self._elsewhere = [region.bbox for region in elsewhere]
        new = [region for region in elsewhere if self._is_due(region.bbox, at_s)]
        alone = [region for region in new if id(region.bbox) not in touched]
        suspects = [Region(place.bbox) for place in self._places if place.is_suspect(at_s)]
        waits = {
            i: (at_s - subject.looked_s + TIME_SLACK_S)
            / max(self.interval_s(subject, bool(touching[i]), at_s, last_s), TIME_SLACK_S)
            for i, subject in enumerate(subjects)
        }
        paid = bool(new or suspects) or any(wait > 1 for wait in waits.values())
        chosen = [i for i, wait in waits.items() if wait > (_ALONG if paid else 1)]
        # A region that several people share is looked at for all of them.
        shared = [box for i in chosen for box in touching[i]] + [region.bbox for region in new]
        chosen += [
            i for i in waits if i not in chosen and any(box in shared for box in touching[i])
        ]
        return [*alone, *suspects, *_people(chosen, subjects, touching)]

    def interval_s(self, subject: Subject, moves: bool, at_s: float, last_s: float) -> float:
        """How long after the last look the next one is worth its cost; 0: in every picture."""
        if not subject.found:
            return 0.0 if moves else LOOK_SOON_S
        if not subject.confirmed:
            return _unconfirmed_s(at_s - subject.since_s, moves)
        if moves:
            return 0.0 if subject.crowded else self._follow_s
        if subject.crowded or not subject.sure:
            return LOOK_SOON_S
        # The next chance comes one frame later; at low rates that would be too late.
        return min(LOOK_AGAIN_S, MAX_UNLOOKED_S - (at_s - last_s))

    def learn(self, searched: Sequence[BBox], strangers: Sequence[Detection], at_s: float) -> None:
        """`strangers`: detections in `searched` too weak to begin a track, of nobody known."""
        for box in self._elsewhere:
            place = self._place_of(box)
            place.moved_s = at_s
            if place.bbox.area_frac < box.area_frac:
                place.bbox = box
        for stranger in strangers:
            self._place_of(stranger.bbox).suspected_s = at_s
        for place in self._places:
            if any(place.bbox.intersection_frac(s) > 0.5 * place.bbox.area_frac for s in searched):
                place.looks += 1
                place.looked_s = at_s
        self._places = [
            place
            for place in self._places
            if at_s - max(place.moved_s, place.suspected_s) <= _FORGET_S
        ][-_MOST_PLACES:]
        self._elsewhere = []

    def reset(self) -> None:
        self._places, self._elsewhere = [], []

    def _is_due(self, box: BBox, at_s: float) -> bool:
        place = self._find(box)
        return place is None or place.is_due(at_s)

    def _find(self, box: BBox) -> _Place | None:
        return next(
            (
                place
                for place in self._places
                if place.covers(box) and place.bbox.area_frac <= _MUCH_LARGER * box.area_frac
            ),
            None,
        )

    def _place_of(self, box: BBox) -> _Place:
        place = self._find(box)
        if place is None:
            place = _Place(box)
            self._places.append(place)
        return place


def _is_explained(region: BBox, subjects: Sequence[Subject]) -> bool:
    """Whether what moves there is but those whom it touches: somebody new may be beside them."""
    shown = sum(subject.around.intersection_frac(region) for subject in subjects)
    return shown >= _EXPLAINED * region.area_frac


def _unconfirmed_s(age_s: float, moves: bool) -> float:
    """Between two looks at somebody who is tracked for `age_s` without being confirmed."""
    if moves:
        return 0.0 if age_s <= DOUBTFUL_AFTER_S else LOOK_SOON_S
    if age_s <= UNCONFIRMED_S:
        return 0.0
    return LOOK_AGAIN_S if age_s <= DOUBTFUL_AFTER_S else LOOK_AT_DOUBTFUL_S


def _people(
    chosen: Sequence[int], subjects: Sequence[Subject], touching: dict[int, list[BBox]]
) -> list[Region]:
    """The regions that show these people and all that moves on them."""
    boxes: list[BBox] = []
    given: list[BBox] = []
    for i in chosen:
        box = subjects[i].around
        for region in touching[i]:
            if region not in given:
                given.append(region)
                box = box.union(region)
        boxes.append(box)
    return [Region(box) for box in _outermost(boxes)]


def _outermost(boxes: list[BBox]) -> list[BBox]:
    """Without those that another one shows anyway."""
    boxes.sort(key=lambda box: -box.area_frac)
    kept: list[BBox] = []
    for box in boxes:
        if not any(box.intersection_frac(other) >= 0.999 * box.area_frac for other in kept):
            kept.append(box)
    return kept
