from __future__ import annotations

import queue
import socket

import paho.mqtt.client as paho
import pytest

from edge_agent.demo import broker as module
from edge_agent.demo.broker import BrokerKind, available, demo_broker
from edge_agent.errors import OperatorError

_VERSIONS = {"mosquitto": paho.MQTTv5, "amqtt": paho.MQTTv311}


@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
def test_broker_delivers_qos_1_and_retained_and_is_gone_afterwards(kind: BrokerKind) -> None:
    if kind not in available():
        pytest.skip(f"{kind} is not installed")
    arrived: queue.Queue[tuple[str, bytes, bool]] = queue.Queue()
    ready: queue.Queue[None] = queue.Queue()
    with demo_broker(kind) as broker:
        assert (broker.name, broker.host) == (kind, "127.0.0.1")
        assert broker.mqtt_version == {"mosquitto": "auto", "amqtt": "3.1.1"}[kind]
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id="t", protocol=_VERSIONS[kind]
        )
        client.on_message = lambda c, u, m: arrived.put((m.topic, m.payload, m.retain))
        client.on_subscribe = lambda *_: ready.put(None)
        client.on_connect = lambda c, *_: c.publish("kept/1", b"old", qos=1, retain=True)
        client.on_publish = lambda c, u, mid, *_: c.subscribe("+/+", qos=1) if mid == 1 else None
        client.connect(broker.host, broker.port)
        client.loop_start()
        ready.get(timeout=5)
        client.publish("live/1", b"new", qos=1).wait_for_publish(5)
        found = sorted(arrived.get(timeout=5) for _ in range(2))
        client.disconnect()
        client.loop_stop()

    assert found == [("kept/1", b"old", True), ("live/1", b"new", False)]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((broker.host, broker.port), 1)


def test_without_any_broker_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available", lambda: ())

    with pytest.raises(OperatorError, match="apt-get install mosquitto"), demo_broker():
        pass


def test_mosquitto_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_mosquitto", lambda: "/usr/sbin/mosquitto")

    assert available()[0] == "mosquitto"


def test_broker_that_does_not_start_shows_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["sh", "-c", "echo no such thing >&2; exit 3"]
    monkeypatch.setattr(module, "_command", lambda kind, port, folder: command)
    monkeypatch.setattr(module, "available", lambda: ("mosquitto",))

    with pytest.raises(OperatorError, match="no such thing"), demo_broker():
        pass
