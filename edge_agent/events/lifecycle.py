"""One event from start to end: its messages, their order, and when an update is due.

    start (rev 0) -> update (rev 1, 2, ...) -> end, all under one event id

Updates are coalesced: at most one per 10 s in the first minute, then one per 60 s, and
none while nothing changed (docs/mqtt.md). After an hour an event is split, so that every
event has a bounded length and a lost end is noticed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from edge_agent.domain import CameraId, EndReason, Event, EventId, Label, Phase, SnapshotRef
from edge_agent.geometry import BBox

UPDATE_EVERY_S = 10.0
FIRST_MINUTE_S = 60.0
LATER_UPDATE_EVERY_S = 60.0
SPLIT_AFTER_S = 3600.0

#: Below these nobody is told: a standing person's bbox breathes, scores flicker.
_SAME_PLACE_IOU = 0.7
_SCORE_STEP = 0.05
_SLACK_S = 0.01  # frame times are floats with jitter


#: Gives a fresh ULID for an event with this label, whose first message speaks of this moment.
NewEventId = Callable[[Label, float], EventId]


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What a message tells of an event at one moment."""

    score: float
    top_score: float
    bbox: BBox | None
    count: int = 0
    zones_current: tuple[str, ...] = ()
    zones_entered: tuple[str, ...] = ()
    snapshot: SnapshotRef | None = None

    def differs_from(self, told: EventFacts) -> bool:
        """Whether somebody who was told `told` would want to know."""
        return (
            self.count != told.count
            or self.zones_current != told.zones_current
            or self.zones_entered != told.zones_entered
            or self.snapshot != told.snapshot
            or self.top_score >= told.top_score + _SCORE_STEP - 1e-9
            or _moved(self.bbox, told.bbox)
        )


def _moved(now: BBox | None, before: BBox | None) -> bool:
    if now is None or before is None:
        return now is not before
    return now.iou(before) < _SAME_PLACE_IOU


@dataclass(frozen=True, slots=True)
class Identity:
    """What stays the same in all messages of one event."""

    event_id: EventId
    camera: CameraId
    label: Label
    start_s: float
    continues: EventId | None = None


class OpenState(msgspec.Struct, frozen=True, array_like=True):
    """An `OpenEvent`, for the next recording of the same camera."""

    identity: Identity
    rev: int
    told: EventFacts
    started_s: float
    told_s: float


class OpenEvent:
    """An event that was started and has not ended. Builds its messages, in order."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self._rev = 0
        self._told = EventFacts(0.0, 0.0, None)
        self._started_s = self._told_s = identity.start_s

    def state(self) -> OpenState:
        return OpenState(self.identity, self._rev, self._told, self._started_s, self._told_s)

    @classmethod
    def restored(cls, state: OpenState, offset_s: float) -> OpenEvent:
        """On a timeline that begins `offset_s` later."""
        identity = replace(state.identity, start_s=state.identity.start_s - offset_s)
        event = cls(identity)
        event._rev, event._told = state.rev, state.told
        event._started_s, event._told_s = state.started_s - offset_s, state.told_s - offset_s
        return event

    def start(self, facts: EventFacts, at_s: float) -> Event:
        self._started_s = at_s
        return self._message(Phase.START, facts, at_s)

    def update(self, facts: EventFacts, at_s: float) -> Event | None:
        """An update if one is due and there is news."""
        young = at_s - self._started_s < FIRST_MINUTE_S + _SLACK_S
        interval_s = UPDATE_EVERY_S if young else LATER_UPDATE_EVERY_S
        if at_s - self._told_s < interval_s - _SLACK_S or not facts.differs_from(self._told):
            return None
        self._rev += 1
        return self._message(Phase.UPDATE, facts, at_s)

    def end(self, facts: EventFacts, end_s: float, reason: EndReason, at_s: float) -> Event:
        self._rev += 1
        message = self._message(Phase.END, facts, at_s)
        end_s = max(end_s, self.identity.start_s)
        return replace(message, end_s=end_s, end_reason=reason)

    def must_split(self, at_s: float) -> bool:
        return at_s - self.identity.start_s >= SPLIT_AFTER_S - _SLACK_S

    def _message(self, phase: Phase, facts: EventFacts, at_s: float) -> Event:
        self._told, self._told_s = facts, at_s
        identity = self.identity
        return Event(
            event_id=identity.event_id,
            camera=identity.camera,
            label=identity.label,
            phase=phase,
            rev=self._rev,
            at_s=at_s,
            start_s=identity.start_s,
            end_s=None,
            score=facts.score,
            top_score=facts.top_score,
            bbox=facts.bbox,
            count=facts.count,
            zones_current=facts.zones_current,
            zones_entered=facts.zones_entered,
            continues=identity.continues,
            snapshot=facts.snapshot,
        )
