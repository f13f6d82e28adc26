"""Brokers that take the connection and then do as they like: no event is lost to one."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mqtt_box import Box
from rude_broker import RudeBroker, connack, mid_of, packet, publish, read_packet, rude_broker

from edge_agent.config import MqttConfig
from edge_agent.contract import AckStatus, Command, Verb, encode_command
from edge_agent.publish import CommandResult

#: What to do with one PUBLISH: its topic, its packet id, and the way back.
Published = Callable[[str, bytes, socket.socket], None]


@contextlib.contextmanager
def broker_that(
    published: Published,
    *,
    begin: Callable[[socket.socket], None] = lambda _client: None,
    acknowledged: Callable[[socket.socket, bytes], None] = lambda _client, _mid: None,
) -> Iterator[RudeBroker]:
    def script(client: socket.socket) -> None:
        client.sendall(connack())
        while True:
            kind, body = read_packet(client)
            if kind >> 4 == 3:
                size = int.from_bytes(body[:2], "big")
                published(body[2 : 2 + size].decode(), mid_of(body), client)
            elif kind >> 4 == 4:
                acknowledged(client, body[:2])
            elif kind >> 4 == 8:
                client.sendall(packet(0x90, body[:2] + b"\0\1"))
                begin(client)
            elif kind >> 4 == 12:
                client.sendall(packet(0xD0, b""))

    with rude_broker(script) as broker:
        yield broker


def config_of(broker: RudeBroker, **changes: object) -> MqttConfig:
    settings: dict[str, object] = {
        "host": "127.0.0.1",
        "port": broker.port,
        "version": "5",
        "allow_insecure": True,
        "backlog_jitter_s": 0.0,
        "backlog_per_s": 1000.0,
    }
    return MqttConfig(**(settings | changes))  # type: ignore[arg-type]


def test_a_broker_that_never_acknowledges_does_not_hold_up_a_stop(tmp_path: Path) -> None:
    with (
        broker_that(lambda _topic, _mid, _client: None) as broker,
        Box(tmp_path, config_of(broker)) as box,
    ):
        box.connect()
        box.events(50)
        begin_s = time.monotonic()
        box.stop()
        assert time.monotonic() - begin_s < 10.0
        assert box.publisher.health().sent == 0


def test_a_broker_that_never_acknowledges_is_left_and_tried_again(tmp_path: Path) -> None:
    taken: list[str] = []

    def published(topic: str, mid: bytes, client: socket.socket) -> None:
        if len(broker.connects) > 1:
            taken.append(topic)
            client.sendall(packet(0x40, mid))

    with (
        broker_that(published) as broker,
        Box(tmp_path, config_of(broker, keepalive_s=1), uniform=lambda low, _high: low) as box,
    ):
        box.start()
        box.events(30)
        box.until(lambda: box.publisher.health().sent == 30)
        assert len(taken) >= 30


def test_a_broker_that_leaves_after_every_seventh_message_gets_all_of_them(tmp_path: Path) -> None:
    count = 0

    def published(_topic: str, mid: bytes, client: socket.socket) -> None:
        nonlocal count
        count += 1
        if count % 7 == 0:
            client.shutdown(socket.SHUT_RDWR)
            return
        client.sendall(packet(0x40, mid))

    with (
        broker_that(published) as broker,
        Box(tmp_path, config_of(broker), uniform=lambda low, _high: low) as box,
    ):
        box.start()
        box.events(30)
        box.until(lambda: box.publisher.health().sent >= 30)
        assert box.publisher.health().dead == 0
        assert len(broker.connects) > 3


@pytest.mark.parametrize("window", [1, 20])
def test_a_command_that_comes_for_ever_is_done_once_and_holds_up_no_event(
    tmp_path: Path, window: int
) -> None:
    """As often as it is acknowledged."""
    done: list[str] = []
    asked = 0

    def handle(command: Command) -> CommandResult:
        done.append(command.cmd_id)
        return CommandResult(AckStatus.DONE)

    def ask(client: socket.socket, mid: bytes) -> None:
        nonlocal asked
        asked += 1
        topic = box.topics.command(Verb.SNAPSHOT).encode()
        payload = encode_command(Command("c1", Verb.SNAPSHOT, {}))
        client.sendall(publish(topic, payload, int.from_bytes(mid, "big")))

    def begin(client: socket.socket) -> None:
        for mid in range(1, 21):
            ask(client, mid.to_bytes(2, "big"))

    def published(_topic: str, mid: bytes, client: socket.socket) -> None:
        client.sendall(packet(0x40, mid))

    with (
        broker_that(published, begin=begin, acknowledged=ask) as broker,
        Box(tmp_path, config_of(broker, window=window), on_command=handle) as box,
    ):
        box.connect()
        box.until(lambda: asked > 200)
        box.events(8)
        box.until(lambda: box.publisher.health().sent == 8)
        assert done == ["c1"]
        assert box.publisher.health().connections == 1
