"""A real `edge-agent run` beside a real broker, as a benchmark wants them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "helpers"))

from agent_process import AgentProcess
from broker import Mosquitto

__all__ = ["WARD", "AgentProcess", "Mosquitto", "config_folder", "cpu_s", "peak_rss_mib", "pss_mib"]

WARD = "bench"
MIB = 2**20

_AGENT = """
[box]
ward = "{ward}"
id = "box1"
state_dir = {state}
[mqtt]
host = "127.0.0.1"
port = {port}
allow_insecure = true
[detector]
model = {model}
"""


def config_folder(folder: Path, port: int, model: str, cameras: Mapping[str, str]) -> Path:
    """Everything at its default but who and where we are; `cameras`: [source] by camera id."""
    (folder / "cameras.d").mkdir(parents=True)
    # A JSON string is a TOML string.
    text = _AGENT.format(
        ward=WARD, state=json.dumps(str(folder / "state")), port=port, model=json.dumps(model)
    )
    (folder / "agent.toml").write_text(text)
    for camera, source in cameras.items():
        text = f'id = "{camera}"\n[source]\n{source}'
        (folder / "cameras.d" / f"{camera}.toml").write_text(text)
    return folder


def cpu_s(process: psutil.Process) -> float:
    """User and system seconds of all its threads so far."""
    times = process.cpu_times()
    return times.user + times.system


def peak_rss_mib(pid: int) -> float:
    """The most resident memory it ever had."""
    return _status_kib(pid, "VmHWM") / 1024


def pss_mib(process: psutil.Process) -> float:
    """Resident memory, shared pages counted in part: what processes together really take."""
    return process.memory_full_info().pss / MIB


def _status_kib(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(f"/proc/{pid}/status has no {name}")
