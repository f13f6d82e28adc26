"""Turns an event into the draft of a message: ids, clock and the closure that encodes it."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.clock import Clock, ClockReading
from edge_agent.contract import (
    BoxTopics,
    LiveTimeline,
    Position,
    RecordedTimeline,
    Sender,
    Timeline,
    UlidGenerator,
    encode_event,
    recorded_message_id,
)
from edge_agent.domain import CameraId, Event
from edge_agent.outbox import Draft

TimelineOf = Callable[[CameraId], RecordedTimeline | None]


def all_live(camera: CameraId) -> None:
    """No camera is a recording."""
    del camera


class EventDrafter:
    """For one thread. `recorded` gives a camera's timeline when it is a recording; None: its
    moments are monotonic. A recording's messages have the same ids whenever it is analysed."""

    def __init__(self, sender: Sender, clock: Clock, recorded: TimelineOf = all_live) -> None:
        self.sender = sender  # replaced as a whole when the configuration changes
        self._clock = clock
        self._recorded = recorded
        self._topics = BoxTopics(sender.ward, sender.box)
        self._ids = UlidGenerator()

    def utc_s(self, camera: CameraId, moment_s: float) -> float:
        """UTC of a moment of this camera, as the clock sees it now. Safe from any thread."""
        timeline: Timeline = self._recorded(camera) or LiveTimeline(self._clock.read())
        return timeline.utc_s(moment_s)

    def draft(self, event: Event) -> Draft:
        """The clock is read now, once; encoding later, or again, gives the same bytes."""
        reading = self._clock.read()
        recorded = self._recorded(event.camera)
        return self._draft(event, recorded, reading)

    def draft_recorded(self, event: Event, timeline: RecordedTimeline) -> Draft:
        """Of a recording whose time is known; may be called from any thread."""
        return self._draft(event, timeline, self._clock.read())

    def _draft(
        self, event: Event, recorded: RecordedTimeline | None, reading: ClockReading
    ) -> Draft:
        timeline: Timeline = recorded or LiveTimeline(reading)
        message_id = (
            recorded_message_id(event.event_id, event.phase, event.rev)
            if recorded
            else self._ids.next(reading.utc_s)
        )
        topic, sender = self._topics.event(event.camera, event.label), self.sender

        def encode(position: Position) -> tuple[str, bytes]:
            envelope = sender.envelope(
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
            live=recorded is None,
        )
