"""`edge-agent ingest`, as a technician meets it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import flash
import pytest
from config_files import AGENT
from ingest_box import found

from edge_agent.cli import main
from edge_agent.clock import SystemClock
from edge_agent.config import OutboxConfig
from edge_agent.domain import CameraId
from edge_agent.errors import SourceUnreachable
from edge_agent.outbox import Outbox, commit_together
from edge_agent.recorders.ingest import clip_work
from edge_agent.recorders.ledger import rows as ledger

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


def config_of(tmp_path: Path, folder: Path) -> list[str]:
    text = AGENT.replace("[mqtt]", f'state_dir = "{tmp_path / "state"}"\n\n[mqtt]', 1)
    text += flash.settings(flash.model(tmp_path)) + "[defaults.motion]\nevents = false\n"
    (tmp_path / "agent.toml").write_text(text)
    (tmp_path / "cameras.d").mkdir()
    (tmp_path / "cameras.d" / "gate.toml").write_text(GATE.format(folder=folder))
    return ["--config", str(tmp_path)]


def test_clips_that_still_wait_are_no_success(
    tmp_path: Path,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hiccup(*_: object, **__: object) -> None:
        raise SourceUnreachable("gate: the share answers nothing")

    config = config_of(tmp_path, folder)
    with monkeypatch.context() as patched:
        patched.setattr(clip_work, "open_clip", hiccup)
        assert main(["ingest", str(folder), "--once", *config]) == 1
    assert "2 clips still wait: run it again" in capsys.readouterr().err
    yard = replace(found(next(folder.glob("*.avi")), 0, 4), camera=CameraId("yard"))
    with Outbox.open(tmp_path / "state", limits=OutboxConfig(), clock=SystemClock()) as outbox:
        commit_together(outbox, (), lambda database: ledger.note_clips(database, [yard]))
    assert main(["ingest", str(folder), "--once", *config]) == 0
    assert capsys.readouterr().out.startswith("2 done, 1 refused;")


def test_folder_is_analysed_at_once_into_the_outbox_and_only_once(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = config_of(tmp_path, folder)
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


def test_time_zone_that_is_none_is_a_usage_problem(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ingest", str(folder), "--once", "--time-zone", "UTC+7"]) == 78
    assert 'did you mean "Asia/Ho_Chi_Minh"?' in capsys.readouterr().err


def test_trial_tells_where_times_are_from_and_what_was_left_out(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = ["--model", str(flash.model(tmp_path)), "--time-zone", "Asia/Ho_Chi_Minh"]
    template = ["--template", "{camera}_{start:%Y%m%d-%H%M%S}.{video}"]
    command = ["ingest", str(folder), "--once", *trial, *template]
    assert main([*command, "--channel", "gate"]) == 0
    out = capsys.readouterr().out
    assert "2024-01-01 01:00:00.0Z  clips   template, DISPUTED  gate_20240101-080000.avi" in out
    assert f"left out: {folder / 'gate_20240101-090000.mp4'}: " in out
    assert "is no video" in out
    assert main([*command, "--channel", "yard"]) == 1
    told = capsys.readouterr()
    assert "no file there is a clip of these cameras" in told.err
    assert "3 files, such as" in told.out
    assert "no camera has the channel gate" in told.out
