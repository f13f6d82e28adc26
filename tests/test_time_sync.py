"""What chrony says, line by line, and how it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.time_sync import ServiceTime, ask_chrony, read_tracking

#: chrony 4.3, `chronyc -n -c tracking`.
GOOD = (
    "A29FC87B,162.159.200.123,4,1795414323.412345678,-0.000123456,0.000045678,0.000067890,"
    "-12.345,0.001,0.045,0.012345678,0.001234567,64.5,Normal"
)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (GOOD, ServiceTime(True, 8)),
        (GOOD.replace(",4,", ",0,"), ServiceTime(False)),
        (GOOD.replace("Normal", "Not synchronised"), ServiceTime(False)),
        (GOOD.replace("A29FC87B,162.159.200.123,4", "7F7F0101,127.127.1.1,10"), ServiceTime(False)),
        (GOOD.replace(",4,", ",four,"), None),
        ("506 Cannot talk to daemon", None),
        ("", None),
    ],
)
def test_tracking_is_read(line: str, told: ServiceTime | None) -> None:
    assert read_tracking(line + "\n") == told


@pytest.fixture
def chronyc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pid = tmp_path / "chronyd.pid"
    pid.write_text("1")
    program = tmp_path / "chronyc"
    monkeypatch.setattr("edge_agent.time_sync._CHRONYD", (pid,))
    monkeypatch.setattr("edge_agent.time_sync._CHRONYC", (str(program),))
    return program


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (f"echo {GOOD}", ServiceTime(True, 8)),
        ("echo 506 Cannot talk to daemon; exit 1", None),
        ("exec sleep 60", None),
    ],
)
def test_chrony_is_asked(
    chronyc: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: ServiceTime | None
) -> None:
    monkeypatch.setattr("edge_agent.time_sync._CHRONYC_TIMEOUT_S", 0.3 if "sleep" in script else 5)
    chronyc.write_text(f"#!/bin/sh\n{script}\n")
    chronyc.chmod(0o755)
    assert ask_chrony() == told


def test_nobody_is_asked_where_no_chrony_runs(
    chronyc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask_chrony() is None, "there is no such program"
    monkeypatch.setattr("edge_agent.time_sync._CHRONYD", (tmp_path / "none",))
    assert ask_chrony() is None
