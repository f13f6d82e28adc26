"""Faults put into the whole agent: what the ward, the operator and systemd then see."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import flash
import pytest
from agent_inside import ROOMY, inside
from agent_process import AgentProcess, Heard, agent, listening, write_config
from broker import Mosquitto
from fake_broker import FakeBroker, connack5

from edge_agent.agent.memory import MemoryGuard
from edge_agent.clock import ClockReading, SystemClock
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.domain import Detection, Pixels, Region
from edge_agent.publish import PublisherSetup


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flash.model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def flashing(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A camera before which somebody appears every 1.6 s."""
    return flash.camera(flash.clip(tmp_path_factory.mktemp("clips") / "flashing.avi"))


@pytest.fixture(scope="module")
def occupied(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A camera before which somebody stands all the time."""
    path = tmp_path_factory.mktemp("clips") / "occupied.avi"
    return flash.camera(flash.clip(path, bright_s=4, dark_s=0))


def phases(heard: Heard, camera: str = "yard") -> list[tuple[str, str | None]]:
    bodies = [body["data"] for body in heard.bodies(f"/ev/{camera}/person")]
    return [(body["phase"], body.get("end_reason")) for body in bodies]


def box_reasons(heard: Heard) -> str:
    states = heard.bodies("/st/box")
    return " ".join(states[-1]["reasons"]) if states else ""


# --- time -------------------------------------------------------------------------------


class WrongClock(SystemClock):
    """The machine's monotonic time with a UTC of the test's choice."""

    def __init__(self, utc_s: float | None = None) -> None:
        super().__init__()
        self.offset_s = 0.0 if utc_s is None else utc_s - time.time()

    def read(self) -> ClockReading:
        return self.at(time.time() + self.offset_s)


@pytest.mark.parametrize(
    ("start_utc_s", "step_s", "qualities"),
    [
        pytest.param(86_400.0, None, ("unset", "estimated"), id="1970 until NTP comes"),
        pytest.param(None, -3600.0, ("estimated", "estimated"), id="an hour back"),
        pytest.param(None, 3600.0, ("estimated", "estimated"), id="an hour ahead"),
    ],
)
def test_clock_that_steps_is_told_and_harms_no_duration(
    tmp_path: Path,
    mosquitto: Mosquitto,
    model: Path,
    occupied: str,
    start_utc_s: float | None,
    step_s: float | None,
    qualities: tuple[str, str],
) -> None:
    box = f"clock-{start_utc_s}-{step_s}".replace(".", "-").lower()
    config = write_config(
        tmp_path,
        mosquitto.port,
        {"yard": occupied},
        box=box,
        box_keys=ROOMY,
        extra=flash.settings(model),
    )
    clock = WrongClock(start_utc_s)
    with listening(mosquitto, box) as (heard, _):
        with inside(config, clock=clock):
            heard.wait(lambda: phases(heard))
            clock.offset_s = 0.0 if step_s is None else step_s
            heard.wait(lambda: len(heard.bodies("/tm")) > 2)
        start, end = (body["data"] for body in heard.bodies("/ev/yard/person"))
    assert (start["clock"]["quality"], end["clock"]["quality"]) == qualities
    lasted_ms = end["end_mono_ms"] - end["start_mono_ms"]
    assert end["end_reason"] == "restart"
    assert 0 < lasted_ms < 60_000
    assert seconds_between(end["start_time"], end["end_time"]) == pytest.approx(
        lasted_ms / 1000, abs=0.002
    )


def seconds_between(first: str, second: str) -> float:
    import datetime as dt

    moments = [dt.datetime.fromisoformat(text) for text in (first, second)]
    return (moments[1] - moments[0]).total_seconds()
