"""Priorities and dates of what goes to stderr, under systemd and elsewhere."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.cli.journal import prefixed

_SPEAK = """
import logging
from edge_agent.cli.journal import complain, log_to_stderr
log_to_stderr(logging.DEBUG)
log = logging.getLogger("edge_agent.some.where")
log.debug("fine")
log.info("a camera")
log.warning("odd")
try:
    1 / 0
except ZeroDivisionError:
    log.critical("broken", exc_info=True)
complain("the end")
"""


def said(folder: Path, stream: str | None) -> list[str]:
    """What a process writes to a file that systemd reads (stream None: its own), or does not."""
    path = folder / "stderr"
    with path.open("wb") as file:
        status = os.fstat(file.fileno())
        named = f"{status.st_dev}:{status.st_ino}" if stream is None else stream
        subprocess.run(
            [sys.executable, "-c", _SPEAK],
            stderr=file,
            env={**os.environ, "JOURNAL_STREAM": named},
            check=True,
        )
    return path.read_text().splitlines()


def test_each_line_has_its_priority_and_no_date_under_the_journal(tmp_path: Path) -> None:
    lines = said(tmp_path, None)
    assert lines[:4] == ["<7>fine", "<6>a camera", "<4>odd", "<2>broken"]
    assert all(line.startswith("<2>") for line in lines[3:-1])
    assert lines[-1] == "<3>the end"


@pytest.mark.parametrize("stream", ["", "1:2", "nonsense"])
def test_lines_are_dated_where_the_journal_does_not_read(stream: str, tmp_path: Path) -> None:
    lines = said(tmp_path, stream)
    assert lines[0][:2] == "20"
    assert "WARNING" in lines[2]
    assert lines[-1] == "the end"


def test_an_empty_message_is_a_line(tmp_path: Path) -> None:
    assert prefixed("", logging.INFO) == "<6>"
