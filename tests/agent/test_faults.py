"""Faults put into the whole agent: what the ward, the operator and systemd then see."""

from __future__ import annotations

import datetime as dt
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import clips
import flash
import numpy as np
import pytest
from agent_inside import inside, wait_until
from agent_process import Heard, agent, listening, write_config
from broker import Mosquitto
from fake_broker import FakeBroker, connack5
from fake_camera import SilentServer
from mqtt_box import Marks

from edge_agent.agent.camera_source import CameraSource
from edge_agent.agent.memory import MemoryGuard, memory_limit_mb
from edge_agent.clock import Clock, SystemClock
from edge_agent.config import BoxConfig, CameraConfig, Config, MqttConfig, RtspSource
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer
from edge_agent.detect import Seen
from edge_agent.domain import Detection, Pixels, Region
from edge_agent.errors import BrokerUnreachable
from edge_agent.outbox import OutboxReader
from edge_agent.publish import Publisher, PublisherSetup
from edge_agent.runtime import Heartbeat, StopToken, Worker
from edge_agent.runtime.supervisor import RESTART_BUDGET
from edge_agent.sources import Backoff, CameraFeed

ConfigOf = Callable[[str, str], Path]
WHITE = np.full((64, 64, 3), 220, np.uint8)


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


def configured(
    folder: Path,
    port: int,
    model: Path,
    box: str,
    cameras: dict[str, str],
    *,
    box_keys: str = "",
) -> Path:
    return write_config(
        folder, port, cameras, box=box, box_keys=box_keys, extra=flash.settings(model)
    )


@pytest.fixture
def single(tmp_path: Path, mosquitto: Mosquitto, model: Path) -> ConfigOf:
    """Makes the configuration of a box with one camera."""
    return lambda box, camera: configured(tmp_path, mosquitto.port, model, box, {"yard": camera})


def phases(heard: Heard, camera: str = "yard") -> list[tuple[str, str | None]]:
    bodies = [body["data"] for body in heard.bodies(f"/ev/{camera}/person")]
    return [(body["phase"], body.get("end_reason")) for body in bodies]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_agent", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)


def box_reasons(heard: Heard) -> str:
    states = heard.bodies("/st/box")
    return " ".join(states[-1]["reasons"]) if states else ""


# --- time -------------------------------------------------------------------------------


class Ntp:
    """The machine's UTC as the agent reads it, wrong until `comes`."""

    def __init__(self, wrong_by_s: float) -> None:
        self._wrong_by_s, self._synced = wrong_by_s, False

    def time(self) -> float:
        return time.time() + (0.0 if self._synced else self._wrong_by_s)

    def monotonic(self) -> float:
        return time.monotonic()

    def thread_time(self) -> float:
        return time.thread_time()

    def kernel_sync(self) -> tuple[bool, int | None]:
        return self._synced, 1 if self._synced else None

    def comes(self) -> None:
        self._synced = True


@pytest.mark.parametrize(
    ("wrong_by_s", "quality"),
    [
        pytest.param(-time.time() + 86_400, "unset", id="1970"),
        pytest.param(3600.0, "estimated", id="an hour ahead"),
    ],
)
def test_clock_that_steps_is_told_and_harms_no_duration(
    single: ConfigOf,
    occupied: str,
    mosquitto: Mosquitto,
    monkeypatch: pytest.MonkeyPatch,
    wrong_by_s: float,
    quality: str,
) -> None:
    ntp, box = Ntp(wrong_by_s), f"clock-{quality}"
    monkeypatch.setattr("edge_agent.clock.time", ntp)
    monkeypatch.setattr("edge_agent.clock._kernel_sync", ntp.kernel_sync)
    with listening(mosquitto, box) as (heard, _):
        with inside(single(box, occupied)):
            heard.wait(lambda: phases(heard))
            ntp.comes()
            figures = len(heard.bodies("/tm"))
            heard.wait(lambda: len(heard.bodies("/tm")) > figures)
        start, end = (body["data"] for body in heard.bodies("/ev/yard/person"))
    assert (start["clock"]["quality"], end["clock"]["quality"]) == (quality, "synced")
    assert end["end_reason"] == "restart"
    lasted_s = (end["end_mono_ms"] - end["start_mono_ms"]) / 1000
    assert 0 < lasted_s < 60
    told_s = dt.datetime.fromisoformat(end["end_time"]) - dt.datetime.fromisoformat(
        end["start_time"]
    )
    assert told_s.total_seconds() == pytest.approx(lasted_s, abs=0.002)


