"""`edge-agent walk` beside a real agent, and alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import flash
import pytest
from agent_inside import inside
from agent_process import write_config

from edge_agent.cli import main

ZONE = '[[zones]]\nname = "door"\npolygon = [[0.2, 0.5], [0.8, 0.5], [0.8, 1], [0.2, 1]]\n'


@pytest.fixture
def box(tmp_path: Path) -> Path:
    clip = flash.clip(tmp_path / "flashing.avi", rounds=30)
    extra = flash.settings(flash.model(tmp_path))
    cameras = {"yard": flash.camera(clip) + ZONE}
    return write_config(tmp_path, 1, cameras, extra=extra)


def walk(box: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["walk", "yard", "--json", "--minutes", "0.07", "--config", str(box)]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_running_agent_is_asked_and_the_camera_is_not_opened_again(
    box: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with inside(box):
        monkeypatch.setattr("edge_agent.tools.zones.own_look.OwnLook.__init__", _never)
        found = walk(box, capsys)
    assert any(person["told"] for person in found["people"])
    assert {"door"} == {zone for person in found["people"] for zone in person["zones"]}
    assert "#" in "".join(found["map"]["cells"])


def _never(*_: object) -> None:
    raise AssertionError("the camera was opened a second time")


def test_without_an_agent_the_command_looks_itself(
    box: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = walk(box, capsys)
    assert any(person["told"] for person in found["people"])
    assert main(["walk", "yard", "--minutes", "0.07", "--config", str(box)]) == 0
    text = capsys.readouterr().out
    assert "no agent runs" in text
    assert "TOLD" in text
    assert "of them told" in text


def test_an_unknown_camera_is_said(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["walk", "gate", "--config", str(box)]) == 1
    assert "there are: yard" in capsys.readouterr().err
