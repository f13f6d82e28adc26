"""`edge-agent record`: of a running agent, and alone."""

from __future__ import annotations

import stat
from pathlib import Path

import av
import flash
import pytest
from agent_inside import inside
from agent_process import write_config

from edge_agent.cli import main
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.demo.scene import render_clip


@pytest.fixture
def box(tmp_path: Path) -> Path:
    clip = flash.clip(tmp_path / "flashing.avi", rounds=40)
    extra = flash.settings(flash.model(tmp_path))
    config = write_config(tmp_path, 1, {"yard": flash.camera(clip)}, extra=extra)
    (tmp_path / "state").mkdir(mode=0o700)
    return config


def record(box: Path) -> list[Path]:
    assert main(["record", "yard", "--minutes", "0.07", "--config", str(box)]) == 0
    return sorted((box / "state" / "tuning" / "yard").iterdir())


def lasts_s(path: Path) -> float:
    with av.open(str(path)) as container:
        times = [packet.pts * packet.time_base for packet in container.demux() if packet.pts]
    return float(max(times))


def test_the_running_agent_records_and_nobody_opens_the_camera_again(
    box: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with inside(box):
        monkeypatch.setattr("edge_agent.tools.zones.recording.OwnRecording.__init__", _never)
        (path,) = record(box)
    assert path.name.endswith("-walk.mp4")
    assert str(path) in capsys.readouterr().out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert 2 < lasts_s(path) < 12


def _never(*_: object) -> None:
    raise AssertionError("the camera was opened a second time")


def test_without_an_agent_the_command_records(box: Path) -> None:
    (path,) = record(box)
    assert path.name.endswith("-walk.mp4")
    assert 2 < lasts_s(path) < 12


@pytest.mark.system
def test_masks_are_black_in_what_an_rtsp_camera_sends(tmp_path: Path) -> None:
    clip = tmp_path / "courtyard.mp4"
    render_clip(clip)
    mask = '[[privacy_masks]]\nname = "w"\npolygon = [[0, 0], [0.3, 0], [0.3, 1], [0, 1]]\n'
    with RtspServer({"a": Media.load(clip)}) as server:
        camera = f'[source]\nkind = "rtsp"\nurl = "{server.url("a")}"\n{mask}'
        box = write_config(tmp_path / "box", 1, {"yard": camera})
        (box / "state").mkdir()
        (path,) = record(box)
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(pictures) > 10
    for picture in pictures:
        edge = int(picture.shape[1] * 0.28)
        assert picture[:, :edge].mean() < 8
        assert picture[:, -edge:].mean() > 30


def test_a_camera_that_is_away_is_said(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    camera = box / "cameras.d" / "yard.toml"
    camera.write_text('id = "yard"\n[source]\nkind = "rtsp"\nurl = "rtsp://127.0.0.1:9/x"\n')
    assert main(["record", "yard", "--minutes", "0.05", "--config", str(box)]) == 1
    assert "nothing was recorded" in capsys.readouterr().out
