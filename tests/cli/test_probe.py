"""`edge-agent probe --camera`: the camera as its file says, in lines and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import clips
import numpy as np
import pytest
from config_files import write

from edge_agent.cli import main
from edge_agent.demo.rtsp_login import ViewerLogin
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer

AGENT = '[box]\nward = "w"\nid = "b"\nstate_dir = "{state}"\n[mqtt]\nhost = "127.0.0.1"\n'
GREY = np.full((64, 64, 3), 90, np.uint8)


def rendered(path: Path, width: int) -> Media:
    picture = np.resize(GREY, (width, width, 3))
    clip = clips.Clip(width=width, height=width, frames=60, gop=10)
    return Media.load(clips.render(path, clip, lambda *_: picture))


def test_a_camera_as_configured_with_its_login_and_main_stream(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    media = {"sub": rendered(tmp_path / "sub.mp4", 64), "main": rendered(tmp_path / "m.mp4", 128)}
    (tmp_path / "pw").write_text("secret")
    (tmp_path / "pw").chmod(0o600)
    with RtspServer(media, login=ViewerLogin("viewer", "secret")) as server:
        camera = (
            f'id = "gate"\n[source]\nkind = "rtsp"\nurl = "{server.url("sub")}"\n'
            f'main_url = "{server.url("main")}"\nusername = "viewer"\n'
            f'password_file = "{tmp_path}/pw"\n'
        )
        folder = write(tmp_path, AGENT.format(state=tmp_path), gate=camera)
        options = ["probe", "--camera", "gate", "--config", str(folder), "--seconds", "2"]
        assert main([*options, "--json"]) == 0
        sub, main_stream = json.loads(capsys.readouterr().out)
        assert main(options) == 0
        lines = capsys.readouterr().out
    assert (sub["codec"], sub["size"], main_stream["size"]) == ("h264", "64x64", "128x128")
    assert sub["key_interval_s"] > 0
    assert "secret" not in f"{sub}{main_stream}{lines}"
    assert lines.count("codec ") == 2


def test_a_camera_that_is_not_there_is_said_with_those_that_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera = 'id = "gate"\n[source]\nkind = "rtsp"\nurl = "rtsp://127.0.0.1:9/x"\n'
    folder = write(tmp_path, AGENT.format(state=tmp_path), gate=camera)
    assert main(["probe", "--camera", "gat", "--config", str(folder)]) == 1
    assert f"no camera 'gat' in {folder}; there are: gate" in capsys.readouterr().err


def test_a_password_file_may_be_named_from_where_one_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cam.pw").write_text("secret")
    (tmp_path / "cam.pw").chmod(0o600)
    monkeypatch.chdir(tmp_path)
    media = {"sub": rendered(tmp_path / "sub.mp4", 64)}
    with RtspServer(media, login=ViewerLogin("viewer", "secret")) as server:
        login = ["--username", "viewer", "--password-file", "cam.pw", "--seconds", "1"]
        assert main(["probe", server.url("sub"), *login]) == 0
    assert "h264" in capsys.readouterr().out


def test_something_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["probe"])
    assert ended.value.code == 2
    capsys.readouterr()
