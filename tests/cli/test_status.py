"""`edge-agent status` of a real agent: what an installer sees, in 80 columns and as JSON."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import contract_schemas
import flash
import pytest
from agent_process import AgentProcess, agent, write_config
from broker import Mosquitto

from edge_agent.cli import main
from edge_agent.cli.status_view import WIDTH, status_text

AWAY = (
    '[source]\nkind = "rtsp"\nurl = "rtsp://127.0.0.1:9/x"\nopen_timeout_s = 1\n'
    "[person]\nconfirm_threshold = 0.2\n"
)


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, mosquitto: Mosquitto
) -> Iterator[tuple[Path, AgentProcess]]:
    folder = tmp_path_factory.mktemp("status")
    cameras = {"yard": flash.camera(flash.clip(folder / "clip.mp4")), "away": AWAY}
    extra = flash.settings(flash.model(folder))
    config = write_config(folder, mosquitto.port, cameras, box="status", extra=extra)
    with agent(config) as process:
        yield config, process


def asked(config: Path, *options: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent", "status", "--config", str(config), *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **(env or {})},
    )
    return done.returncode, done.stdout + done.stderr


def until(config: Path, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Ask the socket itself until it is so: no process is started for each look."""
    from edge_agent.runtime import read_local_socket

    path = config / "state" / "status.sock"
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        status: dict[str, Any] = json.loads(read_local_socket(path, 5))
        if holds(status):
            return status
        time.sleep(0.1)
    raise AssertionError(status)


def camera(status: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [each for each in status["cameras"] if each["id"] == name]
    assert isinstance(found, dict)
    return found


def told(camera: dict[str, Any]) -> bool:
    return any(event["label"] == "person" for event in camera["events"])


def test_json_is_what_the_contract_says(running: tuple[Path, AgentProcess]) -> None:
    config, _ = running
    status = until(
        config,
        lambda s: (
            "best_score" in camera(s, "yard")["person"]
            and "reason" in camera(s, "away")
            and s["broker"]["state"] == "connected"
        ),
    )
    code, text = asked(config, "--json")
    assert code == 0
    contract_schemas.check("local-status", text)
    yard, away = camera(status, "yard"), camera(status, "away")
    assert (yard["state"], yard["codec"], yard["size"]) == ("streaming", "mjpeg", "64x64")
    assert yard["person"]["best_score"] == pytest.approx(0.9, abs=0.01)
    assert yard["person"]["auto"] == ["candidate_threshold", "confirm_threshold"]
    assert away["state"] == "unreachable"
    # What `auto` stands for, and that the other threshold moved it.
    assert status["detector"]["candidate_threshold"] == 0.3
    assert away["person"]["candidate_threshold"] == 0.2
    assert away["remarks"] == ["candidate_threshold is 0.2: confirm_threshold moved it down"]


def test_the_socket_is_the_agents_alone(running: tuple[Path, AgentProcess]) -> None:
    config, _ = running
    assert stat.S_IMODE((config / "state" / "status.sock").stat().st_mode) == 0o600


def test_lines_fit_and_need_no_colours(running: tuple[Path, AgentProcess]) -> None:
    config, _ = running
    until(config, lambda s: told(camera(s, "yard")) and "reason" in camera(s, "away"))
    code, text = asked(config, env={"COLUMNS": "200"})
    assert code == 0
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "ward1/status" in text
    assert "away           unreachable" in text
    assert "refused the connection" in text
    assert "0.90 >= 0.50" in text
    assert "person came" in text or "person gone" in text
    code, text = asked(config, "away")
    assert code == 0
    assert "yard" not in text
    assert "confirm_threshold 0.20" in text


def test_colours_come_where_the_terminal_has_some() -> None:
    from rich.console import Console

    status = json.loads((Path(__file__).parent / "status.json").read_text())
    console = Console(width=WIDTH, force_terminal=True, color_system="standard")
    with console.capture() as said:
        console.print(status_text(status, in_full=False))
    assert "\x1b[" in said.get()
    contract_schemas.check("local-status", json.dumps(status))


@pytest.mark.parametrize("in_full", [False, True])
def test_who_was_seen_and_not_told_is_asked_for_with_why(in_full: bool) -> None:
    status = json.loads((Path(__file__).parent / "status.json").read_text())
    gate = status["cameras"][0]
    gate["person"] |= {"best_score": 0.8, "confirm_threshold": 0.5, "why": "outside the zones"}
    hint = f"edge-agent why --camera {gate['id']}"
    assert hint in " ".join(status_text(status, in_full=in_full).plain.split())
    gate["person"]["best_score"] = 0.3
    assert hint not in " ".join(status_text(status, in_full=in_full).plain.split())


def test_a_camera_that_is_not_there_is_said(running: tuple[Path, AgentProcess]) -> None:
    config, _ = running
    code, text = asked(config, "gate")
    assert (code, text) == (
        1,
        "edge-agent: the agent watches no camera gate; it has: away, yard\n",
    )


def test_no_agent_is_said_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path, 1883, {})
    assert main(["status", "--config", str(config)]) == 1
    said = capsys.readouterr().err
    assert "no agent answers at" in said
    assert "systemctl status edge-agent" in said


def test_systemd_is_told_how_many_are_online(running: tuple[Path, AgentProcess]) -> None:
    config, process = running
    del config
    process.told(b"STATUS=broker connected, 1 of 2 cameras online")
