"""Follows people from detection to detection. All durations are seconds of media time."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from edge_agent.config.schema import PersonConfig
from edge_agent.domain import Detection, Region, Track
from edge_agent.geometry import BBox, heights_apart, is_part_of, shows_same_person
from edge_agent.track.association import (
    SURE_GATE,
    WEAK_GATE,
    Expected,
    Gate,
    match,
    without_doubles,
)
from edge_agent.track.look_back import LookBack, whereabouts
from edge_agent.track.looks import FOLLOW_S, TIME_SLACK_S, LookPolicy, Subject
from edge_agent.track.person import Person
from edge_agent.track.state import TrackerState

#: The region of a look, in sizes of the person: detectors want surroundings.
_CONTEXT = 1.8
#: Two who are nearer than this many heights may be mistaken for each other at the next look: half
#: a second is half a step for both and a detector's error.
_CROWDED_HEIGHTS = 1.5
_TENTATIVE_HANDICAP = 0.4
_UNSEEN_HANDICAP_PER_S = 0.2
#: The confirm rule's looks must fit into its window with something to spare.
_SPARE = 0.75


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
        self._people: list[Person] = []
        self._next_id = 1
        self._updated_s = 0.0
        self._past = LookBack()
        follow_s = min(FOLLOW_S, _SPARE * config.confirm_window_s / config.confirm_looks)
        self._policy = LookPolicy(follow_s)
        self._moving: tuple[float, Sequence[BBox]] = (0.0, ())

    def look_at(self, moving: Sequence[Region], at_s: float) -> Sequence[Region]:
        """All that the detector should see of this frame (`LookPolicy`)."""
        self._moving = at_s, [region.bbox for region in moving]
        boxes = [person.bbox(at_s) for person in self._people]
        crowded = _crowded(boxes)
        subjects = [
            self._subject(person, bbox, crowded=i in crowded)
            for i, (person, bbox) in enumerate(zip(self._people, boxes, strict=True))
        ]
        return self._policy.look_at(moving, subjects, at_s, self._updated_s)

    def reset(self) -> None:
        """Forget everybody; ids go on."""
        self._people, self._past = [], LookBack()
        self._policy.reset()

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
        self._people = [Person.restored(person, offset_s) for person in state.people]
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
        self._mind_motion(at_s)
        found = without_doubles(detections)
        sure = [detection for detection in found if detection.score >= self._high_score]
        weak = [detection for detection in found if detection.score < self._high_score]
        strangers = self._associate(sure, SURE_GATE, at_s)
        suspects = self._associate(weak, WEAK_GATE, at_s)
        for detection in strangers:
            self._begin(detection, at_s)
        self._policy.learn(searched, [each for each in suspects if not self._is_known(each)], at_s)
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

    def _newest(self) -> list[Person]:
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
        sure = gate is SURE_GATE
        people = [
            person
            for person in self._people
            if person.seen_s < at_s and (sure or self._is_believed(person))
        ]
        expected = [self._expected(person, at_s) for person in people]
        pairs = match(expected, detections, gate)
        for row, column in pairs:
            people[row].found(detections[column], at_s, sure=sure)
        taken = {column for _, column in pairs}
        return [detection for i, detection in enumerate(detections) if i not in taken]

    def _mind_motion(self, at_s: float) -> None:
        """Give what moves in this frame to whom it is of; where two claim it, to the nearer."""
        moved_s, moving = self._moving
        boxes = moving if moved_s == at_s else ()
        owned: dict[int, list[BBox]] = {person.track_id: [] for person in self._people}
        for box in boxes:
            nearest, most = None, 0.0
            for person in self._people:
                share = person.expected.intersection_frac(box)
                if share > most:
                    nearest, most = person, share
            if nearest is not None:
                owned[nearest.track_id].append(box)
        for person in self._people:
            person.mind_motion(owned[person.track_id], at_s)

    def _is_believed(self, person: Person) -> bool:
        return person.is_believed(self._config.lost_after_s)

    def _expected(self, person: Person, at_s: float) -> Expected:
        unseen_s = at_s - person.seen_s
        tentative = person.looks < self._config.confirm_looks
        handicap = _UNSEEN_HANDICAP_PER_S * min(unseen_s, 2.0)
        handicap += _TENTATIVE_HANDICAP if tentative else 0.0
        anchored = person.doubt_s > 0 and not person.moves
        return Expected(person.expected, unseen_s, handicap, person.sure_height, anchored)

    def _is_known(self, detection: Detection) -> bool:
        """Whether this is a double or a piece of somebody who was just found."""
        return any(
            shows_same_person(detection.bbox, person.last_bbox)
            or is_part_of(detection.bbox, person.expected)
            for person in self._people
            if person.seen_s == self._updated_s
        )

    def _subject(self, person: Person, bbox: BBox, *, crowded: bool) -> Subject:
        return Subject(
            bbox=bbox,
            around=bbox.around(person.last_bbox, _CONTEXT),
            since_s=person.first_s,
            looked_s=person.looked_s,
            confirmed=person.confirmed,
            found=person.missing_since_s is None,
            sure=person.score >= self._high_score,
            crowded=crowded,
        )

    def _begin(self, detection: Detection, at_s: float) -> None:
        """A new person, unless it is a double or a piece of one who was just found."""
        if not self._is_known(detection):
            self._people.append(Person(self._next_id, detection, at_s))
            self._next_id += 1

    def _is_gone(self, person: Person, at_s: float) -> bool:
        since_s = person.missing_since_s
        return since_s is not None and at_s - since_s > self._config.lost_after_s - TIME_SLACK_S

    def _track(self, person: Person, at_s: float) -> Track:
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
            seen_s=person.supported_s,
            moved_s=person.moved_s,
            looks=person.looks,
            first_bbox=person.first_bbox,
        )


def _crowded(boxes: Sequence[BBox]) -> set[int]:
    """Those, by index, who have somebody else near."""
    found = set()
    for i, one in enumerate(boxes):
        for j in range(i):
            if heights_apart(one, boxes[j]) < _CROWDED_HEIGHTS:
                found |= {i, j}
    return found
