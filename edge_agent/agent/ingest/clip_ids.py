"""Ids that come out the same whenever the same clip is analysed: a clip that a crash cut short is
analysed again, and whoever had a message of it already knows the second one as the same."""

from __future__ import annotations

import hashlib

from edge_agent.contract import new_ulid
from edge_agent.domain import CameraId, Event, EventId


class ClipIds:
    """The event ids of one clip: ULID-shaped hashes of camera, content and moment."""

    def __init__(self, camera: CameraId, digest: str, start_utc_s: float) -> None:
        self._seed = f"{camera}/{digest}"
        self._start_utc_s = start_utc_s
        self._at_s = 0.0
        self._count = 0

    def at(self, moment_s: float) -> None:
        """The frame of this moment is analysed next."""
        if moment_s != self._at_s:
            self._at_s, self._count = moment_s, 0

    def new_event(self) -> EventId:
        self._count += 1
        text = f"{self._seed}/{round(self._at_s * 1000)}/{self._count}"
        return EventId(_ulid(self._start_utc_s + self._at_s, text))


def message_id(event: Event, utc_s: float) -> str:
    """Of one message of an event of a recording."""
    return _ulid(utc_s, f"{event.event_id}/{event.rev}/{event.phase}")


def _ulid(utc_s: float, text: str) -> str:
    return new_ulid(utc_s, hashlib.sha256(text.encode()).digest()[:10])
