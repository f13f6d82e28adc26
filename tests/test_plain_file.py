"""A pipe or gigabytes in place of a small file of ours hold nobody up."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent import known_time
from edge_agent.clock import ManualClock
from edge_agent.domain import CameraId
from edge_agent.known_time import KnownTime
from edge_agent.outbox.lock import StateDirLock
from edge_agent.outbox.quarantine import EPOCH_FILE, read_epochs_file
from edge_agent.plain_file import first_bytes
from edge_agent.runtime import Attempts
from edge_agent.sources import CredentialGuard, Login, credentials
from edge_agent.writer import view_file
from edge_agent.writer.view_file import ViewFile


def pipe(path: Path) -> None:
    os.mkfifo(path)


def gigabyte(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def deep(path: Path) -> None:
    path.write_text('{"salt": "00", "a": ' + "[" * 200_000)


LOGIN = Login("h", "u", "p")
#: What reads which file of the state directory.
READERS: dict[str, Callable[[Path], object]] = {
    known_time.FILE_NAME: lambda folder: KnownTime(folder, ManualClock()),
    "attempts.json": lambda folder: Attempts(folder / "attempts.json").count("a"),
    credentials.FILE_NAME: lambda folder: CredentialGuard(
        folder / credentials.FILE_NAME, ManualClock()
    ).pause_s(LOGIN, camera="a"),
    f"{view_file.FOLDER}/a": lambda folder: ViewFile(folder, CameraId("a")).recall(_refuse),
    "any": lambda folder: first_bytes(folder / "any", 100),
}


def _refuse(data: bytes) -> None:
    assert len(data) <= (1 << 20) + 1
    raise ValueError("no view")


@pytest.mark.parametrize("put", [pipe, gigabyte, endless, deep])
@pytest.mark.parametrize("name", READERS)
def test_what_lies_there_is_read_within_bounds(
    tmp_path: Path, name: str, put: Callable[[Path], None]
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    put(tmp_path / name)
    READERS[name](tmp_path)


@pytest.mark.parametrize("put", [pipe, endless])
def test_a_state_directory_is_locked_whatever_its_notes_are(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    put(tmp_path / "agent.pid")
    put(tmp_path / EPOCH_FILE)
    StateDirLock(tmp_path).release()
    assert read_epochs_file(tmp_path) == ()
