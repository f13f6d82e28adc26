"""The unit means what it says, as far as systemd's offline tools can tell."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_agent.agent import assembly, clips
from edge_agent.assets import asset_dir
from edge_agent.errors import EXIT_CONFIG

#: Out of 100, for the unit and for each drop-in on it. The network is needed; usb.conf needs
#: /dev/video*; lan-only.conf gives up the internet; 4 of each are for asking how the clock is.
MAX_EXPOSURE = {"": 15, "usb.conf": 18, "lan-only.conf": 14}

COMMAND = "/opt/edge-agent/current/bin/edge-agent "

UNITS = asset_dir("systemd")


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@pytest.fixture(params=sorted(MAX_EXPOSURE))
def drop_in(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def unit(tmp_path: Path, drop_in: str) -> Path:
    """The service with a program that exists everywhere, and the drop-in at its end."""
    text = (UNITS / "edge-agent.service").read_text()
    assert text.count(COMMAND) == 1
    more = (UNITS / drop_in).read_text() if drop_in else ""
    path = tmp_path / "edge-agent.service"
    path.write_text(text.replace(COMMAND, "/bin/true ") + more)
    return path


def test_systemd_understands_every_line(unit: Path) -> None:
    command = [tool("systemd-analyze"), "verify", "--man=no", str(unit)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    # verify returns 0 for unknown keys, too: only its silence means that all is well.
    assert (result.returncode, result.stderr) == (0, "")


def test_exposure_stays_low(unit: Path, drop_in: str) -> None:
    command = [tool("systemd-analyze"), "security", "--offline=true", "--no-pager"]
    command += [f"--threshold={MAX_EXPOSURE[drop_in]}", str(unit)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 0, result.stdout[-200:]


def service() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / "edge-agent.service")
    return parser["Service"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("WatchdogSec", "30"),
        ("ExecReload", '/bin/sh -c "kill -HUP $MAINPID"'),
        ("RuntimeDirectory", "edge-agent"),
        ("LimitCORE", "0"),
        ("Restart", "always"),
        ("RestartPreventExitStatus", str(EXIT_CONFIG)),
        ("StateDirectory", "edge-agent"),
        ("User", "edge-agent"),
    ],
)
def test_the_agent_is_run_as_promised(key: str, value: str) -> None:
    assert service()[key] == value


def test_it_may_ask_whether_the_clock_is_synchronised() -> None:
    """Else every event of every box says `estimated`, whatever its time server does."""
    lines = (UNITS / "edge-agent.service").read_text().splitlines()
    assert "ProtectClock=yes" not in lines
    filters = [line for line in lines if line.startswith("SystemCallFilter=")]
    assert filters[-1] == "SystemCallFilter=adjtimex clock_adjtime"
    assert "CapabilityBoundingSet=" in lines


def test_it_runs_by_the_link_that_an_upgrade_switches() -> None:
    assert service()["ExecStart"] == f"{COMMAND}run --config /etc/edge-agent"


def test_it_waits_for_a_configuration_without_failing() -> None:
    text = (UNITS / "edge-agent.service").read_text()
    assert "\nConditionPathExists=/etc/edge-agent/agent.toml\n" in text


def test_it_is_never_given_up_and_waits_for_nothing() -> None:
    text = (UNITS / "edge-agent.service").read_text()
    assert "\nStartLimitIntervalSec=0\n" in text
    assert "network-online" not in text.replace("# Not network-online.target", "")


def test_the_user_can_be_made(tmp_path: Path) -> None:
    command = [tool("systemd-sysusers"), "--dry-run", f"--root={tmp_path}"]
    command.append(str(UNITS / "edge-agent.sysusers"))
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 0, result.stderr
    assert "edge-agent" in result.stdout + result.stderr


def test_folders_are_described_for_that_user() -> None:
    lines = (UNITS / "edge-agent.tmpfiles").read_text().splitlines()
    folders = [line.split() for line in lines if not line.startswith("#")]
    assert [folder[:4] for folder in folders] == [
        ["d", "/etc/edge-agent", "0755", "root"],
        ["d", "/etc/edge-agent/cameras.d", "0755", "root"],
        ["d", "/etc/edge-agent/secrets", "0700", "edge-agent"],
        ["d", "/var/lib/edge-agent", "0700", "edge-agent"],
    ]


def test_a_stop_fits_into_the_units_time(unit: Path) -> None:
    """Each wait at its longest, one after the other; the service manager kills after that."""
    limit = re.search(r"^TimeoutStopSec=(\d+)$", unit.read_text(), re.MULTILINE)
    assert limit is not None
    waits_s = (
        assembly._SOURCES_JOIN_S
        + assembly._ANALYSIS_JOIN_S
        + clips.END_WAITS_S
        + assembly._FLUSH_S  # the last events
        + assembly._PUBLISHER_JOIN_S
        + assembly._FLUSH_S  # the writer
        + assembly._FLUSH_S  # the clips
    )
    assert waits_s <= int(limit[1]) - 2
