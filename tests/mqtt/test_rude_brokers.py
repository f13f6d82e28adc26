"""What a broker may do: none of it stops a client, fills its memory or holds up a stop."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from pki import Authority
from rude_broker import connack, mid_of, packet, publish, read_packet, rude_broker

from edge_agent.clock import SystemClock
from edge_agent.config import MqttConfig, TlsConfig
from edge_agent.errors import AgentError, BrokerRefused, BrokerUnreachable
from edge_agent.mqtt import Acked, BrokerSession, Connection, Dialer, Incoming, Signal, endpoint_of
from edge_agent.runtime import StopToken, open_tcp


def at(port: int, **changes: object) -> MqttConfig:
    settings: dict[str, object] = {"host": "127.0.0.1", "port": port, "allow_insecure": True}
    return MqttConfig(**(settings | changes))  # type: ignore[arg-type]


def dial(
    config: MqttConfig, *, timeout_s: float = 20.0, stop: StopToken | None = None
) -> Connection:
    dialer = Dialer(lambda: endpoint_of(config), SystemClock(), timeout_s=timeout_s)
    who = BrokerSession("rude", clean_start=True, expiry_s=60, max_packet_bytes=20_000)
    return dialer.dial(who, stop or StopToken())


def collect(connection: Connection, count: int) -> list[Signal]:
    signals: list[Signal] = []
    deadline_s = time.monotonic() + 30
    while len(signals) < count and time.monotonic() < deadline_s:
        signals += connection.poll(0.1)
    return signals


def until_it_breaks(connection: Connection) -> AgentError:
    def work() -> None:
        for _ in range(10_000):
            connection.poll(0.1)

    with pytest.raises(AgentError) as caught:
        work()
    connection.abandon()
    return caught.value


# --- a stop -----------------------------------------------------------------------------


def dripping(client: socket.socket) -> None:
    """The beginning of a TLS handshake that never ends."""
    for byte in b"\x16\x03\x03\x40\x00" + bytes(10_000):
        client.sendall(bytes([byte]))
        time.sleep(0.05)


def silent(client: socket.socket) -> None:
    client.recv(1)
    while client.recv(4096):
        pass


def half_a_connack(client: socket.socket) -> None:
    client.sendall(connack()[:2])
    silent(client)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.mark.parametrize(
    ("script", "tls"), [(dripping, True), (silent, True), (silent, False), (half_a_connack, False)]
)
def test_a_stop_ends_an_opening_that_would_take_minutes(
    authority: Authority, script: Callable[[socket.socket], None], tls: bool
) -> None:
    stop, begun = StopToken(), threading.Event()

    def rude(client: socket.socket) -> None:
        begun.set()
        script(client)

    with rude_broker(rude, reads_connect=False) as broker:
        config = at(broker.port)
        if tls:
            config = at(broker.port, tls=TlsConfig(ca_file=str(authority.ca)), allow_insecure=False)
        stopping = threading.Thread(target=lambda: begun.wait(20) and stop.stop())
        stopping.start()
        begin_s = time.monotonic()
        with pytest.raises(BrokerUnreachable):
            dial(config, timeout_s=300.0, stop=stop)
        assert time.monotonic() - begin_s < 10.0
        stopping.join()


def test_a_handshake_that_drips_has_no_more_time_than_the_whole_opening(
    authority: Authority,
) -> None:
    with rude_broker(dripping, reads_connect=False) as broker:
        config = at(broker.port, tls=TlsConfig(ca_file=str(authority.ca)), allow_insecure=False)
        begin_s = time.monotonic()
        with pytest.raises(BrokerUnreachable, match="no answer in time"):
            dial(config, timeout_s=1.0)
        assert time.monotonic() - begin_s < 6.0


def test_a_name_server_that_hangs_does_not_hold_up_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer = threading.Event(), threading.Event()
    real = socket.getaddrinfo

    def hangs(host: str, *more: object, **named: object):
        if host != "broker.example" or named.get("flags"):
            return real(host, *more, **named)  # type: ignore[arg-type]
        asked.set()
        answer.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "at last")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    stop = StopToken()
    stopping = threading.Thread(target=lambda: asked.wait(20) and stop.stop())
    stopping.start()
    try:
        with pytest.raises(BrokerUnreachable, match="told to stop"):
            dial(MqttConfig(host="broker.example", allow_insecure=True), timeout_s=300.0, stop=stop)
        assert not answer.is_set()
    finally:
        answer.set()
        stopping.join()
        for thread in threading.enumerate():
            if thread.name == "resolver":
                thread.join(10)


# --- what a CONNACK says ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("properties", "window"),
    [
        (b"\x21\0\1", 1),
        (b"\x12\0\3abc", 65535),  # Assigned Client Identifier
        (b"\x22\xff\xff", 65535),  # Topic Alias Maximum
        (b"\x28\0\x29\0\x2a\0", 65535),  # no wildcards, identifiers, shared subscriptions
        (b"\x11\0\0\0\0", 65535),  # BrokerSession Expiry Interval
        (b"\x1f\0\3why\x26\0\1k\0\1v", 65535),
    ],
)
def test_odd_properties_of_a_connack_do_no_harm(properties: bytes, window: int) -> None:
    def script(client: socket.socket) -> None:
        client.sendall(connack(properties))
        _, body = read_packet(client)
        client.sendall(packet(0x40, mid_of(body)))
        silent(client)

    with rude_broker(script) as broker:
        connection = dial(at(broker.port))
        assert (connection.receive_maximum, connection.max_packet_bytes) == (window, None)
        mid = connection.publish("a/b", b"x")
        assert collect(connection, 1) == [Acked(mid, 0)]
        connection.abandon()


@pytest.mark.parametrize("properties", [b"\x21\0\0", b"\x27\0\0\0\0", b"\x7f\0", b"\x21"])
def test_a_connack_that_is_not_allowed_is_a_refusal(properties: bytes) -> None:
    """A Receive Maximum or a packet size of 0, and properties that are none."""

    def script(client: socket.socket) -> None:
        client.sendall(connack(properties))
        silent(client)

    with rude_broker(script) as broker, pytest.raises(BrokerRefused, match="MQTT"):
        dial(at(broker.port, version="5"))


@pytest.mark.parametrize(
    ("properties", "words"), [(b"\x24\0", "QoS 1"), (b"\x25\0", "retained messages")]
)
def test_a_broker_that_cannot_keep_what_we_send_is_refused_before_anything_is_sent(
    properties: bytes, words: str
) -> None:
    def script(client: socket.socket) -> None:
        client.sendall(connack(properties))
        silent(client)

    with rude_broker(script) as broker, pytest.raises(BrokerRefused, match=words):
        dial(at(broker.port))


@pytest.mark.parametrize("wish_s", [0, 1, 65535])
def test_a_dead_connection_is_noticed_whatever_keepalive_the_broker_wishes(wish_s: int) -> None:
    def script(client: socket.socket) -> None:
        client.sendall(connack(b"\x13" + wish_s.to_bytes(2, "big")))
        silent(client)  # never answers a ping

    with rude_broker(script) as broker:
        connection = dial(at(broker.port, keepalive_s=3))
        begin_s = time.monotonic()
        assert isinstance(until_it_breaks(connection), BrokerUnreachable)
        assert time.monotonic() - begin_s < 12


# --- acknowledgements ---------------------------------------------------------------------


def test_acknowledgements_of_nothing_and_a_second_one_say_nothing() -> None:
    def script(client: socket.socket) -> None:
        client.sendall(connack())
        for _ in range(2):
            _, body = read_packet(client)
            mid = mid_of(body)
            client.sendall(packet(0x40, b"\xff\xf0") + 3 * packet(0x40, mid) + packet(0x50, mid))
        silent(client)

    with rude_broker(script) as broker:
        connection = dial(at(broker.port))
        for _ in range(2):
            mid = connection.publish("a/b", b"x")
            assert collect(connection, 1) == [Acked(mid, 0)]
        assert connection.poll(0.1) == []
        assert connection.in_flight == 0
        connection.abandon()


@pytest.mark.parametrize("code", [0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99])
def test_each_refusal_of_a_message_is_handed_on(code: int) -> None:
    def script(client: socket.socket) -> None:
        client.sendall(connack())
        _, body = read_packet(client)
        client.sendall(packet(0x40, mid_of(body) + bytes([code, 0])))
        silent(client)

    with rude_broker(script) as broker:
        connection = dial(at(broker.port))
        mid = connection.publish("a/b", b"x")
        assert collect(connection, 1) == [Acked(mid, code)]
        connection.abandon()


# --- floods -------------------------------------------------------------------------------


def test_a_message_without_measure_is_cut_and_acknowledged() -> None:
    """Else it would come again with every connection."""
    size, acked = 40_000_000, threading.Event()

    def script(client: socket.socket) -> None:
        client.sendall(connack())
        client.sendall(publish(b"a/big", bytes(size), 7))
        client.sendall(publish(b"a/small", b"x", 8))
        for mid in (7, 8):
            kind, body = read_packet(client)
            assert (kind, int.from_bytes(body[:2], "big")) == (0x40, mid)
        acked.set()
        silent(client)

    with rude_broker(script) as broker:
        connection = dial(at(broker.port))
        big, small = collect(connection, 2)
        assert isinstance(big, Incoming)
        assert isinstance(small, Incoming)
        assert (big.topic, small.topic) == ("a/big", "a/small")
        assert 19_000 < len(big.payload) < 100_000
        while not acked.wait(0.01):
            connection.poll(0.1)
        connection.abandon()


def test_a_broker_that_floods_and_never_reads_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each message wants an acknowledgement, which cannot be written."""

    def with_little_room(*arguments: Any) -> socket.socket:
        sock = open_tcp(*arguments)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        return sock

    monkeypatch.setattr("edge_agent.mqtt.client.open_tcp", with_little_room)
    monkeypatch.setattr("edge_agent.mqtt.client._MOST_UNSENT", 500)

    def script(client: socket.socket) -> None:
        client.sendall(connack())
        flood = b"".join(publish(b"a", b"", 1 + mid) for mid in range(1000))
        with contextlib.suppress(OSError):
            for _ in range(3000):
                client.sendall(flood)

    with rude_broker(script) as broker:
        assert "does not take what is sent" in str(until_it_breaks(dial(at(broker.port))))


def test_messages_of_qos_2_do_not_gather() -> None:
    def script(client: socket.socket) -> None:
        client.sendall(connack())
        client.sendall(b"".join(publish(b"a", bytes(1000), 1 + mid, 2) for mid in range(100)))
        silent(client)

    with rude_broker(script) as broker:
        assert "QoS 2" in str(until_it_breaks(dial(at(broker.port))))
