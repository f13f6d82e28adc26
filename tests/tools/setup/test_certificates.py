"""The ward's certificates come along: a stick is pulled out, a home hidden from the service."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

import pytest
from broker import BrokerTls, Mosquitto
from pki import Authority, Pair
from tls_front import tls_front

from edge_agent.cli.main import main
from edge_agent.clock import SystemClock
from edge_agent.config import load_config
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.demo.scene import SceneSpec, render_clip
from edge_agent.errors import ConfigError
from edge_agent.sources import login_guard
from edge_agent.tools.setup import Answers, Terminal, write
from edge_agent.tools.setup.answers import BoxAnswers, BrokerAnswers, CameraAnswers
from edge_agent.tools.setup.certificates import certificate_problem, key_problem
from edge_agent.tools.setup.dialogue import ask_broker
from edge_agent.tools.setup.trying import BROKER, tried

BOX = BoxAnswers("w", "b", "UTC")


@pytest.fixture
def stick(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "Thẻ nhớ")


@pytest.fixture
def own(stick: Authority) -> Pair:
    return stick.issue("b")


def answers(ca: Path, own: Pair | None = None, port: int = 8883) -> Answers:
    cert, key = (str(own.cert), str(own.key)) if own else ("", "")
    mqtt = BrokerAnswers("127.0.0.1", port, ca_file=str(ca), cert_file=cert, key_file=key)
    return Answers(BOX, mqtt)


def test_certificates_are_copied_for_the_service_and_the_key_for_it_alone(
    tmp_path: Path, stick: Authority, own: Pair
) -> None:
    etc = tmp_path / "etc"
    write(answers(stick.ca, own), {}, etc)
    tls = load_config(etc).config.mqtt.tls
    assert (tls.ca_file, tls.cert_file, tls.key_file) == (
        f"{etc}/tls/ca.pem",
        f"{etc}/tls/box.pem",
        f"{etc}/secrets/box.key",
    )
    for copy, original in (
        (etc / "tls" / "ca.pem", stick.ca),
        (etc / "tls" / "box.pem", own.cert),
        (etc / "secrets" / "box.key", own.key),
    ):
        assert copy.read_text() == original.read_text()
        mode = 0o600 if copy.suffix == ".key" else 0o644
        assert stat.S_IMODE(copy.stat().st_mode) == mode
    assert stat.S_IMODE((etc / "tls").stat().st_mode) == 0o755


def test_what_lies_with_the_configuration_stays_as_it_is(tmp_path: Path, stick: Authority) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    mine = etc / "ward.pem"
    mine.write_bytes(stick.ca.read_bytes())
    write(answers(mine), {}, etc)
    assert load_config(etc).config.mqtt.tls.ca_file == str(mine)
    assert not (etc / "tls").exists()


def test_a_key_beside_a_certificate_is_not_made_readable(
    tmp_path: Path, stick: Authority, own: Pair
) -> None:
    both = tmp_path / "both.pem"
    both.write_text("Chứng chỉ\n" + own.cert.read_text() + own.key.read_text())
    write(answers(both), {}, tmp_path / "etc")
    assert (tmp_path / "etc" / "tls" / "ca.pem").read_text() == own.cert.read_text()


def test_a_certificate_as_windows_saves_it(tmp_path: Path, stick: Authority) -> None:
    der = tmp_path / "ca.cer"
    der.write_bytes(ssl.PEM_cert_to_DER_cert(stick.ca.read_text()))
    write(answers(der), {}, tmp_path / "etc")
    assert (tmp_path / "etc" / "tls" / "ca.pem").read_text() == stick.ca.read_text()


def test_files_that_are_no_certificate_are_named_and_nothing_is_written(
    tmp_path: Path, stick: Authority, own: Pair
) -> None:
    other, text, cut = stick.issue("other"), tmp_path / "a.txt", tmp_path / "cut.pem"
    text.write_text("xin chào\n")
    cut.write_text(stick.ca.read_text().replace("M", "", 1))
    for wrong in (text, cut, own.key, tmp_path, tmp_path / "gone", Path("x" * 5000), Path("a\0b")):
        assert certificate_problem(str(wrong)), wrong
        with pytest.raises(ConfigError, match=r"mqtt\.ca_file"):
            write(answers(wrong), {}, tmp_path / "etc")
    with pytest.raises(ConfigError, match=r"mqtt\.key_file"):
        write(answers(stick.ca, Pair(own.cert, other.key)), {}, tmp_path / "etc")
    assert key_problem(str(own.cert), "")
    assert not (tmp_path / "etc").exists()


def test_a_wrong_file_is_asked_for_again(stick: Authority, own: Pair) -> None:
    said: list[str] = []
    lines = iter(
        ["ward.example", "", "", "/không/có", str(stick.ca), str(own.cert), "", str(own.key)]
    )
    broker = ask_broker(
        Terminal(lambda question: next(lines), say=said.append), BrokerAnswers(""), {}
    )
    assert (broker.ca_file, broker.key_file) == (str(stick.ca), str(own.key))
    assert len(said) == 2


def test_the_broker_is_tried_with_them(tmp_path: Path, stick: Authority, own: Pair) -> None:
    server = stick.issue("127.0.0.1")
    tls = BrokerTls(stick.ca, server.cert, server.key, require_certificate=True)
    broker = Mosquitto(tmp_path / "broker", tls=tls)
    broker.start()
    try:
        clock = SystemClock()
        guard = login_guard(tmp_path / "state", clock)
        given = answers(stick.ca, own, broker.port)
        (trial,) = tried(given, {}, guard, clock, [BROKER])
        assert not trial.stands_in_the_way, trial.findings
        stranger = answers(Authority(tmp_path / "other").ca, own, broker.port)
        (refused,) = tried(stranger, {}, guard, clock, [BROKER])
        assert refused.stands_in_the_way
    finally:
        broker.stop()


def test_the_broker_step_takes_the_new_certificate_of_the_ward(
    tmp_path: Path, stick: Authority
) -> None:
    etc = tmp_path / "etc"
    write(answers(stick.ca), {}, etc)
    new = Authority(tmp_path / "new").ca
    given = tmp_path / "answers.toml"
    given.write_text(f'[mqtt]\nhost = "127.0.0.1"\nca_file = "{new}"\n')
    options = ["--config", str(etc), "--step", "broker", "--no-try", "--answers", str(given)]
    assert main(["setup", *options]) == 0
    assert load_config(etc).config.mqtt.tls.ca_file == str(etc / "tls" / "ca.pem")
    assert (etc / "tls" / "ca.pem").read_text() == new.read_text()


def test_a_cameras_certificate_comes_along_and_it_is_tried_with_it(
    tmp_path: Path, stick: Authority
) -> None:
    etc, clip = tmp_path / "etc", tmp_path / "courtyard.mp4"
    render_clip(clip, SceneSpec(duration_s=4.0))
    mqtt = BrokerAnswers("broker.example")
    with (
        RtspServer({"main": Media.load(clip)}) as server,
        tls_front(stick.issue("127.0.0.1"), server.port) as front,
    ):
        url = f"rtsps://127.0.0.1:{front.port}/main"
        gate = CameraAnswers("gate", url=url, ca_file=str(stick.ca))
        clock = SystemClock()
        guard = login_guard(tmp_path / "state", clock)
        (trial,) = tried(Answers(BOX, mqtt, (gate,)), {}, guard, clock, ["gate"])
        assert not trial.stands_in_the_way, trial.findings
    write(Answers(BOX, mqtt, (gate,)), {}, etc)
    copy = etc / "tls" / "camera-gate.pem"
    assert load_config(etc).config.cameras[0].source.ca_file == str(copy)  # type: ignore[union-attr]
    assert copy.read_text() == stick.ca.read_text()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o644
    text = tmp_path / "a.txt"
    text.write_text("xin chào\n")
    wrong = CameraAnswers("yard", url=url, ca_file=str(text))
    with pytest.raises(ConfigError, match=r"cameras\.yard\.ca_file"):
        write(Answers(BOX, mqtt, (wrong,)), {}, etc)
    assert not (etc / "cameras.d" / "yard.toml").exists()
