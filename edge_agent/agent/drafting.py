"""Turns an event into the draft of a message: ids, clock and the closure that encodes it."""

from __future__ import annotations

from edge_agent.clock import Clock
from edge_agent.contract import (
    BoxTopics,
    LiveTimeline,
    Position,
    RecordedTimeline,
    Sender,
    Timeline,
    UlidGenerator,
    encode_event,
)
from edge_agent.domain import Event
from edge_agent.outbox import Draft


class EventDrafter:
    """For one thread. `recorded` is the timeline of a recording; None: moments are monotonic."""

    def __init__(
        self, sender: Sender, clock: Clock, recorded: RecordedTimeline | None = None
    ) -> None:
        self._sender = sender
        self._clock = clock
        self._recorded = recorded
        self._topics = BoxTopics(sender.ward, sender.box)
        self._ids = UlidGenerator()

    def draft(self, event: Event) -> Draft:
        """The clock is read now, once; encoding later, or again, gives the same bytes."""
        reading = self._clock.read()
        timeline: Timeline = self._recorded or LiveTimeline(reading)
        message_id = self._ids.next(reading.utc_s)
        topic = self._topics.event(event.camera, event.label)

        def encode(position: Position) -> tuple[str, bytes]:
            envelope = self._sender.envelope(
                event, timeline, message_id=message_id, position=position, clock=reading
            )
            return topic, encode_event(event, envelope)

        return Draft(
            message_id=message_id,
            event_id=event.event_id,
            camera=event.camera,
            label=event.label,
            phase=event.phase,
            created=reading,
            encode=encode,
            live=self._recorded is None,
        )
