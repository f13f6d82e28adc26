"""`edge-agent ingest`, as a technician meets it."""

from __future__ import annotations

import json
from pathlib import Path

import flash
import pytest
from config_files import AGENT

from edge_agent.cli import main

GATE = """id = "gate"

[source]
kind = "folder"
path = "{folder}"
max_age_days = 0.01
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips that follow each other, years old; and a text that says it is one."""
    folder = tmp_path_factory.mktemp("uploads")
    flash.clip(folder / "gate_20240101-080000.avi", bright_s=2, dark_s=2, dark_first=True)
    flash.clip(folder / "gate_20240101-080004.avi", bright_s=2, dark_s=2, seed=4)
    (folder / "gate_20240101-090000.mp4").write_text("not a film")
    return folder


def test_folder_is_analysed_at_once_into_the_outbox_and_only_once(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = AGENT.replace("[mqtt]", f'state_dir = "{tmp_path / "state"}"\n\n[mqtt]', 1)
    text += flash.settings(flash.model(tmp_path)) + "[defaults.motion]\nevents = false\n"
    (tmp_path / "agent.toml").write_text(text)
    (tmp_path / "cameras.d").mkdir()
    (tmp_path / "cameras.d" / "gate.toml").write_text(GATE.format(folder=folder))
    config = ["--config", str(tmp_path)]
    assert main(["ingest", str(folder), "--once", *config]) == 0
    out = capsys.readouterr().out
    assert out.startswith("2 done, 1 refused; 40 pictures analysed")
    assert "2024-01-01 08:00:02.0Z" in out
    assert "2 messages wait in the outbox" in out
    assert main(["ingest", str(folder), "--once", *config]) == 0
    assert "0 pictures analysed" in capsys.readouterr().out
    assert main(["ingest", "status", "--json", *config]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["cameras"]["gate"]["done"] == 2
    assert status["cameras"]["gate"]["refused"] == 1
    (refused,) = status["refused"]
    assert refused["file"].endswith("gate_20240101-090000.mp4")
    assert "is no video" in refused["reason"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["status", "--once"], 2, "only looks"),
        (["/srv"], 2, "give --once"),
        (["/nowhere-at-all", "--once"], 1, "is no folder"),
        (["status", "--state-dir", "/nowhere-at-all"], 1, "No such file"),
    ],
)
def test_misuse_is_one_clear_line(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ingest", *arguments]) == code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
