"""Attempts are counted before they are made, also over the end of a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.errors import MediaError
from edge_agent.runtime.attempts import TRIES, Attempts

_DIES = """
import os, sys
from pathlib import Path
from edge_agent.runtime.attempts import Attempts
Attempts(Path(sys.argv[1])).begin("clip")
os.kill(os.getpid(), 9)
"""


def test_attempts_that_end_the_process_count(tmp_path: Path) -> None:
    path = tmp_path / "attempts.json"
    for number in range(TRIES):
        assert not Attempts(path).exhausted("clip"), number
        subprocess.run([sys.executable, "-c", _DIES, str(path)], check=False)
    assert Attempts(path).exhausted("clip")
    assert not Attempts(path).exhausted("another")


def test_a_result_ends_an_attempt_and_a_crash_does_not(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "attempts.json")
    for _ in range(2 * TRIES):
        with attempts.survived("fine", MediaError):
            pass
        with pytest.raises(MediaError), attempts.survived("refused", MediaError):
            raise MediaError("no video")
    for _ in range(TRIES):
        with pytest.raises(ZeroDivisionError), attempts.survived("crash", MediaError):
            raise ZeroDivisionError
    again = Attempts(tmp_path / "attempts.json")
    assert [again.exhausted(key) for key in ("fine", "refused", "crash")] == [False, False, True]


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a": "x"}', '{"a": -5}', '{"a": 1e999}', "[" * 100_000, "null"]
)
def test_a_damaged_file_counts_for_nothing(text: str, tmp_path: Path) -> None:
    path = tmp_path / "attempts.json"
    path.write_text(text)
    attempts = Attempts(path)
    assert not attempts.exhausted("a")
    attempts.begin("a")
    assert not Attempts(path).exhausted("a")


def test_a_folder_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "gone" / "attempts.json")
    for _ in range(TRIES):
        attempts.begin("a")
    assert attempts.exhausted("a")
