"""Files that are no configuration are read to a bound, whatever they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.config.history import History, state_dirs
from edge_agent.config.on_disk import agent_file, read_files
from edge_agent.config.text import Unreadable, text_of
from edge_agent.plain_file import first_bytes

MIB = 1024 * 1024


def folder_with(tmp_path: Path, name: str, target: str) -> Path:
    (tmp_path / "cameras.d").mkdir()
    (tmp_path / "agent.toml").write_text("[box]\n")
    path = tmp_path / name
    path.unlink(missing_ok=True)
    if target == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(target)
    return tmp_path


@pytest.mark.parametrize("name", ["agent.toml", "cameras.d/gate.toml"])
@pytest.mark.parametrize("target", ["/dev/zero", "a pipe"])
def test_files_without_an_end_are_read_to_a_bound_and_nobody_waits(
    tmp_path: Path, name: str, target: str
) -> None:
    agent = agent_file(folder_with(tmp_path, name, target))
    assert len(read_files(agent)[name]) == (MIB + 1 if target == "/dev/zero" else 0)
    assert list(state_dirs(agent))


def test_a_file_that_is_too_large_is_refused_whether_read_here_or_there(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_bytes(b"# " + bytes([120]) * MIB)
    copy = tmp_path / "copy.toml"
    copy.write_bytes(read_files(path)["agent.toml"])
    for each in (path, copy):
        with pytest.raises(Unreadable) as caught:
            text_of(each)
        assert "is larger than 1024 KiB" in str(caught.value.problem)
    path.write_bytes(bytes([120]) * MIB)
    assert first_bytes(path) == path.read_bytes()
    assert text_of(path) == "x" * MIB


@pytest.mark.parametrize("spoilt", ["/dev/zero", "deep", "²"])
def test_an_entry_of_the_history_that_is_none_is_left_out(tmp_path: Path, spoilt: str) -> None:
    history = History(tmp_path)
    history.keep({"agent.toml": b"[box]\n"}, origin=tmp_path, utc_s=1.0, cfg_sha="a", changes=())
    if spoilt == "deep":
        (tmp_path / "config" / "000002.json").write_text('{"x":' + "[" * 200_000)
    elif spoilt == "²":
        (tmp_path / "config" / "².json").write_text("{}")
    else:
        (tmp_path / "config" / "000002.json").symlink_to(spoilt)
    assert [entry.number for entry in history.entries()] == [1]
    newest = history.newest()
    assert newest is not None
    assert newest.number == 1
