"""The agent as a process: a real broker, real signals, real crashes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from agent_process import agent, listening, write_config
from broker import Mosquitto

CANARY = "canary-7f3a-secret"


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


def file_camera(clip: Path) -> str:
    return f'[source]\nkind = "file"\npath = "{clip}"\nloop = true\n'


def test_motion_reaches_the_broker_and_a_stop_ends_its_event(
    tmp_path: Path, moving: Path, mosquitto: Mosquitto
) -> None:
    config = write_config(tmp_path, mosquitto.port, {"yard": file_camera(moving)}, box="stop")
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
    tmp_path: Path, moving: Path, mosquitto: Mosquitto
) -> None:
    config = write_config(tmp_path, mosquitto.port, {"yard": file_camera(moving)}, box="crash")
    with listening(mosquitto, "crash") as (heard, _):
        with agent(config) as process:
            heard.wait(lambda: heard.bodies("/ev/yard/motion"))
            process.kill()
        (started,) = {body["data"]["event_id"] for body in heard.bodies("/ev/")}
        with agent(config):
            heard.wait(
                lambda: [
                    body
                    for body in heard.bodies("/ev/yard/motion")
                    if body["data"]["event_id"] == started and body["data"]["phase"] == "end"
                ]
            )
        ends = [b["data"] for b in heard.bodies("/ev/") if b["data"]["phase"] == "end"]
        assert ends[0]["end_reason"] == "restart"


def test_second_agent_on_the_same_state_exits_1_and_names_the_first(
    tmp_path: Path, moving: Path, mosquitto: Mosquitto
) -> None:
    config = write_config(tmp_path, mosquitto.port, {"yard": file_camera(moving)}, box="twice")
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
    tmp_path: Path, moving: Path, mosquitto: Mosquitto
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a film")
    cameras = {
        "good": file_camera(moving),
        "broken": file_camera(broken),
        "away": '[source]\nkind = "rtsp"\nurl = "rtsp://127.0.0.1:9/x"\nopen_timeout_s = 1\n',
    }
    config = write_config(tmp_path, mosquitto.port, cameras, box="mixed")
    with listening(mosquitto, "mixed") as (heard, _), agent(config) as process:
        heard.wait(lambda: heard.bodies("/ev/good/motion"))
        for camera, state in (("good", "online"), ("broken", "offline"), ("away", "offline")):
            heard.wait(
                lambda camera=camera, state=state: [
                    body
                    for body in heard.bodies(f"/st/cam/{camera}")
                    if body["state"] == state and "connecting" not in body["reason"]
                ]
            )
        assert process.stop() == 0, process.log


def test_no_secret_leaves_and_no_port_is_opened(
    tmp_path: Path, moving: Path, mosquitto: Mosquitto
) -> None:
    secret = tmp_path / "password"
    secret.write_text(CANARY)
    secret.chmod(0o600)
    cameras = {
        "yard": file_camera(moving),
        "gate": '[source]\nkind = "rtsp"\nurl = "rtsp://127.0.0.1:9/x"\nusername = "viewer"\n'
        f'password_file = "{secret}"\nopen_timeout_s = 1\n',
    }
    config = write_config(
        tmp_path, mosquitto.port, cameras, box="quiet", extra='[log]\nlevel = "debug"\n'
    )
    with listening(mosquitto, "quiet") as (heard, _), agent(config) as process:
        heard.wait(lambda: heard.bodies("/ev/yard/motion"))
        heard.wait(
            lambda: [b for b in heard.bodies("/st/cam/gate") if "unreachable" in b["reason"]]
        )
        seen = psutil.Process(process.process.pid)
        assert [c for c in seen.net_connections() if c.status == psutil.CONN_LISTEN] == []
        assert CANARY not in " ".join([*seen.cmdline(), *seen.environ().values()])
        assert process.stop() == 0
        assert CANARY not in process.log
        assert CANARY.encode() not in b"".join(body for _, body in heard.messages)
        for path in (tmp_path / "state").rglob("*"):
            if path.is_file():
                assert CANARY.encode() not in path.read_bytes(), path


def test_events_wait_for_a_broker_that_comes_later(
    tmp_path: Path, moving: Path, own_mosquitto: Mosquitto
) -> None:
    config = write_config(tmp_path, own_mosquitto.port, {"yard": file_camera(moving)})
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
            heard.wait(lambda: heard.bodies("/ev/yard/motion"))
            assert heard.bodies("/ev/yard/motion")[0]["data"]["seq"] == 1


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


def test_damaged_model_leaves_motion_and_says_so(
    tmp_path: Path, moving: Path, mosquitto: Mosquitto
) -> None:
    model = tmp_path / "bad.onnx"
    model.write_bytes(b"flipped bits")
    config = write_config(
        tmp_path,
        mosquitto.port,
        {"yard": file_camera(moving)},
        box="blind",
        extra=f'[detector]\nmodel = "{model}"\n',
    )
    with listening(mosquitto, "blind") as (heard, _), agent(config):
        heard.wait(lambda: heard.bodies("/ev/yard/motion"))
        heard.wait(lambda: heard.bodies("/st/box")[-1]["state"] == "degraded")
        assert "no person detection" in heard.bodies("/st/box")[-1]["reasons"][0]
