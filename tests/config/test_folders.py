"""Cameras whose clips lie in folders: what their files and several of them together must say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from config_files import AGENT, problems, write

from edge_agent.cli import main
from edge_agent.config import FolderSource, load_config

GATE = """id = "gate"

[source]
kind = "folder"
path = "/srv/clips"
"""
YARD = GATE.replace("gate", "yard")
RECORDERS = Path(__file__).parents[2] / "docs" / "recorders.md"


def test_cameras_may_share_a_folder(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, gate=GATE, yard=YARD + 'channel = "002"\n')).config
    assert len(config.cameras) == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('template = "dahua"', 'source.template: is "dahua", but "generic-one" for gate'),
        ('watch = "poll"', 'source.watch: is "poll", but "auto" for gate'),
        ("max_age_days = 1", "source.max_age_days"),
        ('channel = "gate"', 'source.channel: is "gate", as of gate'),
        ('time_zone = "Asia/Saigun"', 'source.time_zone: is "Asia/Saigun", which no time zone'),
    ],
)
def test_contradiction_is_told_with_its_camera(tmp_path: Path, more: str, said: str) -> None:
    (problem,) = problems(write(tmp_path, gate=GATE, yard=f"{YARD}{more}\n"))
    assert problem.startswith("cameras.d/yard.toml")
    assert said in problem


def test_relative_folder_is_beside_the_cameras_file(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, gate=GATE.replace("/srv/clips", "clips"))).config
    source = config.cameras[0].source
    assert isinstance(source, FolderSource)
    assert source.path == str(tmp_path / "cameras.d" / "clips")


def test_event_clips_need_no_word_about_a_recorders_camera(tmp_path: Path) -> None:
    mask = '[[privacy_masks]]\nname = "window"\npolygon = [[0, 0], [1, 0], [1, 1]]\n'
    agent = AGENT + "\n[clips]\nenabled = true\n"
    assert load_config(write(tmp_path, agent, gate=GATE + mask)).config.clips.enabled


def test_template_that_is_none_is_told_by_config_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, gate=GATE + 'template = "{camera}/{start:%Q}.mp4"\n')
    assert main(["config", "check", "--config", str(tmp_path)]) == 78
    said = capsys.readouterr().err
    assert "gate.toml:6: source.template" in said
    assert "%Q" in said


def test_example_of_the_docs_loads(tmp_path: Path) -> None:
    (example,) = re.findall(
        r"```toml\n# cameras.d/gate.toml\n(.*?)```", RECORDERS.read_text(), re.DOTALL
    )
    source = load_config(write(tmp_path, gate=example)).config.cameras[0].source
    assert isinstance(source, FolderSource)
    assert source.channel == "6G0064/001"
