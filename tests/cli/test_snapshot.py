"""`edge-agent snapshot`: of a real agent, of a real camera, and what it must not do."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import cv2
import flash
import numpy as np
import pytest
from agent_inside import AgentInside, inside
from agent_process import write_config

from edge_agent.cli import main
from edge_agent.demo.rtsp_login import ViewerLogin
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.demo.scene import SceneSpec, render_clip

MASKED = """
[[privacy_masks]]
name = "window"
polygon = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
"""


def brightness(path: Path) -> tuple[float, float]:
    """Of the left and the right half."""
    picture = cv2.imread(str(path))
    assert picture is not None
    half = picture.shape[1] // 2
    return float(np.mean(picture[:, : half - 4])), float(np.mean(picture[:, half + 4 :]))


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    return flash.clip(folder / "standing.avi", bright_s=60, dark_s=0)


@pytest.fixture
def box(tmp_path: Path, standing: Path) -> Path:
    cameras = {"yard": flash.camera(standing) + MASKED}
    extra = flash.settings(flash.model(tmp_path))
    return write_config(tmp_path, 1, cameras, extra=extra)


@pytest.fixture
def running(box: Path) -> Iterator[AgentInside]:
    with inside(box) as agent:
        yield agent


def snapshot(config: Path, *options: str) -> tuple[int, Path]:
    out = config / "out.jpg"
    return main(["snapshot", *options, "--config", str(config), "-o", str(out)]), out


def test_the_running_agent_shows_its_picture_and_nobody_opens_the_camera(
    box: Path, running: AgentInside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("the camera was opened a second time")

    monkeypatch.setattr("edge_agent.tools.zones.fresh.open_source", opened)
    code, out = snapshot(box, "yard")
    assert code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    left, right = brightness(out)
    assert left < 10, "the privacy mask is black"
    assert right > 150


def test_the_socket_is_the_agents_alone(box: Path, running: AgentInside) -> None:
    assert stat.S_IMODE((box / "state" / "live.sock").stat().st_mode) == 0o600


def test_without_an_agent_the_camera_is_opened_masked_and_drawn(box: Path) -> None:
    code, out = snapshot(box, "yard")
    assert code == 0
    left, right = brightness(out)
    assert (left < 10, right > 150) == (True, True)
    plain = cv2.imread(str(out))
    code, out = snapshot(box, "yard", "--grid")
    drawn = cv2.imread(str(out))
    assert plain is not None
    assert drawn is not None
    assert code == 0
    assert drawn.shape[1] > plain.shape[1]


def test_a_recorders_folder_needs_a_clip(
    tmp_path: Path, standing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = '[source]\nkind = "folder"\npath = "."\ntemplate = "{camera}/%Y%m%d_%H%M%S.mp4"\n'
    config = write_config(tmp_path, 1, {"yard": folder})
    code, out = snapshot(config, "yard")
    assert code == 1
    assert "--clip FILE" in capsys.readouterr().err
    code, out = snapshot(config, "yard", "--clip", str(standing))
    assert code == 0
    assert brightness(out)[1] > 150


def test_wrong_logins_are_counted_together_with_all_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = tmp_path / "courtyard.mp4"
    render_clip(clip, SceneSpec(duration_s=2.0))
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")
    secret.chmod(0o600)
    with RtspServer({"a": Media.load(clip)}, login=ViewerLogin("viewer", "right")) as server:
        source = f'[source]\nkind = "rtsp"\nurl = "{server.url("a")}"\nusername = "viewer"\n'
        config = write_config(
            tmp_path / "box", 1, {"yard": f'{source}password_file = "{secret}"\n'}
        )
        (config / "state").mkdir()
        assert [snapshot(config, "yard")[0] for _ in range(4)] == [1] * 4
        assert server.counts().wrong == 2
        assert "next try in" in capsys.readouterr().err
        secret.write_text("right\n")
        assert snapshot(config, "yard")[0] == 0
