"""paho's client as we use it: made for one connection, without its thread and its window."""

from __future__ import annotations

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes

from edge_agent.mqtt.endpoint import Endpoint
from edge_agent.mqtt.session import BrokerSession
from edge_agent.mqtt.signals import properties_of


def make_client(
    endpoint: Endpoint, session: BrokerSession, *, mqtt5: bool, timeout_s: float
) -> Client:
    """Not connected yet. The network is driven by the caller: `loop_start` is never used."""
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=session.client_id,
        clean_session=None if mqtt5 else session.clean_start,
        protocol=MQTTProtocolVersion.MQTTv5 if mqtt5 else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
        manual_ack=session.manual_ack,
    )
    client.connect_timeout = timeout_s
    client.max_inflight_messages_set(0)  # no second window below our own
    client.username_pw_set(endpoint.username, endpoint.password)
    if endpoint.tls is not None:
        client.tls_set_context(endpoint.tls)
    will = session.will
    if will is not None:
        delay = properties_of(PacketTypes.WILLMESSAGE, WillDelayInterval=will.delay_s)
        client.will_set(will.topic, will.payload, 1, True, properties=delay if mqtt5 else None)
    return client


def connect(client: Client, endpoint: Endpoint, session: BrokerSession, *, mqtt5: bool) -> None:
    """Open the socket, shake hands, send the CONNECT. Raises OSError."""
    # paho pings after this long and gives up after as long again: together 1.5 keepalives.
    ping_s = max(1, int(endpoint.keepalive_s * 0.75))
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
