"""Ids of what is found in recordings: analysed again, the same things have the same ids.

So a box that lost power in the middle of a clip analyses it again, and whatever it had told
already is a duplicate to the ward, not a second visitor.
"""

from __future__ import annotations

from edge_agent.contract.ulid import hashed_ulid
from edge_agent.domain import CameraId, EventId, Label, Phase


class RecordedEventIds:
    """Event ids of one recording: `events.NewEventId`. For one thread.

    `content` says what the file holds, whatever it is called (a hash); an event belongs to the
    recording in which its first message was due. Of several events of one label in one frame
    each has its own id, in the order in which they begin.
    """

    def __init__(self, camera: CameraId, content: str) -> None:
        self._camera, self._content = camera, content
        self._ties: dict[Label, int] = {}
        self._frame_us: int | None = None

    def __call__(self, label: Label, at_s: float) -> EventId:
        """`at_s`: seconds since the recording's first frame."""
        frame_us = round(at_s * 1_000_000)
        if frame_us != self._frame_us:
            self._frame_us, self._ties = frame_us, {}
        tie = self._ties[label] = self._ties.get(label, -1) + 1
        return EventId(hashed_ulid("event", self._camera, self._content, frame_us, label, tie))


def recorded_message_id(event_id: EventId, phase: Phase, rev: int) -> str:
    """The id of one message of an event of a recording."""
    return hashed_ulid("message", event_id, phase, rev)
