"""`edge-agent tune --recent`: on the footage that the box kept."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import flash
import pytest
from agent_process import write_config

from edge_agent.cli import main


@pytest.fixture
def box(tmp_path: Path) -> Path:
    clip = flash.clip(tmp_path / "flash.avi", rounds=2)
    extra = flash.settings(flash.model(tmp_path))
    config = write_config(tmp_path, 1, {"yard": flash.camera(clip)}, extra=extra)
    kept = tmp_path / "state" / "tuning" / "yard"
    kept.mkdir(parents=True)
    now = dt.datetime.now(dt.UTC)
    for hours, reason in ((1, "person"), (30, "miss")):
        stamp = (now - dt.timedelta(hours=hours)).strftime("%Y%m%dT%H%M%SZ")
        shutil.copy(clip, kept / f"{stamp}-{reason}.mp4")
    return config


def tune(box: Path, *options: str) -> int:
    change = ("--set", "person.confirm_threshold=0.95")
    return main(["tune", "--config", str(box), *options, *change])


def test_it_takes_what_was_kept_since_then(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tune(box, "--recent", "24h", "--camera", "yard", "--json") == 0
    text = json.dumps(json.loads(capsys.readouterr().out))
    assert "-person.mp4" in text
    assert "-miss.mp4" not in text
    assert tune(box, "--recent", "2d", "--json") == 0
    assert "-miss.mp4" in capsys.readouterr().out


def test_nothing_kept_is_said_with_what_to_do(
    box: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune(box, "--recent", "30m") == 1
    assert "edge-agent record yard" in capsys.readouterr().err


def test_neither_clip_nor_span_is_wrong_usage(box: Path) -> None:
    assert tune(box) == 2
