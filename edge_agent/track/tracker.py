"""Follows people from detection to detection. All durations are seconds of media time."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from edge_agent.config.schema import PersonConfig
from edge_agent.domain import Detection, Region, Track
from edge_agent.geometry import BBox, is_part_of, shows_same_person
from edge_agent.track.association import (
    SURE_GATE,
    WEAK_GATE,
    Expected,
    Gate,
    match,
    without_doubles,
)
from edge_agent.track.box_filter import BoxFilter
from edge_agent.track.look_back import LookBack, whereabouts
from edge_agent.track.state import PersonState, TrackerState

#: A tracked person is looked at again after this, and never later than MAX_UNLOOKED_S: the
#: background model absorbs who stands still, so motion alone would lose them.
LOOK_AGAIN_S = 0.8
MAX_UNLOOKED_S = 1.0
#: After a look that found nobody: several more chances before they count as gone.
LOOK_FOR_MISSING_S = 0.4
#: What was not confirmed for this long (a coat on its hook that scored once like a person)
#: is looked at seldom, for each look costs an inference.
DOUBTFUL_AFTER_S = 10.0
LOOK_AT_DOUBTFUL_S = 4.0

#: Frames come with jitter and times are floats.
_TIME_SLACK_S = 0.01
#: The region of a look, in sizes of the person: detectors want surroundings.
_CONTEXT = 1.8
#: A person is covered by a region that shows this share of them.
_COVERED = 0.7
_TENTATIVE_HANDICAP = 0.4
_UNSEEN_HANDICAP_PER_S = 0.2


class _Person:
    """One track's mutable state."""

    def __init__(self, track_id: int, detection: Detection, at_s: float) -> None:
        self.track_id = track_id
        self.filter = BoxFilter(detection.bbox, at_s)
        self.first_bbox = self.last_bbox = self.expected = detection.bbox
        self.looked_at = True  # in this frame, wholly enough to be found
        self.first_s = self.seen_s = self.looked_s = at_s
        self.missing_since_s: float | None = None
        self.score = self.top_score = detection.score
        self.recent: deque[tuple[float, float]] = deque([(at_s, detection.score)])
        self.sure_height = detection.bbox.h
        self.looks = 1
        self.confirmed = False

    def state(self) -> PersonState:
        return PersonState(
            track_id=self.track_id,
            filter=self.filter.state(),
            first_bbox=self.first_bbox,
            last_bbox=self.last_bbox,
            first_s=self.first_s,
            seen_s=self.seen_s,
            looked_s=self.looked_s,
            missing_since_s=self.missing_since_s,
            score=self.score,
            top_score=self.top_score,
            recent=tuple(self.recent),
            sure_height=self.sure_height,
            looks=self.looks,
            confirmed=self.confirmed,
        )

    @classmethod
    def restored(cls, state: PersonState, offset_s: float) -> _Person:
        """On a timeline that begins `offset_s` later."""
        person = cls(state.track_id, Detection(state.first_bbox, state.score), 0.0)
        person.filter = BoxFilter.restored(state.filter, offset_s)
        person.last_bbox = person.expected = state.last_bbox
        person.first_s, person.seen_s = state.first_s - offset_s, state.seen_s - offset_s
        person.looked_s = state.looked_s - offset_s
        missing_s = state.missing_since_s
        person.missing_since_s = None if missing_s is None else missing_s - offset_s
        person.top_score = state.top_score
        person.recent = deque((at_s - offset_s, score) for at_s, score in state.recent)
        person.sure_height, person.looks = state.sure_height, state.looks
        person.confirmed = state.confirmed
        return person

    def expect(self, searched: Sequence[BBox], at_s: float) -> None:
        """Before anything of the frame of `at_s` is known: where, and whether it was seen."""
        self.expected = self.bbox(at_s)
        inside = self.expected.clipped()
        self.looked_at = any(
            inside.intersection_frac(region) >= _COVERED * inside.area_frac for region in searched
        )

    def found(self, detection: Detection, at_s: float) -> None:
        """Seen; a crop that could only show a piece of the person does not shrink them."""
        if self.looked_at or not is_part_of(detection.bbox, self.expected):
            self.filter.correct(detection.bbox, at_s)
            self.last_bbox = detection.bbox
        self.seen_s = self.looked_s = at_s
        self.missing_since_s = None
        self.score = detection.score
        self.top_score = max(self.top_score, detection.score)
        self.recent.append((at_s, detection.score))
        self.looks += 1

    def missed(self, at_s: float) -> None:
        """Looked at, not found. Time that nobody looked does not count as missing."""
        if self.missing_since_s is None:
            self.missing_since_s = max(self.seen_s, at_s - MAX_UNLOOKED_S)
        self.looked_s = at_s

    def bbox(self, at_s: float) -> BBox:
        return self.filter.predicted(at_s)

    def confidence(self, looks: int, window_s: float, at_s: float) -> float:
        while self.recent and self.recent[0][0] < at_s - window_s - _TIME_SLACK_S:
            self.recent.popleft()
        scores = sorted((score for _, score in self.recent), reverse=True)
        return scores[looks - 1] if len(scores) >= looks else 0.0


