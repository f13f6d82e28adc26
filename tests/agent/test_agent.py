"""The agent as a process: a real broker, real signals, real crashes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import flash
import numpy as np
import psutil
import pytest
from agent_process import agent, listening, write_config
from broker import Mosquitto

CANARIES = {"camera": "canary-7f3a-secret", "broker": "canary-91c2-secret"}


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s at 10 fps: 6 s of a grey noisy yard, then a bright block crosses it."""
    path = tmp_path_factory.mktemp("clips") / "moving.avi"
    random = np.random.default_rng(7)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 180))
    yard = cv2.resize(random.integers(70, 140, (12, 20, 3), np.uint8), (320, 180))
    for index in range(120):
        picture = yard.copy()
        if index >= 60:
            left = (index - 60) * 4
            picture[60:140, left : left + 40] = 235
        noise = random.integers(-2, 3, picture.shape)
        writer.write(np.clip(picture + noise, 0, 255).astype(np.uint8))
    writer.release()
    return path


@pytest.fixture(scope="module")
def flashing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person every 1.6 s, at once: for all but the detector of motion, which must warm up."""
    return flash.clip(tmp_path_factory.mktemp("clips") / "flashing.avi")


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> str:
    return flash.settings(flash.model(tmp_path_factory.mktemp("model")))


def test_motion_reaches_the_broker_and_a_stop_ends_its_event(
    tmp_path: Path, moving: Path, mosquitto: Mosquitto
) -> None:
    config = write_config(tmp_path, mosquitto.port, {"yard": flash.camera(moving)}, box="stop")
    with listening(mosquitto, "stop") as (heard, _), agent(config) as process:
        heard.wait(lambda: heard.bodies("/ev/yard/motion"))
        assert heard.bodies("/st/box")[-1]["state"] in ("online", "degraded")
        assert heard.bodies("/st/cam/yard")[-1]["state"] == "online"
        assert heard.bodies("/st/config")[-1]["result"] == "applied"
        heard.wait(lambda: heard.bodies("/tm"))
        assert process.stop() == 0, process.log
        heard.wait(lambda: heard.bodies("/st/box")[-1]["state"] == "offline")
        data = [body["data"] for body in heard.bodies("/ev/")]
        assert [body["phase"] for body in data][-1] == "end"
        assert data[-1]["end_reason"] == "restart"
        assert [body["seq"] for body in data] == list(range(1, len(data) + 1))


def test_event_left_open_by_a_crash_is_ended_at_the_next_start(
    tmp_path: Path, detector: str, mosquitto: Mosquitto
) -> None:
    standing = flash.clip(tmp_path / "standing.avi", bright_s=4, dark_s=0)
    cameras = {"yard": flash.camera(standing)}
    config = write_config(tmp_path, mosquitto.port, cameras, box="crash", extra=detector)
    with listening(mosquitto, "crash") as (heard, _):
        with agent(config) as process:
            heard.wait(lambda: heard.bodies("/ev/yard/person"))
            process.kill()
        (started,) = {body["data"]["event_id"] for body in heard.bodies("/ev/")}
        with agent(config):
            heard.wait(
                lambda: [
                    body
                    for body in heard.bodies("/ev/yard/person")
                    if body["data"]["event_id"] == started and body["data"]["phase"] == "end"
                ]
            )
        ends = [b["data"] for b in heard.bodies("/ev/") if b["data"]["phase"] == "end"]
        assert ends[0]["end_reason"] == "restart"


def test_second_agent_on_the_same_state_exits_1_and_names_the_first(
    tmp_path: Path, flashing: Path, mosquitto: Mosquitto
) -> None:
    config = write_config(tmp_path, mosquitto.port, {"yard": flash.camera(flashing)}, box="twice")
    with agent(config) as first:
        second = subprocess.run(
            [sys.executable, "-m", "edge_agent", "run", "--config", str(config)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 1
        assert str(first.process.pid) in second.stderr
        assert first.process.poll() is None


def test_failing_cameras_touch_neither_the_good_one_nor_each_other(
    tmp_path: Path, flashing: Path, detector: str, mosquitto: Mosquitto
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a film")
    cameras = {
        "good": flash.camera(flashing),
        "broken": flash.camera(broken),
        "away": '[source]\nkind = "rtsp"\nurl = "rtsp://127.0.0.1:9/x"\nopen_timeout_s = 1\n',
        "unplugged": '[source]\nkind = "usb"\ndevice = "/dev/v4l/by-id/usb-none-video-index0"\n',
        "locked": '[source]\nkind = "rtsp"\nurl = "rtsp://127.0.0.1:9/x"\nusername = "viewer"\n'
        f'password_file = "{tmp_path}/nowhere"\n',
    }
    config = write_config(tmp_path, mosquitto.port, cameras, box="mixed", extra=detector)
    with listening(mosquitto, "mixed") as (heard, _), agent(config) as process:
        heard.wait(lambda: heard.bodies("/ev/good/person"))
        for camera in cameras:
            state = "online" if camera == "good" else "offline"
            heard.wait(
                lambda camera=camera, state=state: [
                    body
                    for body in heard.bodies(f"/st/cam/{camera}")
                    if body["state"] == state and "connecting" not in body["reason"]
                ]
            )
        assert process.stop() == 0, process.log


def test_no_secret_leaves_and_no_port_is_opened(
    tmp_path: Path, flashing: Path, detector: str, mosquitto: Mosquitto
) -> None:
    files = {}
    for name, canary in CANARIES.items():
        files[name] = tmp_path / f"{name}.password"
        files[name].write_text(canary)
        files[name].chmod(0o600)
    cameras = {
        "yard": flash.camera(flashing),
        "gate": '[source]\nkind = "rtsp"\nurl = "rtsp://127.0.0.1:9/x"\nusername = "viewer"\n'
        f'password_file = "{files["camera"]}"\nopen_timeout_s = 1\n',
    }
    config = write_config(
        tmp_path,
        mosquitto.port,
        cameras,
        box="quiet",
        mqtt_keys=f'username = "box"\npassword_file = "{files["broker"]}"',
        extra=detector + '[log]\nlevel = "debug"\n',
    )
    with listening(mosquitto, "quiet") as (heard, _), agent(config) as process:
        heard.wait(lambda: heard.bodies("/ev/yard/person"))
        heard.wait(
            lambda: [b for b in heard.bodies("/st/cam/gate") if "unreachable" in b["reason"]]
        )
        seen = psutil.Process(process.process.pid)
        assert [c for c in seen.net_connections() if c.status == psutil.CONN_LISTEN] == []
        shown = " ".join([*seen.cmdline(), *seen.environ().values()])
        assert process.stop() == 0
        written = b"".join(p.read_bytes() for p in (tmp_path / "state").rglob("*") if p.is_file())
        sent = b"".join(body for _, body in heard.messages)
        for canary in CANARIES.values():
            assert canary not in shown
            assert canary not in process.log
            assert canary.encode() not in sent
            assert canary.encode() not in written


def test_events_wait_for_a_broker_that_comes_later(
    tmp_path: Path, flashing: Path, detector: str, own_mosquitto: Mosquitto
) -> None:
    config = write_config(
        tmp_path, own_mosquitto.port, {"yard": flash.camera(flashing)}, extra=detector
    )
    own_mosquitto.kill()
    with agent(config) as process:
        stat = [sys.executable, "-m", "edge_agent", "outbox", "stat", "--json"]
        stat += ["--config", str(config)]
        waiting = 0
        while not waiting:
            assert process.process.poll() is None, process.log
            text = subprocess.run(stat, capture_output=True, text=True, timeout=60, check=True)
            waiting = json.loads(text.stdout)["unsent"]
        own_mosquitto.start()
        with listening(own_mosquitto) as (heard, _):
            heard.wait(lambda: heard.bodies("/ev/yard/person"))
            assert heard.bodies("/ev/yard/person")[0]["data"]["seq"] == 1


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("[mqt]\nhost = 1\n", "mqt"),
        ("[detector]\nthreads = 0\n", "detector.threads"),
    ],
)
def test_bad_configuration_exits_78_and_says_where(
    tmp_path: Path, extra: str, message: str
) -> None:
    config = write_config(tmp_path, 1883, {}, extra=extra)
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent", "run", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 78
    assert message in done.stderr
    assert "agent.toml" in done.stderr


def test_hup_reads_the_files_and_a_start_with_a_broken_one_is_on_the_last_good(
    tmp_path: Path, flashing: Path, mosquitto: Mosquitto
) -> None:
    config = write_config(tmp_path, mosquitto.port, {"yard": flash.camera(flashing)}, box="hup")
    with listening(mosquitto, "hup") as (heard, _):
        with agent(config) as process:
            write_config(tmp_path, mosquitto.port, {"gate": flash.camera(flashing)}, box="hup")
            process.process.send_signal(signal.SIGHUP)
            heard.wait(lambda: heard.bodies("/st/cam/gate"))
            assert process.stop() == 0, process.log
        text = (tmp_path / "agent.toml").read_text()
        (tmp_path / "agent.toml").write_text(text + "[box")
        with agent(config) as process:
            heard.wait(lambda: heard.bodies("/st/config")[-1]["result"] == "rejected")
            heard.wait(lambda: heard.bodies("/st/cam/gate")[-1]["state"] == "online")
            assert "agent.toml cannot be used: running on the last good" in process.log
            assert process.stop() == 0, process.log


def test_damaged_model_leaves_motion_and_says_so(
    tmp_path: Path, moving: Path, mosquitto: Mosquitto
) -> None:
    model = tmp_path / "bad.onnx"
    model.write_bytes(b"flipped bits")
    config = write_config(
        tmp_path,
        mosquitto.port,
        {"yard": flash.camera(moving)},
        box="blind",
        extra=f'[detector]\nmodel = "{model}"\n',
    )
    with listening(mosquitto, "blind") as (heard, _), agent(config):
        heard.wait(lambda: heard.bodies("/ev/yard/motion"))
        heard.wait(lambda: heard.bodies("/st/box")[-1]["state"] == "degraded")
        assert "no person detection" in heard.bodies("/st/box")[-1]["reasons"][0]
