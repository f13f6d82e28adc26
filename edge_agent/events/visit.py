"""One person's event while it is open: their tracks, their best picture, their messages."""

from __future__ import annotations

from collections.abc import Mapping

from edge_agent.domain import BestFrame, EndReason, Event, RuleHit, SnapshotRef
from edge_agent.events.best_frame import BestPicture
from edge_agent.events.lifecycle import EventFacts, Identity, OpenEvent
from edge_agent.events.state import VisitState, moved_hit
from edge_agent.geometry import BBox, heights_apart, shows_same_person

#: Two tracks of one event that stay apart this long are two people after all; no box of one person
#: is wrong by more than a body's height for longer than a look.
APART_S = 1.5
FAR_APART_S = 0.5
_FAR_APART_HEIGHTS = 1.0
_APART_HEIGHTS = 0.5
_APART_IOU = 0.1
#: A track seen within this time is in the picture now (one look at >= 1/s may fail).
_PRESENT_S = 1.2

_SLACK_S = 0.01

#: How far a person may turn up from where they were lost, in heights of a person: at once,
#: more with every second (a brisk walk is 1 m/s across the picture), and at most.
_REAPPEAR_HEIGHTS = 0.6
_REAPPEAR_HEIGHTS_PER_S = 1.2
_REAPPEAR_MOST_HEIGHTS = 2.0
#: Heights may differ by this factor: they come back half hidden.
_REAPPEAR_GROWTH = 2.5
#: A broken track's second piece may begin while the first still clings to a remainder.
_PIECES_OVERLAP_S = 1.0


