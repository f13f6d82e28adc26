"""What `run` starts with when its files are not sound."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_files import AGENT, CAMERA, write

from edge_agent.config import load_config
from edge_agent.config.history import HISTORY_DIR, KEPT_VERSIONS, History, state_dirs
from edge_agent.config.on_disk import read_files
from edge_agent.config.start import start_config
from edge_agent.errors import ConfigError

YARD = CAMERA.replace("front", "yard")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def agent(state: Path) -> str:
    return AGENT.replace("[mqtt]", f'state_dir = "{state}"\n[mqtt]')


def keep(folder: Path, state: Path, *changes: str) -> None:
    """As the agent does when it has applied the files."""
    origin = folder / "agent.toml"
    History(state).keep(
        read_files(origin), origin=origin, utc_s=1.8e9, cfg_sha="0" * 12, changes=changes
    )


def test_sound_files_are_used(tmp_path: Path, agent: str) -> None:
    start = start_config(write(tmp_path, agent, front=CAMERA))
    assert (start.problems, start.words) == ((), "")


@pytest.mark.parametrize("broken", ["front", "agent"])
def test_last_good_one_stands_in_as_a_whole_and_the_file_is_named(
    tmp_path: Path, state: Path, agent: str, broken: str
) -> None:
    folder = write(tmp_path, agent, front=CAMERA, tape=CAMERA.replace("front", "tape"))
    relative = '[source]\nkind = "file"\npath = "clip.mp4"\n'
    (folder / "cameras.d/tape.toml").write_text(f'id = "tape"\n{relative}')
    good = load_config(folder).config
    keep(folder, state)
    if broken == "front":
        (folder / "cameras.d/front.toml").write_text('id = "front"\n[source]\n')
        bad = folder / "cameras.d/front.toml"
    else:
        (folder / "agent.toml").write_text(agent.replace("[mqtt]", "[mqtt"))
        bad = folder / "agent.toml"
    start = start_config(folder)
    assert start.loaded.config == good  # also the path that is relative to a camera's file
    assert str(bad) in start.words
    assert "last good configuration" in start.words
    assert all(problem.file.startswith(str(bad)) for problem in start.problems)


def test_without_one_a_broken_camera_is_left_out(tmp_path: Path, agent: str) -> None:
    folder = write(tmp_path, agent, front="id = 3\n", yard=YARD, twin=YARD)
    start = start_config(folder)
    assert [camera.id for camera in start.loaded.config.cameras] == ["yard"]
    assert "front.toml" in start.words
    assert "yard.toml" in start.words  # the second of two with one id


@pytest.mark.parametrize(
    "files", [{"agent": "[box"}, {"front": "x"}, {"agent": AGENT.replace("mqtt]", "mqt]")}]
)
def test_nothing_to_start_with_is_an_error(
    tmp_path: Path, agent: str, files: dict[str, str]
) -> None:
    folder = write(tmp_path, **({"agent": agent, "front": CAMERA} | files))
    with pytest.raises(ConfigError):
        start_config(folder)


def test_last_good_one_of_another_agent_is_none_of_ours(
    tmp_path: Path, state: Path, agent: str
) -> None:
    (tmp_path / "other").mkdir()
    keep(write(tmp_path / "other", agent, front=CAMERA), state)
    (tmp_path / "ours").mkdir()
    with pytest.raises(ConfigError):
        start_config(write(tmp_path / "ours", agent, front="x"))


def test_a_damaged_version_is_passed_over(tmp_path: Path, state: Path, agent: str) -> None:
    folder = write(tmp_path, agent, front=CAMERA)
    keep(folder, state)
    keep(folder, state)
    (state / HISTORY_DIR / "000002.json").write_text("{")
    (folder / "cameras.d/front.toml").write_text("x")
    start = start_config(folder)
    assert start.entry is not None
    assert start.entry.number == 1


def test_history_says_what_changed_and_keeps_so_many(
    tmp_path: Path, state: Path, agent: str
) -> None:
    folder = write(tmp_path, agent, front=CAMERA)
    keep(folder, state, "the first start")
    (folder / "cameras.d/yard.toml").write_text(YARD)
    keep(folder, state, "camera yard: added")
    (folder / "cameras.d/front.toml").unlink()
    keep(folder, state, "camera front: removed")
    history = History(state)
    assert [entry.files for entry in history.entries()] == [
        ("agent.toml", "cameras.d/front.toml"),
        ("cameras.d/yard.toml",),
        ("cameras.d/front.toml",),
    ]
    (state / HISTORY_DIR / ".new-left").touch()
    for _ in range(KEPT_VERSIONS):
        keep(folder, state)
    numbers = [entry.number for entry in history.entries()]
    assert numbers == list(range(4, KEPT_VERSIONS + 4))
    assert not list((state / HISTORY_DIR).glob(".new-*"))
    assert (state / HISTORY_DIR / "000004.json").stat().st_mode & 0o077 == 0


def test_state_is_looked_for_where_even_broken_files_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "agent.toml"
    path.write_text('[box\nstate_dir = "/srv/edge"\n')
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/other:/x")
    found = [str(one) for one in state_dirs(path)]
    assert found == ["/srv/edge", "/var/lib/other", "/var/lib/edge-agent"]
