"""What others may know of the publisher: an immutable picture, made anew at every change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LinkState(StrEnum):
    WAITING = "waiting"  # between two tries
    CONNECTING = "connecting"
    CONNECTED = "connected"
    REFUSED = "refused"  # the broker said no, or our own files are wrong: a person must act
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class PublisherHealth:
    """Counters run since the publisher was made; moments are monotonic seconds."""

    state: LinkState = LinkState.WAITING
    since_s: float = 0.0  # of this state
    last_error: str = ""  # of the last connection that failed or broke
    refused: bool = False  # that was a no, which a person must act on
    down_since_s: float | None = None  # None: connected, or never tried
    mqtt5: bool = False
    denied: bool = False  # the broker's ACL keeps our events out
    connections: int = 0
    sent: int = 0  # events that a broker acknowledged, resends included
    dead: int = 0  # events that no broker will take
    gaps_sent: int = 0
    in_flight: int = 0
    backlog: int = 0  # events on the box that were never sent
    commands: int = 0
    malformed: int = 0  # messages to us that break the contract
    last_ack_s: float | None = None  # when a broker last acknowledged an event
