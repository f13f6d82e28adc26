"""The demo is what a newcomer runs first: it must succeed, and must not when nobody comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import flash
import psutil
import pytest
from clips import Clip, render

from edge_agent.cli import main
from edge_agent.demo import show
from edge_agent.demo.broker import available
from edge_agent.demo.show import DemoOptions, run_demo
from edge_agent.errors import AgentError


@pytest.fixture
def model() -> str:
    if not available():
        pytest.skip("neither mosquitto nor amqtt is installed")
    return "edge-person-int8"  # comes with the agent


@pytest.mark.slow
def test_person_of_the_rendered_scene_comes_through(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run_demo(DemoOptions(model=model, out=out, seconds=60)) == 0
    told = capsys.readouterr().out
    assert "person start" in told
    assert "person end" in told
    assert cv2.imread(str(out / "person.jpg")) is not None


def test_nobody_comes_so_the_demo_fails(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = render(tmp_path / "bar.mp4", Clip(frames=120))
    options = DemoOptions(source=str(clip), model=model, out=tmp_path / "out", seconds=5)
    assert run_demo(options) == 1
    assert "no person came through" in capsys.readouterr().out


@pytest.fixture
def endless(tmp_path: Path) -> DemoOptions:
    """A demo in which nobody comes for a long time, with the smallest detector."""
    if not available():
        pytest.skip("neither mosquitto nor amqtt is installed")
    clip = render(tmp_path / "bar.mp4", Clip(frames=30))
    model = str(flash.model(tmp_path))
    return DemoOptions(source=str(clip), model=model, out=tmp_path / "out", seconds=600)


def test_agent_that_ends_is_told_at_once_with_its_log(
    endless: DemoOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show, "_AGENT_TOML", show._AGENT_TOML + "\nnonsense = 1\n")
    with pytest.raises(AgentError, match=r"ended by itself \(exit code 78\):\n.*nonsense"):
        run_demo(endless)


def test_sigterm_leaves_no_process_and_no_folder(endless: DemoOptions, tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    options = ["--source", str(endless.source), "--model", endless.model, "--seconds", "600"]
    command = [sys.executable, "-m", "edge_agent", "demo", *options, "--out", str(endless.out)]
    children: list[psutil.Process] = []
    with subprocess.Popen(
        command, env={**os.environ, "TMPDIR": str(folder)}, stdout=subprocess.PIPE, text=True
    ) as demo:
        try:
            assert demo.stdout
            assert any("is online" in line for line in demo.stdout), "the agent never came"
            children = psutil.Process(demo.pid).children(recursive=True)
            assert len(children) >= 2, "the broker and the agent"
            demo.send_signal(signal.SIGTERM)
            assert demo.wait(30) == 128 + signal.SIGTERM
        finally:
            demo.kill()
            left = [child for child in children if child.is_running()]
            for child in left:
                child.kill()
    assert left == []
    assert list(folder.glob("edge-agent-*")) == []


def test_folder_that_cannot_be_made_is_one_line_before_anything_starts(
    endless: DemoOptions, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--model", endless.model, "--out", "/proc/none"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("edge-agent: /proc/none: no picture can be put there (")
    assert len(err.splitlines()) == 1
