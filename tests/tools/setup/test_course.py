"""The course of a setup: steps alone, pictures, what is refused, what is interrupted."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from broker import Mosquitto, free_port
from fake_onvif import FakeOnvif

from edge_agent.cli import main
from edge_agent.config import load_config
from edge_agent.demo.rtsp_login import ViewerLogin
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.demo.scene import SceneSpec, render_clip
from edge_agent.discovery import FoundCamera
from edge_agent.errors import OperatorError, StorageError
from edge_agent.tools.setup import Answers, Terminal, ask_everything, write, writing
from edge_agent.tools.setup.answers import BoxAnswers, BrokerAnswers, CameraAnswers

PASSWORD = "cam-canary-9"
#: Nothing is measured.
NAMED = 'model = "edge-person-int8"'


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a camera that shows a person and wants a login."""
    clip = tmp_path_factory.mktemp("clip") / "courtyard.mp4"
    render_clip(clip, SceneSpec(duration_s=4.0))
    with RtspServer({"stream2": Media.load(clip)}, login=ViewerLogin("viewer", PASSWORD)) as server:
        yield server.url("stream2")


def answers(folder: Path, port: int, camera: str = "", more: str = "") -> list[str]:
    """The options of an unattended setup."""
    (folder / "pw").write_text(PASSWORD)
    text = f'{more or NAMED}\n[box]\nward = "w"\nid = "b"\nstate_dir = "{folder}/state"\n'
    text += f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\nallow_insecure = true\n'
    if camera:
        text += f'[[cameras]]\nid = "gate"\nurl = "{camera}"\nusername = "viewer"\n'
        text += f'password_from = "{folder}/pw"\n'
    (folder / "answers.toml").write_text(text)
    return [
        "--answers",
        str(folder / "answers.toml"),
        "--config",
        str(folder / "etc"),
        "--no-fetch",
    ]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_picture_is_described_and_saved_for_its_person_only(
    tmp_path: Path, mosquitto: Mosquitto, camera: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = answers(tmp_path, mosquitto.port, camera, f'pictures = "{tmp_path}/look"')
    assert main(["setup", *options]) == 0, capsys.readouterr()
    said = capsys.readouterr().out
    assert "picture: good light" in said or "picture: bright light" in said
    assert "seen" in said
    saved = tmp_path / "look" / "gate.jpg"
    assert saved.read_bytes()[:3] == b"\xff\xd8\xff"
    assert mode(saved) == 0o600
    assert mode(saved.parent) == 0o700
    assert "round trip" in said
    assert "detector: " in said
    assert "ok configuration: fine, 1 camera" in said, "it ends with the doctor"
    assert PASSWORD not in said
    assert mode(tmp_path / "state") == 0o700
    # Again, alone, of what is configured.
    saved.unlink()
    config = ["--config", str(tmp_path / "etc"), "--pictures", str(tmp_path / "look")]
    assert main(["setup", "--step", "pictures", *config]) == 0
    assert mode(saved) == 0o600


def test_a_saved_picture_is_sudos_callers(
    tmp_path: Path, mosquitto: Mosquitto, camera: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    monkeypatch.setenv("SUDO_UID", "1234")
    monkeypatch.setenv("SUDO_GID", "1235")
    options = answers(tmp_path, mosquitto.port, camera)
    assert main(["setup", *options, "--pictures", str(tmp_path / "look")]) == 0
    about = (tmp_path / "look" / "gate.jpg").stat()
    assert (about.st_uid, about.st_gid) == (1234, 1235)


# --- steps alone --------------------------------------------------------------------------


@pytest.fixture
def box(tmp_path: Path, mosquitto: Mosquitto, capsys: pytest.CaptureFixture[str]) -> Path:
    """A box that is set up, with a comment of its household."""
    options = answers(tmp_path, mosquitto.port)
    assert main(["setup", *options, "--no-try"]) == 0, capsys.readouterr()
    toml = tmp_path / "etc/agent.toml"
    toml.write_text(toml.read_text() + "\n# the household's own words\n")
    return tmp_path


def step(box: Path, name: str, text: str, *more: str) -> int:
    (box / "step.toml").write_text(text)
    options = ["--answers", str(box / "step.toml"), "--config", str(box / "etc"), "--no-fetch"]
    return main(["setup", "--step", name, *options, *more])


def test_a_step_changes_its_part_and_nothing_else(box: Path) -> None:
    toml = box / "etc/agent.toml"
    before = toml.read_text()
    assert step(box, "box", '[box]\nward = "w2"\nid = "b"\ntimezone = "Asia/Ho_Chi_Minh"\n') == 0
    config = load_config(box / "etc").config
    assert (config.box.ward, config.box.timezone) == ("w2", "Asia/Ho_Chi_Minh")
    changed = [
        (a, b)
        for a, b in zip(before.splitlines(), toml.read_text().splitlines(), strict=True)
        if a != b
    ]
    assert len(changed) == 2, changed
    assert "# as the ward's server knows it" in changed[0][1], "comments stay"


def test_the_broker_step_keeps_the_password_that_is_there(box: Path) -> None:
    port = load_config(box / "etc").config.mqtt.port
    (box / "mqtt").write_text("broker-canary")
    first = f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\nallow_insecure = true\nusername = "b"\n'
    assert step(box, "broker", first + f'password_from = "{box}/mqtt"\n') == 0
    secret = box / "etc/secrets/mqtt"
    assert secret.read_text() == "broker-canary\n"
    assert mode(secret) == 0o600
    assert step(box, "broker", first.replace('"b"', '"other"')) == 0
    config = load_config(box / "etc").config.mqtt
    assert (config.username, config.password_file) == ("other", str(secret))
    assert secret.read_text() == "broker-canary\n"
    assert step(box, "broker", first.replace("127.0.0.1", "nobody.invalid")) == 1
    assert load_config(box / "etc").config.mqtt == config, "what does not answer is not written"
    assert "household" in (box / "etc/agent.toml").read_text()


def test_the_cameras_step_adds_and_leaves_what_is_there(
    box: Path, camera: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (box / "pw").write_text(PASSWORD)
    login = f'username = "viewer"\npassword_from = "{box}/pw"\n'
    gate = f'[[cameras]]\nid = "gate"\nurl = "{camera}"\n{login}'
    assert step(box, "cameras", gate) == 0, capsys.readouterr()
    mine = (box / "etc/cameras.d/gate.toml").read_text() + "# mine\n"
    (box / "etc/cameras.d/gate.toml").write_text(mine)
    dead = f'[[cameras]]\nid = "yard"\nurl = "rtsp://127.0.0.1:{free_port()}/s"\n'
    assert step(box, "cameras", gate + dead) == 1
    assert [path.name for path in (box / "etc/cameras.d").iterdir()] == ["gate.toml"]
    assert step(box, "cameras", gate + dead, "--yes") == 0
    assert (box / "etc/cameras.d/gate.toml").read_text() == mine
    assert [each.id for each in load_config(box / "etc").config.cameras] == ["gate", "yard"]
    assert "kept as it was" in capsys.readouterr().out


def test_the_model_step_and_the_check(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert step(box, "model", 'model = "edge-person"\n') == 0
    assert load_config(box / "etc").config.detector.model == "edge-person"
    assert step(box, "model", "") == 0, "measured on this box"
    assert "ms a look here" in capsys.readouterr().out
    assert main(["setup", "--step", "check", "--config", str(box / "etc")]) == 0
    assert "round trip" in capsys.readouterr().out


def test_a_step_of_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["setup", "--step", "model", "--config", str(tmp_path)]) == 78
    assert "agent.toml" in capsys.readouterr().err


# --- asked ------------------------------------------------------------------------------


def asked(lines: Sequence[str], found: Sequence[FoundCamera]) -> tuple[Answers, list[str]]:
    left, said = iter(lines), list[str]()

    def ask(question: str) -> str:
        said.append(question)
        return next(left)

    terminal = Terminal(ask, lambda question: PASSWORD, said.append)
    told = ask_everything(terminal, "UTC", lambda: found)
    assert next(left, None) is None, "every answer was asked for"
    return told.answers, said


BOX = ["w", "b", "", "broker.example", "", "", "", "", ""]


def test_found_cameras_are_offered_and_their_login_is_typed_once() -> None:
    found = [
        FoundCamera("192.168.1.64", "hikvision", "its name says", serial="HK1", model="DS-2CD"),
        FoundCamera("192.168.1.65", "dahua", "its name says", hardware="3c:ef:8c:00:00:01"),
    ]
    lines = [*BOX, "3", "2", "gate", "", "", "viewer", "y", "1", "yard", "", "", "", "n"]
    told, said = asked(lines, found)
    assert [(c.address, c.brand, c.username, c.identity) for c in told.cameras] == [
        ("192.168.1.65", "dahua", "viewer", "3c:ef:8c:00:00:01"),
        ("192.168.1.64", "hikvision", "viewer", "HK1"),
    ]
    assert any("192.168.1.64" in line and "DS-2CD" in line for line in said)
    assert not any("Brand" in line for line in said), "what was found is not asked"


def test_another_than_those_that_were_found_is_typed() -> None:
    found = [FoundCamera("192.168.1.64", "hikvision", "its name says")]
    told, _ = asked([*BOX, "", "gate", "", "3", "192.168.1.70", "", "viewer", "n"], found)
    assert [(c.address, c.brand) for c in told.cameras] == [("192.168.1.70", "tapo")]


# --- interrupted ----------------------------------------------------------------------------


def everything() -> tuple[Answers, dict[str, str]]:
    cameras = tuple(
        CameraAnswers(name, brand="tapo", address="h", username="v") for name in ("gate", "yard")
    )
    box = BoxAnswers("w", "b", "UTC")
    return Answers(box, BrokerAnswers("broker.example", username="b"), cameras), {
        "mqtt": "a",
        "gate": "b",
        "yard": "c",
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"folder"
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("nth", range(6))
def test_a_full_disk_at_any_file_leaves_what_was_there(
    nth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etc = tmp_path / "etc"
    (etc / "cameras.d").mkdir(parents=True)
    (etc / "cameras.d/yard.toml").write_text('id = "yard"\n[source]\nkind = "rtsp"\n')
    before, real, count = contents(tmp_path), writing.write_atomically, 0

    def failing(path: Path, data: bytes, mode: int = 0o600) -> None:
        nonlocal count
        count += 1
        if count == nth + 1:
            raise StorageError(f"{path}: cannot be written: No space left on device")
        real(path, data, mode)

    monkeypatch.setattr(writing, "write_atomically", failing)
    with pytest.raises(OperatorError, match="No space left"):
        write(*everything(), etc, overwrite=True)
    assert contents(tmp_path) == before


def test_ctrl_c_while_files_are_written_leaves_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = writing.write_atomically

    def interrupted(path: Path, data: bytes, mode: int = 0o600) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        real(path, data, mode)

    monkeypatch.setattr(writing, "write_atomically", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(*everything(), tmp_path / "etc")
    assert len(load_config(tmp_path / "etc").config.cameras) == 2
    assert (tmp_path / "etc/secrets/mqtt").read_text() == "a\n"


def test_ctrl_c_at_a_question_writes_nothing(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "edge_agent", "setup", "--config", str(tmp_path / "etc")]
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    seen = b""
    for prompt, typed in ((b"ward", b"w\n"), (b"box", b"b\n"), (b"zone", b"")):
        while prompt + b" [" not in seen and prompt + b": " not in seen:
            seen += os.read(master, 4096)
        os.write(master, typed)
    # A signal between Python's look for one and its read of the terminal is seen at the next.
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2)
    assert process.returncode == 130
    seen += os.read(master, 4096)
    os.close(master)
    assert b"nothing was written" in seen
    assert b"Traceback" not in seen
    assert not (tmp_path / "etc").exists()


def test_answers_that_end_early_write_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge_agent", "setup", "--config", str(tmp_path / "etc")]
    done = subprocess.run(command, input="w\nb\n", capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "nothing was written" in done.stdout
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "etc").exists()


def test_cameras_that_answer_over_onvif_are_what_setup_offers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    lines = iter([*BOX, "1", "gate", "", "", "viewer", "n"])
    monkeypatch.setattr("builtins.input", lambda question: next(lines))
    monkeypatch.setattr("edge_agent.cli.setup._SEARCH_S", 0.5)
    # That of this machine, which a test does not make.
    monkeypatch.setattr("edge_agent.tools.setup.course.give_state_dir", lambda folder: None)
    monkeypatch.setattr(
        Terminal.__init__,
        "__defaults__",
        (lambda question: next(lines), lambda question: PASSWORD, print),
    )
    scopes = "onvif://www.onvif.org/name/Tapo_C310"
    with FakeOnvif("127.0.0.1", "TP-Link", "C310", scopes, "TP1").running(port) as fake:
        options = ["--network", "127.0.0.2/30", f"--wsd-port={port}", "--no-try", "--no-fetch"]
        code = main(["setup", "--config", str(tmp_path / "etc"), *options])
        assert fake.logins == 0, "nobody is asked with a login while it is looked for"
    assert code == 0, capsys.readouterr()
    (camera,) = load_config(tmp_path / "etc").config.cameras
    assert camera.source.url == "rtsp://127.0.0.1:554/stream2"  # type: ignore[union-attr]
