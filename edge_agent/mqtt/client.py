"""paho's client as we use it: made for one connection, without its thread and its window.

What paho leaves to the other side is bounded here: how long opening takes, how large a packet is
that comes, how much waits to be written.
"""

from __future__ import annotations

import socket

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes

from edge_agent.mqtt.endpoint import Endpoint
from edge_agent.mqtt.session import BrokerSession
from edge_agent.mqtt.signals import properties_of
from edge_agent.runtime import Patience, open_tcp, shake_hands

#: paho pings after this part of a keepalive and gives up after as long again: 1.5 together.
_PING_AFTER = 0.75
#: Of a packet that comes, where the session names no limit: several times the largest picture.
_MOST_IN_BYTES = 1024 * 1024
_CHUNK_BYTES = 64 * 1024
#: Packets that wait to be written, and messages of QoS 2 that wait for their release.
_MOST_UNSENT, _MOST_UNRELEASED = 10_000, 16


class BoundedClient(Client):
    """Opens its socket within a deadline, and keeps only the beginning of a packet without
    measure: its message is then refused for its size, and acknowledged as any other."""

    def prepare(self, endpoint: Endpoint, patience: Patience, *, most_in_bytes: int | None) -> None:
        """Before `connect`; `patience` is for the connection and TLS together."""
        self._endpoint, self._patience = endpoint, patience
        self._most_in_bytes = most_in_bytes or _MOST_IN_BYTES
        self.keepalive = max(1, int(endpoint.keepalive_s * _PING_AFTER))

    def agree_keepalive(self) -> None:
        """After the CONNACK. The broker's wish, which paho has taken as it is, may shorten ours;
        0, or hours, would mean that a dead connection is never noticed."""
        ours = max(1, int(self._endpoint.keepalive_s * _PING_AFTER))
        its = max(1, int(self._keepalive * _PING_AFTER)) if self._keepalive else ours
        self._keepalive = min(ours, its)

    @property
    def overrun(self) -> str:
        """What the broker does that no memory is large enough for; "" where all is well."""
        if len(self._out_packet) > _MOST_UNSENT:
            return "does not take what is sent to it"
        if len(self._in_messages) > _MOST_UNRELEASED:
            return "sends messages of QoS 2, which nobody asked for"
        return ""

    def _create_socket(self) -> socket.socket:
        endpoint, tls = self._endpoint, self._endpoint.tls
        sock = open_tcp(endpoint.host, endpoint.port, self._patience)
        if tls is None:
            return sock
        wrapped = tls.wrap_socket(
            sock, server_hostname=endpoint.host, do_handshake_on_connect=False
        )
        try:
            shake_hands(wrapped, self._patience)
        except BaseException:
            wrapped.close()
            raise
        return wrapped

    def _sock_recv(self, bufsize: int) -> bytes:
        """Of a packet without measure, what came before is cut here."""
        del self._in_packet["packet"][self._most_in_bytes :]
        return super()._sock_recv(min(bufsize, _CHUNK_BYTES))


def make_client(
    endpoint: Endpoint, session: BrokerSession, patience: Patience, *, mqtt5: bool
) -> BoundedClient:
    """Not connected yet. The network is driven by the caller: `loop_start` is never used."""
    client = BoundedClient(
        CallbackAPIVersion.VERSION2,
        client_id=session.client_id,
        clean_session=None if mqtt5 else session.clean_start,
        protocol=MQTTProtocolVersion.MQTTv5 if mqtt5 else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
        manual_ack=session.manual_ack,
    )
    client.prepare(endpoint, patience, most_in_bytes=session.max_packet_bytes)
    client.max_inflight_messages_set(0)  # no second window below our own
    client.username_pw_set(endpoint.username, endpoint.password)
    will = session.will
    if will is not None:
        delay = properties_of(PacketTypes.WILLMESSAGE, WillDelayInterval=will.delay_s)
        client.will_set(will.topic, will.payload, 1, True, properties=delay if mqtt5 else None)
    return client


def connect(
    client: BoundedClient, endpoint: Endpoint, session: BrokerSession, *, mqtt5: bool
) -> None:
    """Open the socket, shake hands, send the CONNECT. Raises OSError."""
    ping_s = client.keepalive
    if not mqtt5:
        client.connect(endpoint.host, endpoint.port, ping_s)
        return
    client.connect(
        endpoint.host,
        endpoint.port,
        ping_s,
        clean_start=session.clean_start,
        properties=properties_of(
            PacketTypes.CONNECT,
            SessionExpiryInterval=session.expiry_s,
            ReceiveMaximum=session.receive_maximum,
            MaximumPacketSize=session.max_packet_bytes,
        ),
    )
