"""What comes over a connection, and the MQTT 5 properties that go with what is sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from paho.mqtt.client import MQTTMessage
from paho.mqtt.properties import Properties


@dataclass(frozen=True, slots=True)
class Acked:
    """The broker's answer to a QoS 1 publish. Under 3.1.1 `code` is always 0."""

    mid: int
    code: int


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message for us. `mid` is for `Connection.ack`, when the session acknowledges itself."""

    topic: str
    payload: bytes = field(repr=False)
    qos: int
    retain: bool
    mid: int
    response_topic: str | None = None
    correlation: bytes | None = None

    @classmethod
    def of(cls, message: MQTTMessage) -> Incoming:
        """As paho received it; a topic that is no UTF-8 is none of ours: empty."""
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        properties = message.properties
        return cls(
            topic,
            bytes(message.payload),
            message.qos,
            message.retain,
            message.mid,
            getattr(properties, "ResponseTopic", None),
            getattr(properties, "CorrelationData", None),
        )


Signal = Acked | Incoming


def properties_of(packet: int, **values: object) -> Properties:
    """MQTT 5 properties of a packet type of paho's PacketTypes, those that are None left out."""
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        if value is not None:
            setattr(properties, name, value)
    return properties
