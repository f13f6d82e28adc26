"""What a client tells the broker about itself when it connects."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says in our name when the connection dies. Retained, QoS 1.

    `delay_s` is MQTT 5 only: a short break then stays unannounced.
    """

    topic: str
    payload: bytes = field(repr=False)
    delay_s: int = 0


@dataclass(frozen=True, slots=True)
class BrokerSession:
    """`expiry_s`, `receive_maximum` and `max_packet_bytes` exist in MQTT 5 only; 3.1.1 keeps a
    session that is not clean for as long as the broker likes."""

    client_id: str
    clean_start: bool
    expiry_s: int
    receive_maximum: int | None = None
    max_packet_bytes: int | None = None  # larger messages to us stay at the broker
    manual_ack: bool = False  # the caller acknowledges what it received, once it is safe
    will: Will | None = None
