"""`edge-agent doctor` on made machines, real brokers and wrong files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from broker import Mosquitto, free_port

from edge_agent.clock import ClockQuality, ManualClock
from edge_agent.tools.doctor import CODES, DoctorFinding, Grade, codes_markdown, worst
from edge_agent.tools.doctor.machine import Machine, card, clock_state, memory, power, service

DOCS = Path(__file__).resolve().parents[3] / "docs"
SOURCES = Path(__file__).resolve().parents[3] / "edge_agent" / "tools" / "doctor"


def saying(answers: dict[str, tuple[int, str]], root: Path = Path("/nowhere")) -> Machine:
    def run(command: Sequence[str]) -> tuple[int, str]:
        return answers.get(" ".join(command), (127, ""))

    return Machine(root, run)


def codes(findings: object) -> list[str]:
    return [finding.code for finding in findings if finding.code]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        ("0x0", []),
        ("0x50005", ["EA-PWR-001", "EA-HEAT-001"]),
        ("0x50000", ["EA-PWR-002", "EA-HEAT-001"]),
        ("0x10000", ["EA-PWR-002"]),
        ("0x80000", ["EA-HEAT-001"]),
    ],
)
def test_power_and_heat_of_a_raspberry_pi(bits: str, expected: list[str]) -> None:
    assert codes(power(saying({"vcgencmd get_throttled": (0, f"throttled={bits}")}))) == expected


def test_a_hot_box_without_vcgencmd(tmp_path: Path) -> None:
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "temp").write_text("81000\n")
    assert codes(power(saying({}, tmp_path))) == ["EA-HEAT-001"]


def test_clock_that_is_unset_or_free_running() -> None:
    unset = ManualClock(utc_s=1000.0, quality=ClockQuality.UNSET)
    assert clock_state(unset).code == "EA-CLK-001"
    assert clock_state(ManualClock(quality=ClockQuality.ESTIMATED)).code == "EA-CLK-002"
    assert clock_state(ManualClock()).code == ""


def test_little_memory_and_a_kernel_without_its_cgroup(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 900000 kB\nMemAvailable: 90000 kB\n")
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cgroup.controllers").write_text("cpuset cpu io pids\n")
    assert codes(memory(saying({}, tmp_path))) == ["EA-MEM-001", "EA-MEM-002"]


def test_a_state_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    assert codes(card(tmp_path)) == []
    (tmp_path / "state").write_text("a file, no folder")
    assert codes(card(tmp_path / "state")) == ["EA-CARD-003"]


def test_a_stopped_service_is_told_and_a_machine_without_systemd_is_not() -> None:
    stopped = {
        "systemctl is-active edge-agent": (3, "failed"),
        "systemctl is-enabled edge-agent": (1, "disabled"),
    }
    assert codes(service(saying(stopped))) == ["EA-SVC-001", "EA-SVC-002"]
    assert codes(service(saying({}))) == []


def test_worst_first() -> None:
    assert worst([]) is Grade.GREEN
    assert worst([DoctorFinding("", "a", ""), DoctorFinding("EA-CLK-002", "b", "")]) is Grade.YELLOW
    assert (
        worst([DoctorFinding("EA-CLK-002", "b", ""), DoctorFinding("EA-BRK-001", "c", "")])
        is Grade.RED
    )


def test_every_code_is_in_the_docs_and_every_used_code_is_known() -> None:
    assert (DOCS / "codes.md").read_text() == codes_markdown(), "run: make docs"
    used = {
        code
        for source in SOURCES.glob("*.py")
        if source.name != "findings.py"
        for code in re.findall(r"EA-[A-Z]+-\d{3}", source.read_text())
    }
    assert used <= set(CODES)


def doctor(folder: Path, *options: str) -> tuple[int, dict[str, object]]:
    command = [sys.executable, "-m", "edge_agent", "doctor", "--json", "--config", str(folder)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1, 78), done.stderr
    return done.returncode, json.loads(done.stdout)


def written(folder: Path, port: int, camera: str = "") -> Path:
    (folder / "cameras.d").mkdir(parents=True)
    (folder / "state").mkdir(mode=0o700)
    (folder / "agent.toml").write_text(
        f'[box]\nward = "w"\nid = "b"\nstate_dir = "{folder}/state"\n'
        f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\nallow_insecure = true\n'
    )
    if camera:
        (folder / "cameras.d" / "gate.toml").write_text(camera)
    return folder


def found(report: dict[str, object]) -> set[str]:
    findings = report["findings"]
    assert isinstance(findings, list)
    return {finding["code"] for finding in findings if finding["code"]}


def test_a_working_box_has_no_red_finding(tmp_path: Path, mosquitto: Mosquitto) -> None:
    code, report = doctor(written(tmp_path / "etc", mosquitto.port))
    assert "EA-BRK-001" not in found(report)
    assert "EA-CFG-003" in found(report), "no camera yet"
    assert code == (1 if report["grade"] == "red" else 0)


def test_a_dead_camera_and_a_dead_broker_are_red(tmp_path: Path) -> None:
    unused_port = free_port()
    camera = (
        f'id = "gate"\n[source]\nkind = "rtsp"\nurl = "rtsp://127.0.0.1:{unused_port}/s"\n'
        "open_timeout_s = 1\n"
    )
    code, report = doctor(written(tmp_path / "etc", unused_port, camera))
    assert code == 1
    assert {"EA-CAM-001", "EA-BRK-001"} <= found(report)


def test_a_wrong_configuration_ends_in_78_with_every_problem(tmp_path: Path) -> None:
    folder = written(tmp_path / "etc", 1883)
    with (folder / "agent.toml").open("a") as file:
        file.write("[telemetry]\ninterval_s = -5\nwindow = 3\n")
    code, report = doctor(folder)
    assert code == 78
    findings = report["findings"]
    assert isinstance(findings, list)
    assert len([each for each in findings if each["code"] == "EA-CFG-001"]) == 2
