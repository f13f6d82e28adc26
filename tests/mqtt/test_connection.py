"""Connections to a real mosquitto, and to brokers that refuse, hang or break off."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker import BrokerTls, Mosquitto
from chaos_proxy import ChaosProxy, Mode
from fake_broker import FakeBroker, connack5, connack311
from pki import Authority

from edge_agent.clock import SystemClock
from edge_agent.config import MqttConfig, TlsConfig
from edge_agent.errors import AgentError, BrokerRefused, BrokerUnreachable, ConfigError
from edge_agent.mqtt import (
    Acked,
    BrokerSession,
    Connection,
    Dialer,
    Incoming,
    Signal,
    Will,
    endpoint_of,
)
from edge_agent.runtime import StopToken


def session(name: str, **changes: object) -> BrokerSession:
    settings: dict[str, object] = {"clean_start": True, "expiry_s": 60}
    return BrokerSession(name, **(settings | changes))  # type: ignore[arg-type]


def dial(config: MqttConfig, who: BrokerSession, *, timeout_s: float = 20.0) -> Connection:
    dialer = Dialer(lambda: endpoint_of(config), SystemClock(), timeout_s=timeout_s)
    return dialer.dial(who, StopToken())


def at(port: int, **changes: object) -> MqttConfig:
    settings: dict[str, object] = {"host": "127.0.0.1", "port": port, "allow_insecure": True}
    return MqttConfig(**(settings | changes))  # type: ignore[arg-type]


def collect(connection: Connection, count: int, timeout_s: float = 30.0) -> list[Signal]:
    signals: list[Signal] = []
    deadline_s = time.monotonic() + timeout_s
    while len(signals) < count and time.monotonic() < deadline_s:
        signals += connection.poll(0.1)
    return signals


# --- what works -------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_publish_is_acknowledged_and_arrives(mosquitto: Mosquitto, version: str) -> None:
    config = mosquitto.config(version=version)
    hears, says = dial(config, session(f"h{version}")), dial(config, session(f"s{version}"))
    hears.subscribe((f"t/{version}/#",))
    hears.poll(0.2)
    mid = says.publish(f"t/{version}/x", b"hello", expiry_s=60)
    assert collect(says, 1) == [Acked(mid, 0)]
    (got,) = collect(hears, 1)
    assert isinstance(got, Incoming)
    assert (got.topic, got.payload, got.qos) == (f"t/{version}/x", b"hello", 1)
    says.close()
    hears.close()


def test_limits_of_the_broker_are_known(tmp_path: Path) -> None:
    broker = Mosquitto(
        tmp_path, extra="max_inflight_messages 7\nmax_packet_size 5000\nmax_topic_alias 0"
    ).start()
    try:
        connection = dial(broker.config(), session("limits"))
        assert (connection.receive_maximum, connection.max_packet_bytes) == (7, 5000)
        connection.close()
    finally:
        broker.stop()


def test_a_manual_session_gets_again_what_it_did_not_acknowledge(mosquitto: Mosquitto) -> None:
    keeps = session("manual", clean_start=False, expiry_s=600, manual_ack=True, receive_maximum=5)
    first = dial(mosquitto.config(), keeps)
    first.subscribe(("manual/#",))
    first.poll(0.2)
    says = dial(mosquitto.config(), session("manual-says"))
    says.publish("manual/1", b"one")
    says.publish("manual/2", b"two")
    got = [each for each in collect(first, 2) if isinstance(each, Incoming)]
    first.ack(got[0].mid)
    first.poll(0.1)
    first.abandon()
    second = dial(mosquitto.config(), keeps)
    assert second.session_present
    again = [each.payload for each in collect(second, 1) if isinstance(each, Incoming)]
    assert again == [b"two"]
    second.close()
    says.close()


def test_the_will_speaks_when_the_connection_is_abandoned_but_not_when_closed(
    mosquitto: Mosquitto,
) -> None:
    hears = dial(mosquitto.config(), session("will-hears"))
    hears.subscribe(("will/#",))
    hears.poll(0.2)
    for name, leave in (("closed", Connection.close), ("gone", Connection.abandon)):
        leave(dial(mosquitto.config(), session(name, will=Will(f"will/{name}", b"offline"))))
    heard = [each.topic for each in collect(hears, 1) if isinstance(each, Incoming)]
    assert heard == ["will/gone"]
    hears.close()


def test_wake_ends_a_wait_from_another_place(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.mqtt.connection._SLICE_S", 30.0)
    connection = dial(mosquitto.config(), session("wake"))
    connection.poll(0)
    connection.wake()
    begun_s = time.monotonic()
    assert connection.poll(30.0) == []
    assert time.monotonic() - begun_s < 15
    monkeypatch.undo()
    connection.close()


# --- versions ---------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", [connack5(0x84), connack311(0x01)], ids=["v5", "v3.1.1"])
def test_a_broker_that_knows_only_3_1_1_is_spoken_to_in_3_1_1(refusal: bytes) -> None:
    with FakeBroker(lambda level: refusal if level == 5 else connack311(0)) as fake:
        connection = dial(at(fake.port), session("old"))
        assert not connection.is_mqtt5
        assert fake.levels == [5, 4]
        connection.abandon()


def test_a_broker_that_twice_says_nothing_to_mqtt_5_is_tried_in_3_1_1() -> None:
    with FakeBroker(lambda level: b"" if level == 5 else connack311(0)) as fake:
        dialer = Dialer(lambda: endpoint_of(at(fake.port)), SystemClock(), timeout_s=3)
        with pytest.raises(BrokerUnreachable, match="at once"):
            dialer.dial(session("mute"), StopToken())
        connection = dialer.dial(session("mute"), StopToken())
        assert not connection.is_mqtt5
        assert fake.levels == [5, 5, 4]
        connection.abandon()
        dialer.dial(session("mute"), StopToken()).abandon()
        assert fake.levels == [5, 5, 4, 5, 4], "it may merely have hung"


def test_a_broker_that_answered_mqtt_5_is_never_taken_for_an_old_one() -> None:
    hangs: list[bool] = []
    with FakeBroker(lambda level: b"" if hangs else connack5(0)) as fake:
        dialer = Dialer(lambda: endpoint_of(at(fake.port)), SystemClock(), timeout_s=3)
        dialer.dial(session("new"), StopToken()).abandon()
        hangs.append(True)
        for _ in range(3):
            with pytest.raises(BrokerUnreachable):
                dialer.dial(session("new"), StopToken())
        assert set(fake.levels) == {5}


def test_a_broker_that_refused_mqtt_5_is_not_asked_at_once_again() -> None:
    with FakeBroker(lambda level: connack5(0x84) if level == 5 else connack311(0)) as fake:
        dialer = Dialer(lambda: endpoint_of(at(fake.port)), SystemClock(), timeout_s=3)
        for _ in range(2):
            dialer.dial(session("old"), StopToken()).abandon()
        assert fake.levels == [5, 4, 4]


@pytest.mark.parametrize("version", ["auto", "5", "3.1.1"])
def test_no_version_in_common_is_refused_clearly(version: str) -> None:
    def refuse(level: int) -> bytes:
        return connack5(0x84) if level == 5 else connack311(0x01)

    with FakeBroker(refuse) as fake, pytest.raises(BrokerRefused, match="MQTT"):
        dial(at(fake.port, version=version), session("never"))


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (0x85, BrokerRefused, "client id 'box-1'"),
        (0x86, BrokerRefused, "user name or the password"),
        (0x87, BrokerRefused, "not authorized"),
        (0x8A, BrokerRefused, "banned"),
        (0x88, BrokerUnreachable, "0x88"),
        (0x97, BrokerUnreachable, "0x97"),
    ],
)
def test_each_refusal_has_its_words(code: int, kind: type[AgentError], words: str) -> None:
    with FakeBroker(lambda level: connack5(code)) as fake, pytest.raises(kind) as raised:
        dial(at(fake.port), session("box-1"))
    assert words in str(raised.value)
    assert f"127.0.0.1:{fake.port}" in str(raised.value)


def test_something_that_is_no_broker_is_told() -> None:
    with (
        FakeBroker(lambda level: b"HTTP/1.1 400 Bad Request\r\n" + 200 * b"x") as fake,
        pytest.raises(BrokerRefused, match="is it an MQTT broker"),
    ):
        dial(at(fake.port), session("http"))


def test_a_broker_that_never_answers_the_connect_is_unreachable_in_time() -> None:
    begun_s = time.monotonic()
    with (
        FakeBroker(lambda level: b"\0") as fake,  # half a packet, then silence
        pytest.raises(BrokerUnreachable, match="no CONNACK"),
    ):
        dial(at(fake.port), session("silent"), timeout_s=0.5)
    assert time.monotonic() - begun_s < 10


def test_a_closed_port_is_unreachable() -> None:
    with FakeBroker(lambda level: b"") as fake:
        port = fake.port
    with pytest.raises(BrokerUnreachable, match="refused"):
        dial(at(port), session("nobody"))


# --- login and TLS ----------------------------------------------------------------------

CANARY = "canary-5f1d9c"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "secret"
    path.write_text(CANARY + "\n")
    path.chmod(0o600)
    return str(path)


def test_login_by_password_and_the_password_is_never_shown(
    tmp_path: Path, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    broker = Mosquitto(tmp_path / "b", passwords={"box-1": CANARY}).start()
    try:
        config = broker.config(username="box-1", password_file=secret)
        assert CANARY not in repr(config) + repr(endpoint_of(config))
        dial(config, session("in")).close()
        Path(secret).write_text(CANARY + "x")
        with pytest.raises(BrokerRefused, match=r"user name or the password|not authorized") as no:
            dial(config, session("out"))
        assert CANARY not in str(no.value) + caplog.text
    finally:
        broker.stop()


@pytest.fixture(scope="module")
def tls_brokers(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[dict[str, Mosquitto]]:
    """A broker for each certificate, and a plaintext one."""
    folder = tmp_path_factory.mktemp("tls")
    pairs = {
        "good": authority.issue("127.0.0.1"),
        "misnamed": authority.issue("other.example"),
        "expired": authority.issue("127.0.0.1", expired=True),
        "self-signed": authority.issue("127.0.0.1", self_signed=True),
    }
    brokers = {
        name: Mosquitto(folder / name, tls=BrokerTls(authority.ca, pair.cert, pair.key)).start()
        for name, pair in pairs.items()
    }
    pair = pairs["good"]
    brokers["mutual"] = Mosquitto(
        folder / "mutual", tls=BrokerTls(authority.ca, pair.cert, pair.key, True)
    ).start()
    brokers["plaintext"] = Mosquitto(folder / "plaintext").start()
    yield brokers
    for broker in brokers.values():
        broker.stop()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_tls_with_the_right_name_and_ca(
    tls_brokers: dict[str, Mosquitto], authority: Authority, version: str
) -> None:
    config = tls_brokers["good"].config(
        tls=TlsConfig(ca_file=str(authority.ca)), allow_insecure=False, version=version
    )
    connection = dial(config, session("tls"))
    mids = [connection.publish("t/tls", bytes(10_000)) for _ in range(40)]
    got = collect(connection, 40)
    assert [each.mid for each in got] == mids
    connection.close()


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("misnamed", "for another"),
        ("expired", "expired"),
        ("self-signed", "self-signed"),
        ("plaintext", "plaintext port"),
        ("mutual", "client certificate"),
    ],
)
def test_tls_that_is_wrong_is_refused_with_one_clear_message(
    tls_brokers: dict[str, Mosquitto], authority: Authority, which: str, words: str
) -> None:
    config = tls_brokers[which].config(
        tls=TlsConfig(ca_file=str(authority.ca)), allow_insecure=False
    )
    with pytest.raises(BrokerRefused, match=words):
        dial(config, session("wrong"))


def test_an_unknown_ca_is_refused(tls_brokers: dict[str, Mosquitto], tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger")
    config = tls_brokers["good"].config(
        tls=TlsConfig(ca_file=str(stranger.ca)), allow_insecure=False
    )
    with pytest.raises(BrokerRefused, match="ca_file"):
        dial(config, session("stranger"))


def test_client_certificate_is_the_login(
    tls_brokers: dict[str, Mosquitto], authority: Authority
) -> None:
    pair = authority.issue("box-0001")
    tls = TlsConfig(ca_file=str(authority.ca), cert_file=str(pair.cert), key_file=str(pair.key))
    connection = dial(tls_brokers["mutual"].config(tls=tls, allow_insecure=False), session("mtls"))
    connection.publish("t/mtls", b"x")
    assert collect(connection, 1)
    connection.close()


def test_without_tls_and_without_leave_nothing_is_sent_in_the_clear(
    tls_brokers: dict[str, Mosquitto],
) -> None:
    config = tls_brokers["plaintext"].config(allow_insecure=False)
    with pytest.raises(BrokerRefused, match="TLS"):
        dial(config, session("clear"))


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"tls": TlsConfig(ca_file="/nowhere/ca.pem")}, "tls.ca_file"),
        ({"tls": TlsConfig(cert_file="/nowhere/c.pem", key_file="/nowhere/k")}, "tls.cert_file"),
        ({"tls": TlsConfig(key_file="credential:key", cert_file="/c.pem")}, "tls.key_file"),
        ({"password_file": "/nowhere/secret", "username": "u"}, "/nowhere/secret"),
    ],
)
def test_files_that_cannot_be_used_are_configuration_errors(
    changes: dict[str, object], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigError) as raised:
        endpoint_of(MqttConfig(host="h", **changes))  # type: ignore[arg-type]
    assert key in str(raised.value)
    assert raised.value.problems[0].fix


# --- connections that die ---------------------------------------------------------------


def test_a_half_open_connection_is_found_within_one_and_a_half_keepalives(
    mosquitto: Mosquitto,
) -> None:
    with ChaosProxy(mosquitto.address) as proxy:
        connection = dial(at(proxy.port, keepalive_s=2), session("half-open"))
        proxy.mode = Mode.HANG
        begun_s = time.monotonic()
        with pytest.raises(BrokerUnreachable):
            collect(connection, 1, timeout_s=20)
        assert time.monotonic() - begun_s <= 1.5 * 2 + 2
        connection.abandon()


def test_a_reset_is_found_at_once(mosquitto: Mosquitto) -> None:
    with ChaosProxy(mosquitto.address) as proxy:
        connection = dial(at(proxy.port), session("reset"))
        proxy.mode = Mode.RESET
        with pytest.raises(BrokerUnreachable, match="broke"):
            collect(connection, 1)
        connection.abandon()


def test_a_slow_link_still_delivers(mosquitto: Mosquitto) -> None:
    with ChaosProxy(mosquitto.address) as proxy:
        connection = dial(at(proxy.port), session("slow"))
        proxy.mode = Mode.SLOW
        connection.publish("t/slow", bytes(2000))
        assert collect(connection, 1)
        connection.close()


def test_the_same_client_id_twice_is_told() -> None:
    taken_over = bytes([0xE0, 2, 0x8E, 0])  # DISCONNECT; Debian 12's mosquitto just closes
    with FakeBroker(lambda level: connack5(0) + taken_over) as fake:
        connection = dial(at(fake.port), session("cloned"))
        with pytest.raises(BrokerRefused, match=r"'cloned'.*in use twice"):
            collect(connection, 1)
        connection.abandon()