class Visit:
    """A person and the tracks that were found to be them. Mutable; owned by PersonEvents."""

    def __init__(self, identity: Identity, hit: RuleHit) -> None:
        self.open = OpenEvent(identity)
        self.snapshot: SnapshotRef | None = None
        self.hits: dict[int, RuleHit] = {}  # of this frame, oldest track first
        self._tracks: list[int] = []
        self._apart_since_s: dict[int, float] = {}
        self._main = hit
        self._top_score = 0.0
        self._entered: list[str] = []
        self._best = BestPicture(hit.track.bbox)
        self.join(hit)

    def state(self) -> VisitState:
        return VisitState(
            open=self.open.state(),
            snapshot=self.snapshot,
            hits=tuple(self.hits.values()),
            tracks=tuple(self._tracks),
            apart_since_s=self._apart_since_s,
            main=self._main,
            top_score=self._top_score,
            entered=tuple(self._entered),
            best=self._best.state(),
        )

    @classmethod
    def restored(cls, state: VisitState, offset_s: float) -> Visit:
        """On a timeline that begins `offset_s` later."""
        main = moved_hit(state.main, offset_s)
        visit = cls(state.open.identity, main)
        visit.open = OpenEvent.restored(state.open, offset_s)
        visit.snapshot = state.snapshot
        hits = [moved_hit(hit, offset_s) for hit in state.hits]
        visit.hits = {hit.track.track_id: hit for hit in hits}
        visit._tracks = list(state.tracks)
        visit._apart_since_s = {
            track_id: since_s - offset_s for track_id, since_s in state.apart_since_s.items()
        }
        visit._top_score, visit._entered = state.top_score, list(state.entered)
        visit._best = BestPicture.restored(state.best, offset_s)
        return visit

    # --- whose hit is it? ---------------------------------------------------------------

    def take(self, hits: Mapping[int, RuleHit]) -> None:
        """A new frame: pick the hits of tracks already known to be this person."""
        self.hits = {}
        for track_id in self._tracks:
            if track_id in hits:
                self._absorb(hits[track_id])

    def join(self, hit: RuleHit) -> None:
        """This track, too, is the person."""
        self._tracks.append(hit.track.track_id)
        whole_life = hit.since_s <= hit.track.first_s
        self._top_score = max(self._top_score, hit.track.top_score if whole_life else 0.0)
        self._absorb(hit)

    def is_doubled_by(self, hit: RuleHit, at_s: float) -> bool:
        """Whether a new track shows the person a second time in the same picture."""
        return any(
            _present(own, at_s) and shows_same_person(hit.track.bbox, own.track.bbox)
            for own in self.hits.values()
        )

    def resumes_with(self, hit: RuleHit, hold_s: float) -> bool:
        """Whether a new track is the person, lost a moment ago, found again nearby."""
        track = hit.track
        gap_s = max(hit.since_s, track.first_s) - self.seen_s
        if not -_PIECES_OVERLAP_S <= gap_s <= hold_s:
            return False
        begun = track.first_bbox if track.first_bbox is not None else track.bbox
        lost = self._main.track.bbox
        low, high = sorted((begun.h, lost.h))
        reach = _REAPPEAR_HEIGHTS + _REAPPEAR_HEIGHTS_PER_S * max(gap_s, 0.0)
        return high <= _REAPPEAR_GROWTH * low and heights_apart(lost, begun) <= min(
            reach, _REAPPEAR_MOST_HEIGHTS
        )

    def leave_apart(self, at_s: float) -> tuple[RuleHit, float] | None:
        """A hit that proved to be somebody else, and since when; it is dropped here."""
        seen = [hit for hit in self.hits.values() if _present(hit, at_s)]
        for hit in seen[1:]:
            track_id, bbox = hit.track.track_id, hit.track.bbox
            if not _is_apart(seen[0].track.bbox, bbox):
                self._apart_since_s.pop(track_id, None)
                continue
            since_s = self._apart_since_s.setdefault(track_id, at_s)
            far = heights_apart(seen[0].track.bbox, bbox) > _FAR_APART_HEIGHTS
            if at_s - since_s >= (FAR_APART_S if far else APART_S) - _SLACK_S:
                self._tracks.remove(track_id)
                del self.hits[track_id], self._apart_since_s[track_id]
                self._main = seen[0]
                return hit, since_s
        return None

    # --- state --------------------------------------------------------------------------

    @property
    def seen_s(self) -> float:
        return self._main.track.seen_s

    def facts(self, count: int) -> EventFacts:
        return EventFacts(
            score=self._main.track.score,
            top_score=self._top_score,
            bbox=self._main.track.bbox.clipped(),
            count=count,
            zones_current=self._main.zones_current if self.hits else (),
            zones_entered=tuple(self._entered),
            snapshot=self.snapshot,
        )

    def best_frame(self, at_s: float) -> BestFrame | None:
        """Set when the frame of `at_s` is the best picture of the person so far."""
        if not self._best.is_of(at_s):
            return None
        event_id = self.open.identity.event_id
        return BestFrame(event_id, self._best.bbox.clipped(), self._best.score)

    def end(self, count: int, reason: EndReason, at_s: float) -> Event:
        end_s = at_s if reason is EndReason.SPLIT else self.seen_s
        return self.open.end(self.facts(count), end_s, reason, at_s)

    def split(self, identity: Identity, count: int, at_s: float) -> list[Event]:
        """End here and carry on under a new id, with a new best picture."""
        ended = self.end(count, EndReason.SPLIT, at_s)
        self.open = OpenEvent(identity)
        self.snapshot, self._best = None, BestPicture(self._main.track.bbox)
        self._tracks = list(self.hits)
        self._top_score = self._main.track.score
        self._entered = list(self._main.zones_current)
        if self.seen_s == at_s:
            self._best.offer(self._main.track.bbox, self._main.track.score, at_s)
        return [ended, self.open.start(self.facts(count), at_s)]

    def _absorb(self, hit: RuleHit) -> None:
        track = hit.track
        self.hits[track.track_id] = hit
        if (track.seen_s, track.score) >= (self.seen_s, self._main.track.score) or (
            track.track_id == self._main.track.track_id
        ):
            self._main = hit
        self._top_score = max(self._top_score, track.score)
        self._entered += [zone for zone in hit.zones_entered if zone not in self._entered]
        if self._main is hit:
            self._best.offer(track.bbox, track.score, track.seen_s)


def _present(hit: RuleHit, at_s: float) -> bool:
    return at_s - hit.track.seen_s <= _PRESENT_S


def _is_apart(one: BBox, other: BBox) -> bool:
    return one.iou(other) < _APART_IOU and heights_apart(one, other) > _APART_HEIGHTS
