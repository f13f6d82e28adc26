"""`edge-agent camera`, as an installer meets it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from broker import free_port
from fake_onvif import FakeOnvif

from edge_agent.cli import main
from edge_agent.config import load_config
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.demo.scene import SceneSpec, render_clip

HOME = "onvif://www.onvif.org/name/HIKVISION"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agent.toml").write_text(
        f'[box]\nward = "w"\nid = "b"\nstate_dir = "{tmp_path}/state"\n'
        '[mqtt]\nhost = "broker.example"\n'
    )
    (tmp_path / "pw").write_text("right")
    (tmp_path / "pw").chmod(0o600)
    return tmp_path


def test_a_found_camera_is_added_with_what_it_offers(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    login = ["--username", "viewer", "--password-file", str(folder / "pw")]
    with FakeOnvif("127.0.4.1", "HIKVISION", "DS-2CD", HOME, "HK9").running(port) as fake:
        options = [*login, "--wsd-port", str(port), "--config", str(folder)]
        code = main(["camera", "add", "gate", "127.0.4.1", *options])
        assert fake.logins == 1
    assert code == 0, capsys.readouterr().err
    camera = load_config(folder).config.cameras[0]
    assert camera.source.url == "rtsp://127.0.4.1:554/sub"  # type: ignore[union-attr]
    assert (folder / "secrets" / "gate").read_text() == "right\n"
    written = (folder / "cameras.d" / "gate.toml").read_text()
    assert "right" not in written
    assert '# identity = "HK9"' in written, "to follow it is the household's choice"


def test_a_name_that_is_taken_is_refused_and_nothing_changes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["camera", "add", "gate", "192.168.1.64", "--brand", "tapo", "--config", str(folder)]
    assert main(command) == 0
    before = (folder / "cameras.d" / "gate.toml").read_text()
    assert main(command) == 78
    assert "is there already" in capsys.readouterr().err
    assert (folder / "cameras.d" / "gate.toml").read_text() == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["add", "Gate 1", "192.168.1.64", "--brand", "tapo"], "id"),
        (["add", "gate", "192.168.1.64", "--brand", "kodak"], "no brand 'kodak'"),
        (["discover", "--network", "192.168.1"], "192.168.1.0/24"),
    ],
)
def test_wrong_words_are_told_with_the_fix(
    options: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ["--config", str(folder)] if options[0] == "add" else []
    assert main(["camera", *options, *config]) == 78
    assert said in capsys.readouterr().err
    assert not (folder / "cameras.d").exists() or not list((folder / "cameras.d").iterdir())


def test_an_unknown_camera_names_those_that_are_known(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["camera", "test", "door", "--config", str(folder)]) == 1
    assert "no camera 'door'" in capsys.readouterr().err


def test_nobody_in_the_network_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--network", "127.0.9.1/32", "--wait", "0.2"]
    assert main(["camera", "discover", *options]) == 1
    assert "no camera answered" in capsys.readouterr().out
    assert main(["camera", "discover", "--json", *options]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_an_accepted_view_leaves_a_mark_for_the_running_agent(folder: Path) -> None:
    (folder / "state").mkdir()
    assert (
        main(["camera", "add", "gate", "192.168.1.64", "--brand", "tapo", "--config", str(folder)])
        == 0
    )
    assert main(["camera", "accept", "gate", "--config", str(folder)]) == 0
    assert (folder / "state" / "health" / "gate.accept").exists()


def test_a_clock_that_is_off_is_told_in_the_words_of_its_menu(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    clip = tmp_path / "scene.mp4"
    render_clip(clip, SceneSpec(duration_s=2.0))
    port, media = free_port(), Media.load(clip)
    onvif = FakeOnvif("127.0.4.7", "HIKVISION", "DS-2CD", HOME, "HK9", clock_off_s=-7200.0)
    with RtspServer({"Streaming/Channels/102": media}, host="127.0.4.7") as server:
        url = server.url("Streaming/Channels/102")
        (folder / "cameras.d").mkdir()
        (folder / "cameras.d/gate.toml").write_text(
            f'id = "gate"\n[source]\nkind = "rtsp"\nurl = "{url}"\n'
        )
        with onvif.running(port):
            options = ["--config", str(folder), f"--wsd-port={port}"]
            assert main(["camera", "test", "gate", *options]) == 0
    said = capsys.readouterr().out
    assert re.search(r"its clock is -7[12]\d\d s off", said)
    assert "Configuration > System > System Settings > Time Settings: NTP" in said
    assert onvif.logins == 0


def test_what_a_camera_calls_itself_never_commands_the_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    scopes = "onvif://www.onvif.org/hardware/\x9b2J\u202egnp"
    with FakeOnvif("127.0.4.9", "HIKVISION", "DS-2CD", scopes).running(port):
        options = ["--wsd-port", str(port), "--network", "127.0.4.8/29", "--wait", "1"]
        assert main(["camera", "discover", *options, "--config", str(folder)]) == 0
    said = capsys.readouterr().out
    assert r"\x9b2J\u202egnp" in said
    assert said.replace("\n", "").isprintable()
