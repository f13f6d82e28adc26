"""What `doctor` says of real brokers: name, certificates, round trip, contract, rights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from broker import BrokerTls, Mosquitto
from fake_broker import FakeBroker
from pki import Authority

from edge_agent.clock import SystemClock
from edge_agent.config import BoxConfig, Config, MqttConfig, TlsConfig
from edge_agent.tools.doctor import DoctorFinding
from edge_agent.tools.doctor.broker import look_at_broker


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


def findings(mqtt: MqttConfig) -> list[DoctorFinding]:
    config = Config(box=BoxConfig(ward="ward1", id="box1"), mqtt=mqtt)
    return list(look_at_broker(config, SystemClock()))


def with_tls(folder: Path, authority: Authority, days: float) -> Mosquitto:
    pair = authority.issue("127.0.0.1", days=days)
    tls = BrokerTls(authority.ca, pair.cert, pair.key, require_certificate=True)
    return Mosquitto(folder, tls=tls).start()


def client(authority: Authority, port: int, days: float, *, expired: bool = False) -> MqttConfig:
    own = authority.issue("box1", days=days, expired=expired)
    tls = TlsConfig(ca_file=str(authority.ca), cert_file=str(own.cert), key_file=str(own.key))
    return MqttConfig(host="127.0.0.1", port=port, tls=tls)


@pytest.fixture
def secured(tmp_path: Path, authority: Authority) -> Iterator[Mosquitto]:
    broker = with_tls(tmp_path / "broker", authority, 200)
    yield broker
    broker.stop()


def test_a_good_broker_is_told_with_certificates_round_trip_and_contract(
    secured: Mosquitto, authority: Authority
) -> None:
    own, theirs, broker = findings(client(authority, secured.port, 100))
    assert own.found.startswith("99 days left, until 20")
    assert theirs.subject == "the broker's certificate (127.0.0.1)"
    assert theirs.found.startswith("199 days left")
    assert f"127.0.0.1:{secured.port}: MQTT 5, contract ea/v1, connected in " in broker.found
    assert "round trip" in broker.found
    assert [each.code for each in (own, theirs, broker)] == ["", "", ""]


@pytest.mark.parametrize(("days", "code"), [(20, "EA-BRK-003"), (31, "")])
def test_own_certificate_that_ends_soon(
    days: float, code: str, secured: Mosquitto, authority: Authority
) -> None:
    own, _, broker = findings(client(authority, secured.port, days))
    assert (own.code, broker.code) == (code, "")


def test_own_certificate_that_has_ended(secured: Mosquitto, authority: Authority) -> None:
    own, refused = findings(client(authority, secured.port, 10, expired=True))
    assert own.code == "EA-BRK-004"
    assert refused.code in ("EA-BRK-001", "EA-BRK-002")


def test_the_brokers_certificate_that_ends_soon(tmp_path: Path, authority: Authority) -> None:
    broker = with_tls(tmp_path / "broker", authority, 12)
    try:
        _, theirs, connected = findings(client(authority, broker.port, 100))
    finally:
        broker.stop()
    assert (theirs.code, connected.code) == ("EA-BRK-006", "")
    assert theirs.found.startswith("11 days left")


def test_a_broker_whose_rights_keep_commands_away(tmp_path: Path) -> None:
    """mosquitto grants a subscription to all; a broker of another make says no."""
    with FakeBroker(suback=0x87) as broker:
        (denied,) = findings(MqttConfig(host="127.0.0.1", port=broker.port, allow_insecure=True))
    assert denied.code == "EA-BRK-005"
    assert "ea/v1/ward1/box1/cmd/doctor" in denied.found


def test_a_broker_that_answers_nothing_after_the_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge_agent.tools.doctor.broker._ANSWER_S", 0.5)
    with FakeBroker(suback=None) as broker:
        (silent,) = findings(MqttConfig(host="127.0.0.1", port=broker.port, allow_insecure=True))
    assert silent.code == "EA-BRK-007"


def test_a_wrong_password_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("wrong")
    (tmp_path / "pw").chmod(0o600)
    broker = Mosquitto(tmp_path / "broker", passwords={"box1": "right"}).start()
    try:
        (refused,) = findings(
            MqttConfig(
                host="127.0.0.1",
                port=broker.port,
                allow_insecure=True,
                username="box1",
                password_file=str(tmp_path / "pw"),
            )
        )
    finally:
        broker.stop()
    assert refused.code == "EA-BRK-002"