# --- a camera ---------------------------------------------------------------------------


@pytest.mark.slow
def test_camera_that_dies_ends_its_events_and_comes_back_and_touches_no_other(
    tmp_path: Path,
    mosquitto: Mosquitto,
    model: Path,
    occupied: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hasty = partial(CameraFeed, backoff=Backoff(draw=lambda _low, _high: 0.3))
    monkeypatch.setattr("edge_agent.agent.camera.CameraFeed", hasty)
    white = clips.Clip(width=64, height=64, frames=30, gop=5)
    media = Media.load(clips.render(tmp_path / "white.mp4", white, lambda *_: WHITE))
    with RtspServer({"gate": media}) as server, listening(mosquitto, "lost") as (heard, _):
        rtsp = f'[source]\nkind = "rtsp"\nurl = "{server.url("gate")}"\nopen_timeout_s = 2\n'
        cameras = {"gate": rtsp, "yard": occupied}
        with inside(configured(tmp_path, mosquitto.port, model, "lost", cameras)):
            heard.wait(lambda: phases(heard, "gate") and phases(heard, "yard"))
            server.stop()
            heard.wait(lambda: ("end", "camera_lost") in phases(heard, "gate"))
            heard.wait(lambda: camera_state(heard, "gate") == "offline")
            figures = len(heard.bodies("/tm"))
            heard.wait(lambda: len(heard.bodies("/tm")) >= figures + 4)
            meanwhile = heard.bodies("/tm")[figures : figures + 4]
            server.start()
            heard.wait(lambda: camera_state(heard, "gate") == "online")
            heard.wait(lambda: phases(heard, "gate")[-1][0] == "start")
            assert phases(heard, "yard") == [("start", None)]
        fps = [analysed_fps(each, "yard") for each in meanwhile]
        # In the worst of these seconds the machine of the tests was busy with something else.
        assert sorted(fps)[-2] >= 0.9 * flash.FPS, fps


def camera_state(heard: Heard, camera: str) -> str:
    return str(heard.bodies(f"/st/cam/{camera}")[-1]["state"])


# --- the detector -----------------------------------------------------------------------


def test_model_whose_outputs_do_not_fit_leaves_the_rest_running_and_says_so(
    tmp_path: Path, mosquitto: Mosquitto, occupied: str
) -> None:
    wrong = flash.model(tmp_path, classes=80)
    config = configured(tmp_path, mosquitto.port, wrong, "misfit", {"yard": occupied})
    with listening(mosquitto, "misfit") as (heard, _), inside(config):
        heard.wait(lambda: "outputs do not fit the manifest" in box_reasons(heard))
        assert "no person detection" in box_reasons(heard)
        heard.wait(lambda: [b for b in heard.bodies("/st/cam/yard") if b["state"] == "online"])
        heard.wait(lambda: [b for b in heard.bodies("/tm") if analysed_fps(b, "yard") > 0])


def analysed_fps(telemetry: dict[str, Any], camera: str) -> float:
    return float(telemetry["cameras"][camera]["analysed_fps"])


class Misbehaving:
    """A detector that does what a bug in a native library would."""

    name = "misbehaving"
    trouble = ""
    candidate_threshold = confirm_threshold = 0.5

    def __init__(self, misbehave: Callable[[], None]) -> None:
        self._misbehave = misbehave

    def detect(
        self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
    ) -> Sequence[Detection]:
        self._misbehave()
        return ()

    def look_together(
        self,
        requests: Sequence[tuple[Pixels, Sequence[Region]]],
        *,
        candidate_threshold: float,
        floor: float,
    ) -> Sequence[Seen]:
        self._misbehave()
        return [Seen((), ()) for _ in requests]


def shorten_patience(monkeypatch: pytest.MonkeyPatch, limits_s: dict[str, float]) -> None:
    """How old these threads' heartbeats may become."""

    def heartbeat(name: str, clock: Clock, *, limit_s: float) -> Heartbeat:
        return Heartbeat(name, clock, limit_s=limits_s.get(name, limit_s))

    monkeypatch.setattr("edge_agent.agent.assembly.Heartbeat", heartbeat)


def test_stuck_analysis_stops_the_watchdogs_pings(
    single: ConfigOf, occupied: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unstuck = threading.Event()
    detector = Misbehaving(lambda: unstuck.wait(30) and None)
    monkeypatch.setattr("edge_agent.agent.assembly.open_detector", lambda *_: detector)
    # Only this thread: the others may be slow on a busy machine.
    shorten_patience(monkeypatch, {"analysis": 1.5})
    monkeypatch.setattr("edge_agent.agent.assembly._ANALYSIS_JOIN_S", 0.1)
    with inside(single("stuck", occupied)) as running:
        running.notifier.wait("not advancing: analysis")
        seen = len(running.notifier.messages)
        running.notifier.wait("not advancing: analysis", after=seen)
        assert "WATCHDOG=1" not in running.notifier.messages[seen:]
        unstuck.set()
        running.notifier.wait("WATCHDOG=1", after=len(running.notifier.messages))


def test_hanging_camera_and_broker_do_not_stop_the_pings(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_patience(monkeypatch, {"analysis": 3.0, "publisher": 3.0, "recorder": 3.0})
    hasty = partial(PublisherSetup, connect_timeout_s=1.5)
    monkeypatch.setattr("edge_agent.agent.assembly.PublisherSetup", hasty)
    with SilentServer() as camera, SilentServer() as broker:
        source = f'[source]\nkind = "rtsp"\nurl = "{camera.url()}"\nopen_timeout_s = 1\n'
        config = configured(tmp_path, broker.port, model, "hung", {"gate": source})
        with inside(config) as running:
            wait_until(lambda: camera.connections > 0 and broker.connections > 0)
            seen = len(running.notifier.messages)
            # Two pings a second: for longer than a heartbeat may be silent.
            wait_until(lambda: len(running.notifier.messages) >= seen + 9)
            assert set(running.notifier.messages[seen:]) == {"WATCHDOG=1"}


class CountedHeartbeat(Heartbeat):
    beats = 0

    def beat(self) -> None:
        self.beats += 1
        super().beat()


def test_long_wait_for_a_broker_is_no_stall() -> None:
    def unopened() -> OutboxReader:
        raise BrokerUnreachable("as if the broker were away")

    heartbeat = CountedHeartbeat("publisher", SystemClock(), limit_s=60.0)
    publisher = Publisher(
        PublisherSetup(
            ward="ward1",
            box="waiting",
            config=MqttConfig(host="127.0.0.1", port=9, allow_insecure=True),
            open_reader=unopened,
            marks=Marks(),
            clock=SystemClock(),
            agent_version="test",
            heartbeat=heartbeat,
            uniform=lambda low, high: 3600.0,
        )
    )
    stop = StopToken()
    waiting = Worker("publisher", publisher.run, stop)
    waiting.start()
    wait_until(lambda: heartbeat.beats >= 3)
    stop.stop()
    assert waiting.join(5)


class CrashingSource(CameraSource):
    """At the camera `gate`, a bug in each try to open it."""

    runs = 0

    def __init__(self, camera: CameraConfig, *parts: Any) -> None:
        super().__init__(camera, *parts)
        self._broken = camera.id == "gate"

    def run(self, stop: StopToken) -> None:
        if not self._broken:
            return super().run(stop)
        type(self).runs += 1
        raise ZeroDivisionError("a bug")


def test_camera_whose_thread_crashes_for_ever_leaves_the_others_running(
    tmp_path: Path,
    mosquitto: Mosquitto,
    model: Path,
    flashing: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge_agent.agent.camera.CameraSource", CrashingSource)
    monkeypatch.setattr("edge_agent.agent.agent._POLL_S", 0.05)
    monkeypatch.setattr("edge_agent.runtime.supervisor.PAUSES_S", (0.0,) * RESTART_BUDGET)
    monkeypatch.setattr("edge_agent.runtime.supervisor.SPENT_PAUSE_S", 0.0)
    cameras = {"gate": flashing, "yard": flashing}
    config = configured(tmp_path, mosquitto.port, model, "one-bug", cameras)
    with listening(mosquitto, "one-bug") as (heard, _), inside(config):
        wait_until(lambda: CrashingSource.runs > 2 * RESTART_BUDGET)
        seen = len(phases(heard))
        heard.wait(lambda: len(phases(heard)) > seen + 1)
        told = heard.bodies("/st/cam/gate")[-1]
    assert (told["state"], told["reason"].split(":")[0]) == ("offline", "crashed")


def test_thread_that_crashes_again_and_again_ends_the_agent_in_order(
    single: ConfigOf, occupied: str, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("edge_agent.analysis.loop.finding_of", crash)
    monkeypatch.setattr("edge_agent.agent.agent._POLL_S", 0.1)
    with listening(mosquitto, "bug") as (heard, _), inside(single("bug", occupied)) as running:
        assert running.ended() == 1
        heard.wait(lambda: heard.bodies("/st/box")[-1]["state"] == "offline")
    assert "STOPPING=1" in running.notifier.messages


# --- memory -----------------------------------------------------------------------------


def test_memory_above_the_limit_ends_the_agent_in_order_with_exit_code_1(
    tmp_path: Path, mosquitto: Mosquitto, model: Path, occupied: str
) -> None:
    config = configured(
        tmp_path, mosquitto.port, model, "fat", {"yard": occupied}, box_keys="max_rss_mb = 64"
    )
    with listening(mosquitto, "fat") as (heard, _), inside(config) as running:
        assert running.ended() == 1
        heard.wait(lambda: heard.bodies("/st/box")[-1]["state"] == "offline")
        assert ("end", "restart") in phases(heard)


@pytest.mark.parametrize(
    ("mib", "stops"),
    [
        ([90, 90, 90, 90, 90], False),
        ([99, 99, 99, 50, 99, 99, 99], False),  # a peak that passes
        ([50, 99, 99, 99, 99], True),
    ],
)
def test_memory_is_judged_by_several_looks_in_a_row(mib: list[float], stops: bool) -> None:
    looks = iter(mib)
    guard = MemoryGuard(100, lambda: next(looks))  # MB: 95.4 MiB
    said = [guard.complaint() for _ in mib]
    assert (said[-1] is not None) is stops
    assert all(text is None for text in said[:-1])
    assert not stops or "box.max_rss_mb = 100" in str(said[-1])


@pytest.mark.parametrize(
    ("setting", "cameras", "limit_mb"),
    [("auto", 4, 400), ("auto", 8, 400), ("auto", 16, 640), ("auto", 40, 640), (300, 16, 300)],
)
def test_more_cameras_may_use_more_memory(
    setting: int | Literal["auto"], cameras: int, limit_mb: int
) -> None:
    source = RtspSource(url="rtsp://192.0.2.1/")
    config = Config(
        box=BoxConfig(id="box1", ward="ward1", max_rss_mb=setting),
        mqtt=MqttConfig(host="127.0.0.1", allow_insecure=True),
        cameras=tuple(CameraConfig(id=f"c{n}", source=source) for n in range(cameras)),
    )
    assert memory_limit_mb(config) == limit_mb


# --- the broker -------------------------------------------------------------------------


def test_broker_that_denies_events_is_a_state_and_they_come_when_it_is_mended(
    tmp_path: Path, model: Path, flashing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "edge_agent.agent.assembly.PublisherSetup",
        partial(PublisherSetup, denied_pause_s=(0.3, 0.5)),
    )
    rest = "topic readwrite ea/v1/+/+/st/#\ntopic readwrite ea/v1/+/+/cmd/#\n"
    broker = Mosquitto(tmp_path / "broker", acl=rest).start()
    try:
        config = configured(tmp_path, broker.port, model, "denied", {"yard": flashing})
        with listening(broker, "denied") as (heard, _), inside(config):
            heard.wait(lambda: "ACL" in box_reasons(heard))
            assert heard.bodies("/st/box")[-1]["state"] == "degraded"
            waiting = json.loads(run("outbox", "stat", "--json", "--config", str(config)).stdout)
            assert waiting["unsent"] > 0
            broker.set_acl(f"{rest}topic readwrite ea/v1/+/+/ev/#\n")
            broker.reload()
            heard.wait(lambda: len(phases(heard)) > waiting["unsent"])
            heard.wait(lambda: not box_reasons(heard))
        numbers = [body["data"]["seq"] for body in heard.bodies("/ev/yard")]
        assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))
    finally:
        broker.stop()


# --- signals, which need a process ------------------------------------------------------


def test_interrupt_stops_in_order(tmp_path: Path, mosquitto: Mosquitto) -> None:
    with agent(write_config(tmp_path, mosquitto.port, {}, box="interrupted")) as process:
        process.process.send_signal(signal.SIGINT)
        assert process.process.wait(20) == 0, process.log


def test_second_signal_ends_at_once(tmp_path: Path) -> None:
    """The broker takes the connection and acknowledges nothing: an orderly stop takes seconds."""
    with (
        FakeBroker(lambda _: connack5(0)) as broker,
        agent(write_config(tmp_path, broker.port, {})) as process,
    ):
        wait_until(lambda: bool(broker.levels))
        process.process.send_signal(signal.SIGTERM)
        process.told(b"STOPPING=1")
        process.process.send_signal(signal.SIGTERM)
        asked_s = time.monotonic()
        assert process.process.wait(20) == 1
        assert time.monotonic() - asked_s < 4, "it waited for the broker"
