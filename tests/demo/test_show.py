"""The demo is what a newcomer runs first: it must succeed, and must not when nobody comes."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from clips import Clip, render
from shared_data import require_model

from edge_agent.demo.broker import available
from edge_agent.demo.show import DemoOptions, run_demo


@pytest.fixture
def model() -> str:
    if not available():
        pytest.skip("neither mosquitto nor amqtt is installed")
    return str(require_model("yolox_nano_416.onnx"))


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
