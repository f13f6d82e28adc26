"""`edge-agent config history|diff|rollback`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from config_files import AGENT, CAMERA, write

from edge_agent.cli import main
from edge_agent.config import load_config
from edge_agent.config.history import History
from edge_agent.config.on_disk import read_files

YARD = CAMERA.replace("front", "yard")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three versions were in force: without the yard, with it, and with another name of it."""
    (tmp_path / "state").mkdir()
    agent = AGENT.replace("[mqtt]", f'state_dir = "{tmp_path}/state"\n[mqtt]')
    write(tmp_path, agent, front=CAMERA)
    for number, (change, files) in enumerate(
        [
            ("the first start", {}),
            ("camera yard: added", {"yard": YARD}),
            ('camera yard: name: "" -> "Sân"', {"yard": 'name = "Sân"\n' + YARD}),
        ]
    ):
        write(tmp_path, agent, **files)
        history = History(tmp_path / "state")
        history.keep(
            read_files(tmp_path / "agent.toml"),
            origin=tmp_path / "agent.toml",
            utc_s=1.8e9 + number,
            cfg_sha=f"{number:012d}",
            changes=[change],
        )
    return tmp_path


def run(folder: Path, *arguments: str) -> int:
    return main(["config", *arguments, "--config", str(folder)])


def test_history_is_one_line_for_each_change(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "history") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=3)[:3] for line in lines] == [
        ["1", "2027-01-15T08:00:00+00:00", "000000000000"],
        ["2", "2027-01-15T08:00:01+00:00", "000000000001"],
        ["3", "2027-01-15T08:00:02+00:00", "000000000002"],
    ]
    assert [line.split(maxsplit=3)[3] for line in lines] == [
        "agent.toml, cameras.d/front.toml: the first start",
        "cameras.d/yard.toml: camera yard: added",
        'cameras.d/yard.toml: camera yard: name: "" -> "Sân"',
    ]


def test_diff_shows_what_the_files_say_now(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "diff") == 0
    assert capsys.readouterr().out == "the files are version 3\n"
    assert run(folder, "diff", "1") == 0
    out = capsys.readouterr().out
    assert "--- cameras.d/yard.toml (version 1)\n+++ cameras.d/yard.toml (now)\n" in out
    assert '+name = "Sân"\n' in out


def test_rollback_writes_the_version_before_and_erases_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "cameras.d" / "yard.toml"
    path.chmod(0o644)
    assert run(folder, "rollback") == 0
    assert path.read_text() == YARD
    assert path.stat().st_mode & 0o777 == 0o644
    assert run(folder, "rollback", "1") == 0
    assert not path.exists()
    assert path.with_name("yard.toml.removed").read_text() == YARD
    assert [camera.id for camera in load_config(folder).config.cameras] == ["front"]
    assert run(folder, "rollback", "3") == 0
    assert 'name = "Sân"' in path.read_text()
    assert path.stat().st_mode & 0o777 == (folder / "agent.toml").stat().st_mode & 0o777
    assert f"{path} is version 3 again" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["history", "diff", "rollback"])
def test_without_a_history_it_says_where_it_looked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    agent = AGENT.replace("[mqtt]", f'state_dir = "{tmp_path}/none"\n[mqtt]')
    assert run(write(tmp_path, agent), verb) == 1
    err = capsys.readouterr().err
    assert f"{tmp_path}/none" in err
    assert err.count(os.linesep) == 1


def test_unknown_version_lists_those_that_are_kept(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "diff", "9") == 1
    assert "kept are: 1, 2, 3" in capsys.readouterr().err