class Tracker:
    """Implements `pipeline.TrackStage` for one camera. Not thread-safe.

    `high_score` divides sure detections from weak ones: the lowest confirm threshold of the
    camera and its zones. Sure detections choose their tracks first and begin new ones; weak
    ones then keep alive who is half hidden, and nothing else (Zhang et al. 2022, ByteTrack).
    The assignment is optimal in overlap and distance.

    Ids count up from 1 and are never used again. A track lives while it was found within
    `lost_after_s`; time during which nobody looked where it should be does not count.
    """

    def __init__(self, config: PersonConfig, *, high_score: float) -> None:
        self._config = config
        self._high_score = high_score
        self._people: list[_Person] = []
        self._next_id = 1
        self._updated_s = 0.0
        self._past = LookBack()

    def due(self, at_s: float) -> Sequence[Region]:
        """Where to look now for people nobody looked at lately, whatever motion says."""
        return self.look_at((), at_s)

    def look_at(self, moving: Sequence[Region], at_s: float) -> Sequence[Region]:
        """All that the detector should see of this frame: motion, and who is due.

        Of somebody who stands, only the edges move: head, hem, a foot. Detectors take such a
        piece for a person. So a moving region that touches a tracked person grows until it
        shows that person with surroundings, and all pieces of one person are one region.
        """
        wanted = {
            person.track_id: _surroundings(person, at_s)
            for person in self._people
            if self._is_due(person, at_s)
        }
        elsewhere = []
        for region in moving:
            touched = [
                person
                for person in self._people
                if person.bbox(at_s).intersection_frac(region.bbox) > 0
            ]
            for person in touched:
                wanted.setdefault(person.track_id, _surroundings(person, at_s))
            if touched:
                first = touched[0].track_id
                wanted[first] = wanted[first].union(region.bbox)
            else:
                elsewhere.append(region)
        return [*elsewhere, *(Region(bbox) for bbox in _outermost(list(wanted.values())))]

    def reset(self) -> None:
        """Forget everybody; ids go on."""
        self._people, self._past = [], LookBack()

    def state(self) -> bytes:
        """What the next recording of this camera needs."""
        self._trace_back()
        people = tuple(person.state() for person in self._people)
        return msgspec.msgpack.encode(TrackerState(self._next_id, self._updated_s, people))

    def restore(self, data: bytes, offset_s: float) -> None:
        """Go on from `state` of a recording that began `offset_s` before this one.

        Raises ValueError or msgspec.MsgspecError for what is no such state.
        """
        state = msgspec.msgpack.decode(data, type=TrackerState)
        self._people = [_Person.restored(person, offset_s) for person in state.people]
        self._next_id, self._updated_s = state.next_id, state.updated_s - offset_s

    def update(
        self, detections: Sequence[Detection], searched: Sequence[BBox], at_s: float
    ) -> Sequence[Track]:
        """Take in what the detector found in the `searched` parts of the frame of `at_s`."""
        self._trace_back()
        self._updated_s = at_s
        self._people = [person for person in self._people if not self._is_gone(person, at_s)]
        for person in self._people:
            person.expect(searched, at_s)
        found = without_doubles(detections)
        sure = [detection for detection in found if detection.score >= self._high_score]
        weak = [detection for detection in found if detection.score < self._high_score]
        strangers = self._associate(sure, SURE_GATE, at_s)
        self._associate(weak, WEAK_GATE, at_s)
        for detection in strangers:
            self._begin(detection, at_s)
        for person in self._people:
            if person.seen_s == at_s and person.score >= self._high_score:
                person.sure_height = person.last_bbox.h
            elif person.seen_s < at_s and person.looked_at:
                person.missed(at_s)
        return [self._track(person, at_s) for person in self._people]

    def look_back_at(self, at_s: float) -> Sequence[Region]:
        """Where those may have been at `at_s` whom the newest frame showed for the first time."""
        return [
            Region(whereabouts(person.first_bbox, person.first_s - at_s))
            for person in self._newest()
            if at_s < person.first_s
        ]

    def look_back(self, detections: Sequence[Detection], at_s: float) -> None:
        """Take in what a frame of before shows; the next `update` draws the conclusion."""
        self._past.add(detections, at_s)

    def _newest(self) -> list[_Person]:
        return [person for person in self._people if person.first_s >= self._updated_s]

    def _trace_back(self) -> None:
        if not self._past:
            return
        newest = self._newest()
        others = [person.last_bbox for person in self._people if person not in newest]
        first = [(person.first_bbox, person.first_s) for person in newest]
        came = self._past.trace(first, others, sure_score=self._high_score)
        for person, (bbox, at_s) in zip(newest, came, strict=True):
            person.first_bbox, person.first_s = bbox, at_s
        self._past = LookBack()

    def _associate(
        self, detections: Sequence[Detection], gate: Gate, at_s: float
    ) -> list[Detection]:
        """Give each person not yet found their detection; returns those of nobody."""
        people = [person for person in self._people if person.seen_s < at_s]
        expected = [self._expected(person, at_s) for person in people]
        pairs = match(expected, detections, gate)
        for row, column in pairs:
            people[row].found(detections[column], at_s)
        taken = {column for _, column in pairs}
        return [detection for i, detection in enumerate(detections) if i not in taken]

    def _expected(self, person: _Person, at_s: float) -> Expected:
        unseen_s = at_s - person.seen_s
        tentative = person.looks < self._config.confirm_looks
        handicap = _UNSEEN_HANDICAP_PER_S * min(unseen_s, 2.0)
        handicap += _TENTATIVE_HANDICAP if tentative else 0.0
        return Expected(person.expected, unseen_s, handicap, person.sure_height)

    def _begin(self, detection: Detection, at_s: float) -> None:
        """A new person, unless it is a double or a piece of one who was just found."""
        for person in self._people:
            if person.seen_s == at_s and (
                shows_same_person(detection.bbox, person.last_bbox)
                or is_part_of(detection.bbox, person.expected)
            ):
                return
        self._people.append(_Person(self._next_id, detection, at_s))
        self._next_id += 1

    def _is_gone(self, person: _Person, at_s: float) -> bool:
        since_s = person.missing_since_s
        return since_s is not None and at_s - since_s > self._config.lost_after_s - _TIME_SLACK_S

    def _is_due(self, person: _Person, at_s: float) -> bool:
        if person.missing_since_s is not None:
            interval_s = LOOK_FOR_MISSING_S
        elif not person.confirmed and at_s - person.first_s > DOUBTFUL_AFTER_S:
            interval_s = LOOK_AT_DOUBTFUL_S
        else:
            # The next chance comes one frame later; at low rates that would be too late.
            interval_s = min(LOOK_AGAIN_S, MAX_UNLOOKED_S - (at_s - self._updated_s))
        return at_s - person.looked_s > interval_s - _TIME_SLACK_S

    def _track(self, person: _Person, at_s: float) -> Track:
        config = self._config
        confidence = person.confidence(config.confirm_looks, config.confirm_window_s, at_s)
        person.confirmed |= confidence >= self._high_score
        return Track(
            track_id=person.track_id,
            bbox=person.bbox(at_s),
            score=person.score,
            top_score=person.top_score,
            confidence=confidence,
            first_s=person.first_s,
            seen_s=person.seen_s,
            looks=person.looks,
            first_bbox=person.first_bbox,
        )


def _surroundings(person: _Person, at_s: float) -> BBox:
    return person.bbox(at_s).union(person.last_bbox).scaled(_CONTEXT).clipped()


def _outermost(boxes: list[BBox]) -> list[BBox]:
    """Without those that another one shows anyway."""
    boxes.sort(key=lambda box: -box.area_frac)
    kept: list[BBox] = []
    for box in boxes:
        if not any(box.intersection_frac(other) >= 0.999 * box.area_frac for other in kept):
            kept.append(box)
    return kept
