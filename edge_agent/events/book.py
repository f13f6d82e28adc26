"""What is worth telling of one camera: rule hits and motion become events."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from edge_agent.config.schema import MotionConfig, PersonConfig
from edge_agent.domain import (
    BestFrame,
    CameraId,
    EndReason,
    Event,
    EventId,
    Motion,
    RuleHit,
    SnapshotRef,
)
from edge_agent.events.governor import Governor
from edge_agent.events.lifecycle import NewEventId
from edge_agent.events.motion import MotionEvents
from edge_agent.events.person import PersonEvents
from edge_agent.events.state import BookState


class EventBook:
    """Implements `pipeline.EventStage` for one camera. Not thread-safe, deterministic.

    `new_id` gives a fresh ULID for each event. Per frame: `update`, then `best_frames` of
    the same moment says of which events this very frame is the best picture so far; what
    became of it (`attach_snapshot`) travels with the event's later messages.
    """

    def __init__(
        self,
        camera: CameraId,
        motion: MotionConfig,
        person: PersonConfig,
        new_id: NewEventId,
        governor: Governor | None = None,
    ) -> None:
        self._motion = MotionEvents(camera, motion, new_id)
        self._person = PersonEvents(camera, person, new_id, governor)
        self._governor = governor

    def update(self, hits: Sequence[RuleHit], motion: Motion, at_s: float) -> Sequence[Event]:
        governor = self._governor
        if governor is None:
            return [*self._person.update(hits, at_s), *self._motion.update(motion, at_s)]
        governor.see(motion, hits, at_s)
        people = self._person.update(hits, at_s)
        return [*people, *self._motion.update(motion, at_s), *governor.events(at_s)]

    def close_all(self, reason: EndReason, at_s: float) -> Sequence[Event]:
        """End every open event, each at the moment its subject was last seen."""
        storms = self._governor.close(reason, at_s) if self._governor is not None else []
        return [*self._person.close(reason, at_s), *self._motion.close(reason, at_s), *storms]

    def state(self) -> bytes:
        """What the next recording of this camera needs."""
        visits, not_before_s = self._person.state()
        burst, event = self._motion.state()
        return msgspec.msgpack.encode(BookState(visits, not_before_s, burst, event))

    def restore(self, data: bytes, offset_s: float) -> None:
        """Go on from `state` of a recording that began `offset_s` before this one.

        Raises ValueError or msgspec.MsgspecError for what is no such state.
        """
        state = msgspec.msgpack.decode(data, type=BookState)
        self._person.restore(state.visits, state.not_before_s, offset_s)
        self._motion.restore(state.burst, state.motion, offset_s)

    def best_frames(self, at_s: float) -> Sequence[BestFrame]:
        """Open person events whose best picture is the frame of `at_s`, just updated with."""
        return self._person.best_frames(at_s)

    def attach_snapshot(self, event_id: EventId, ref: SnapshotRef) -> bool:
        """Remember an event's picture for its next messages; False when it has ended."""
        return self._person.attach_snapshot(event_id, ref)
