"""Person events: one per person, over broken tracks, pauses and doubles."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.config.schema import PersonConfig
from edge_agent.domain import (
    BestFrame,
    CameraId,
    EndReason,
    Event,
    EventId,
    Label,
    RuleHit,
    SnapshotRef,
)
from edge_agent.events.governor import Governor
from edge_agent.events.lifecycle import Identity, NewEventId
from edge_agent.events.state import VisitState
from edge_agent.events.visit import Visit


class PersonEvents:
    """Opens, updates and ends the person events of one camera. Not thread-safe.

    When a person is lost, their event is held: a track that began nearby within `hold_s` of
    the moment they were last seen carries it on (a broken track, a pillar, a cool-down).
    The hold counts from the last sighting, not from the tracker's giving up, so that the
    next visitor through the same door `hold_s` later has an event of their own. Because a
    new track needs time to be confirmed, the end is told `confirm_window_s` after that.
    """

    def __init__(
        self,
        camera: CameraId,
        config: PersonConfig,
        new_id: NewEventId,
        governor: Governor | None = None,
    ) -> None:
        """`governor` None: everybody is told at once, as of a recording."""
        self._governor = governor
        self._camera, self._new_id = camera, new_id
        self._hold_s = max(config.lost_after_s, config.cooldown_s)
        self._linger_s = self._hold_s + config.confirm_window_s
        self._visits: list[Visit] = []
        self._not_before_s = float("-inf")

    @property
    def count(self) -> int:
        """People in the picture now; those whose event is only held do not count."""
        return sum(1 for visit in self._visits if visit.hits)

    def update(self, hits: Sequence[RuleHit], at_s: float) -> list[Event]:
        by_track = {hit.track.track_id: hit for hit in hits}
        for visit in self._visits:
            visit.take(by_track)
        known = {track_id for visit in self._visits for track_id in visit.hits}
        fresh = [hit for track_id, hit in by_track.items() if track_id not in known]
        before = len(self._visits)
        for hit in sorted(fresh, key=lambda hit: (hit.since_s, hit.track.track_id)):
            self._place(hit, at_s)
        self._separate(at_s)
        return self._messages(self._visits[before:], at_s)

    def close(self, reason: EndReason, at_s: float) -> list[Event]:
        """End everything; who is still there later begins a new event, not before `at_s`."""
        ended = [visit.end(0, reason, at_s) for visit in self._visits]
        self._visits = []
        self._not_before_s = at_s
        return ended

    def state(self) -> tuple[tuple[VisitState, ...], float]:
        return tuple(visit.state() for visit in self._visits), self._not_before_s

    def restore(self, visits: Sequence[VisitState], not_before_s: float, offset_s: float) -> None:
        self._visits = [Visit.restored(visit, offset_s) for visit in visits]
        self._not_before_s = not_before_s - offset_s

    def best_frames(self, at_s: float) -> list[BestFrame]:
        found = [visit.best_frame(at_s) for visit in self._visits]
        return [best for best in found if best is not None]

    def attach_snapshot(self, event_id: EventId, ref: SnapshotRef) -> bool:
        """False when that event has ended."""
        for visit in self._visits:
            if visit.open.identity.event_id == event_id:
                visit.snapshot = ref
                return True
        return False

    def _place(self, hit: RuleHit, at_s: float) -> None:
        """Give a new track to the person it shows, or open a visit for them."""
        doubled = [visit for visit in self._visits if visit.is_doubled_by(hit, at_s)]
        lost = [visit for visit in self._visits if visit.resumes_with(hit, self._hold_s)]
        if doubled or lost:
            owner = doubled[0] if doubled else max(lost, key=lambda visit: visit.seen_s)
            owner.join(hit)
        elif self._governor is None or self._governor.admits(hit, at_s):
            self._open(hit, hit.since_s, at_s)

    def _separate(self, at_s: float) -> None:
        """Two people taken for one (they entered as one silhouette) become two."""
        for visit in list(self._visits):
            found = visit.leave_apart(at_s)
            if found is not None:
                self._open(*found, at_s)

    def _open(self, hit: RuleHit, since_s: float, at_s: float) -> None:
        start_s = max(since_s, self._not_before_s)
        self._visits.append(Visit(self._identity(start_s, None, at_s), hit))

    def _identity(self, start_s: float, continues: EventId | None, at_s: float) -> Identity:
        event_id = self._new_id(Label.PERSON, at_s)
        return Identity(event_id, self._camera, Label.PERSON, start_s, continues)

    def _messages(self, opened: Sequence[Visit], at_s: float) -> list[Event]:
        count = self.count
        messages: list[Event] = []
        for visit in list(self._visits):
            if visit in opened:
                messages.append(visit.open.start(visit.facts(count), at_s))
            elif not visit.hits:
                if at_s - visit.seen_s > self._linger_s:
                    self._visits.remove(visit)
                    messages.append(visit.end(count, EndReason.GONE, at_s))
            elif visit.open.must_split(at_s):
                before = visit.open.identity.event_id
                messages += visit.split(self._identity(at_s, before, at_s), count, at_s)
            elif news := visit.open.update(visit.facts(count), at_s):
                messages.append(news)
        return messages
