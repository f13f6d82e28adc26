"""A wrong camera password over every command and the agent: two tries on the wire, no more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from agent_process import agent, listening
from broker import Mosquitto, free_port
from fake_camera import LoginServer
from fake_onvif import FakeOnvif

from edge_agent.cli import main

SERIAL = "HK77"


@dataclass
class House:
    """One camera, RTSP and ONVIF under one address, whose password is another than we have."""

    folder: Path
    rtsp: LoginServer
    onvif: FakeOnvif
    wsd_port: int

    @property
    def wrong(self) -> int:
        return self.rtsp.wrong + self.onvif.wrong

    @property
    def etc(self) -> Path:
        return self.folder / "etc"

    def commands(self) -> dict[str, list[str]]:
        login = ["--username", "viewer", "--password-file", str(self.folder / "pw")]
        config = ["--config", str(self.etc)]
        asked = ["--network", "127.0.0.2/30", "--wait", "0.3", f"--wsd-port={self.wsd_port}"]
        wsd = f"--wsd-port={self.wsd_port}"
        return {
            "discover": ["camera", "discover", *login, *asked, *config],
            "find": ["camera", "find", SERIAL, *login, *asked, *config],
            "probe": ["probe", self.rtsp.url(), *login, "--seconds=1"],
            "by-name": [
                "probe",
                self.rtsp.url().replace("127.0.0.1", "localhost"),
                *login,
                "--seconds=1",
            ],
            "setup": ["setup", "--answers", str(self.folder / "answers.toml"), "--yes", *config],
            "doctor": ["doctor", "--no-broker", *config],
            "test": ["camera", "test", "gate", *config],
            "check": ["config", "check", "--online", *config],
            "configured": ["probe", "--camera", "gate", "--seconds=1", *config],
            "add": ["camera", "add", "yard", "127.0.0.1", wsd, *login, *config],
        }


@pytest.fixture
def house(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[House]:
    (tmp_path / "pw").write_text("not-the-password")
    (tmp_path / "pw").chmod(0o600)
    wsd_port = free_port()
    onvif = FakeOnvif("127.0.0.1", "Weird", "Box", "onvif://www.onvif.org/name/IPC", SERIAL)
    with LoginServer("viewer", "right") as rtsp, onvif.running(wsd_port):
        (tmp_path / "answers.toml").write_text(
            'model = "edge-person-int8"\n'
            f'[box]\nward = "ward1"\nid = "box1"\nstate_dir = "{tmp_path}/state"\n'
            f'[mqtt]\nhost = "127.0.0.1"\nport = {mosquitto.port}\nallow_insecure = true\n'
            f'[[cameras]]\nid = "gate"\nurl = "{rtsp.url()}"\nusername = "viewer"\n'
            f'password_from = "{tmp_path}/pw"\n'
        )
        yield House(tmp_path, rtsp, onvif, wsd_port)


def run(house: House, names: Sequence[str]) -> None:
    commands = house.commands()
    for name in names:
        with contextlib.suppress(SystemExit):
            main(commands[name])


#: Before there is a configuration, and after.
FIRST = ("discover", "by-name", "probe", "find")
THEN = ("doctor", "test", "check", "configured", "by-name", "add", "discover", "find", "probe")


@pytest.mark.slow
@pytest.mark.parametrize("first", [FIRST, ()], ids="-".join)
def test_two_wrong_logins_over_all_commands_and_the_agent(
    house: House, mosquitto: Mosquitto, first: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run(house, first)
    assert house.wrong == min(2, len(first)), "a password is tried at all"
    run(house, ["setup"])
    assert (house.etc / "agent.toml").exists(), capsys.readouterr()
    with listening(mosquitto) as (heard, _), agent(house.etc) as process:
        heard.wait(
            lambda: [b for b in heard.bodies("cam/gate") if "refused" in str(b)], timeout_s=20
        )
        run(house, THEN)
        assert process.process.poll() is None
    assert house.wrong == 2
    assert "not-the-password" not in "".join(capsys.readouterr()) + process.log


def test_a_corrected_password_is_tried_at_once(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    run(house, ["discover", "discover", "probe"])
    assert house.wrong == 2
    (house.folder / "pw").write_text("right")
    capsys.readouterr()
    run(house, ["discover"])
    assert house.wrong == 2
    assert SERIAL in capsys.readouterr().out
    (house.folder / "pw").write_text("not-the-password")
    run(house, ["discover"])
    assert house.wrong == 2, "that one still pauses"
