"""A local socket answers its owner, at once, and sleeps while nobody asks."""

from __future__ import annotations

import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_agent.errors import StorageError
from edge_agent.runtime import LocalSocket, StopToken, read_local_socket


@contextmanager
def serving(path: Path, text: bytes = b"fine") -> Iterator[LocalSocket]:
    local, stop = LocalSocket(path, lambda: text), StopToken()
    thread = threading.Thread(target=local.run, args=(stop,))
    thread.start()
    try:
        yield local
    finally:
        stop.stop()
        local.close()
        thread.join(5)
        assert not thread.is_alive()


def test_each_reader_gets_all_of_it(tmp_path: Path) -> None:
    text = b"x" * 3_000_000
    with serving(tmp_path / "s", text):
        assert [read_local_socket(tmp_path / "s", 5) for _ in range(3)] == [text] * 3
    assert not (tmp_path / "s").exists()


def test_only_the_owner_may_ask(tmp_path: Path) -> None:
    with serving(tmp_path / "s"):
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600


def test_a_name_longer_than_a_socket_may_have(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    with serving(folder / "status.sock"):
        assert read_local_socket(folder / "status.sock", 5) == b"fine"


def test_the_socket_of_a_process_that_was_killed_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "s"))
    with serving(tmp_path / "s"):
        assert read_local_socket(tmp_path / "s", 5) == b"fine"


def test_a_reader_that_leaves_at_once_hurts_nobody(tmp_path: Path) -> None:
    with serving(tmp_path / "s", b"x" * 10_000_000):
        with socket.socket(socket.AF_UNIX) as reader:
            reader.connect(str(tmp_path / "s"))
        assert len(read_local_socket(tmp_path / "s", 5)) == 10_000_000


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="none/s: No such file"):
        LocalSocket(tmp_path / "none" / "s", lambda: b"")
