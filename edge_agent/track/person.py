"""One track's mutable state: where somebody is, and how sure that is."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from edge_agent.domain import Detection
from edge_agent.geometry import BBox, is_part_of
from edge_agent.track.box_filter import BoxFilter
from edge_agent.track.looks import MAX_UNLOOKED_S, TIME_SLACK_S
from edge_agent.track.state import TrackState

#: A person is covered by a region that shows this share of them.
_COVERED = 0.7
#: Motion is of a person when so much of it, or of them, is shared.
_MOTION_IN_PERSON, _PERSON_IN_MOTION = 0.5, 0.25
#: Weak sightings that nothing moving supports are believed for so long in a row (or for
#: `lost_after_s` if that is longer), for a score near the threshold flickers: in 4 s there are ten
#: looks, one of which is sure for whoever is sure now and then.
BRIDGE_S = 4.0


class Person:
    """One track's mutable state."""

    def __init__(self, track_id: int, detection: Detection, at_s: float) -> None:
        self.track_id = track_id
        self.filter = BoxFilter(detection.bbox, at_s)
        self.first_bbox = self.last_bbox = self.expected = detection.bbox
        self.looked_at = True  # in this frame, wholly enough to be found
        self.first_s = self.seen_s = self.looked_s = at_s
        self.supported_s = at_s  # newest sighting that was sure, or of something that moves
        self.doubt_s = 0.0  # time with looks since then; that nobody looks says nothing
        self.moved_s = float("-inf")  # when something last moved within their box
        self.moves = False  # something does, at their place in this frame
        self.missing_since_s: float | None = None
        self.score = self.top_score = detection.score
        self.recent: deque[tuple[float, float]] = deque([(at_s, detection.score)])
        self.sure_height = detection.bbox.h
        self.looks = 1
        self.confirmed = False

    def state(self) -> TrackState:
        return TrackState(
            track_id=self.track_id,
            filter=self.filter.state(),
            first_bbox=self.first_bbox,
            last_bbox=self.last_bbox,
            first_s=self.first_s,
            seen_s=self.seen_s,
            looked_s=self.looked_s,
            supported_s=self.supported_s,
            doubt_s=self.doubt_s,
            moved_s=self.moved_s,
            missing_since_s=self.missing_since_s,
            score=self.score,
            top_score=self.top_score,
            recent=tuple(self.recent),
            sure_height=self.sure_height,
            looks=self.looks,
            confirmed=self.confirmed,
        )

    @classmethod
    def restored(cls, state: TrackState, offset_s: float) -> Person:
        """On a timeline that begins `offset_s` later."""
        person = cls(state.track_id, Detection(state.first_bbox, state.score), 0.0)
        person.filter = BoxFilter.restored(state.filter, offset_s)
        person.last_bbox = person.expected = state.last_bbox
        person.first_s, person.seen_s = state.first_s - offset_s, state.seen_s - offset_s
        person.looked_s = state.looked_s - offset_s
        person.supported_s = state.supported_s - offset_s
        person.moved_s, person.doubt_s = state.moved_s - offset_s, state.doubt_s
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

    def found(self, detection: Detection, at_s: float, *, sure: bool) -> None:
        """Seen; a crop that could only show a piece of the person does not shrink them.

        What scores too little to begin a track, and does not move, bridges only some seconds: a
        dark corner looks a little like a person for ever.
        """
        if self.looked_at or not is_part_of(detection.bbox, self.expected):
            self.filter.correct(detection.bbox, at_s)
            self.last_bbox = detection.bbox
        if sure or self.moves:
            self.supported_s, self.doubt_s = at_s, 0.0
        else:
            self.doubt_s += min(at_s - self.looked_s, MAX_UNLOOKED_S)
        self.seen_s = self.looked_s = at_s
        self.missing_since_s = None
        self.score = detection.score
        self.top_score = max(self.top_score, detection.score)
        self.recent.append((at_s, detection.score))
        self.looks += 1

    def mind_motion(self, moving: Sequence[BBox], at_s: float) -> None:
        """Whether any of `moving`, which are of nobody else, is theirs."""
        box = self.expected.clipped()
        shares = [(region, box.intersection_frac(region)) for region in moving]
        inside = any(shared >= _MOTION_IN_PERSON * region.area_frac for region, shared in shares)
        across = any(shared >= _PERSON_IN_MOTION * box.area_frac for _, shared in shares)
        self.moves = inside or across
        if inside:  # what only passes there does not make a statue move
            self.moved_s = at_s

    def is_believed(self, lost_after_s: float) -> bool:
        """Whether a weak sighting may be them; beyond that they are as good as missing."""
        return self.moves or self.doubt_s <= max(lost_after_s, BRIDGE_S) - TIME_SLACK_S

    def missed(self, at_s: float) -> None:
        """Looked at, not found. Time that nobody looked does not count as missing."""
        if self.missing_since_s is None:
            self.missing_since_s = max(self.seen_s, at_s - MAX_UNLOOKED_S) - self.doubt_s
        self.looked_s = at_s

    def bbox(self, at_s: float) -> BBox:
        return self.filter.predicted(at_s)

    def confidence(self, looks: int, window_s: float, at_s: float) -> float:
        while self.recent and self.recent[0][0] < at_s - window_s - TIME_SLACK_S:
            self.recent.popleft()
        scores = sorted((score for _, score in self.recent), reverse=True)
        return scores[looks - 1] if len(scores) >= looks else 0.0
