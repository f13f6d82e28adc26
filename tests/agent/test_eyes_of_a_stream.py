"""A camera turned, slow and gone, as its ward sees it: a real agent, broker and RTSP stream."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import clips
import flash
import numpy as np
import pytest
import views
from agent_process import Heard, agent, listening, write_config
from broker import Mosquitto
from paho.mqtt.client import Client

from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer

BOX, FPS = "eyes", 10
#: No whole number of looks: a loop that repeats with them would be a frozen picture.
FRAMES = 73
#: Seconds. A fault is told within a minute; a loaded machine is late.
SOON_S, LATE_S = 60.0, 150.0


def media(folder: Path, name: str, draw: views.Draw) -> Media:
    shown, rng = draw(views.scene()), np.random.default_rng(3)

    def paint(index: int, width: int, height: int) -> np.ndarray:
        noise = rng.normal(0, 2, (height, width, 1))
        return np.clip(shown + noise, 0, 255).astype(np.uint8)

    clip = clips.Clip(
        codec="mjpeg",
        width=views.WIDTH,
        height=views.HEIGHT,
        frames=FRAMES,
        fps=FPS,
        pixel_format="yuvj420p",
    )
    return Media.load(clips.render(folder / f"{name}.avi", clip, paint))


def reason(heard: Heard) -> str:
    states = heard.bodies("/st/cam/gate")
    return str(states[-1]["reason"]) if states else ""


def state(heard: Heard) -> str:
    states = heard.bodies("/st/cam/gate")
    return str(states[-1]["state"]) if states else ""


def told(heard: Heard) -> list[tuple[str, str]]:
    bodies = [body["data"] for body in heard.bodies("/ev/gate/health")]
    return [(body["kind"], body["phase"]) for body in bodies]


def seconds(heard: Heard, count: int) -> None:
    """Telemetry comes once a second."""
    figures = len(heard.bodies("/tm"))
    heard.wait(lambda: len(heard.bodies("/tm")) >= figures + count, LATE_S)


def command(heard: Heard, client: Client, verb: str, arguments: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps({"cmd_id": "01KAS6C000ZZ5Y0T7M2N9R6XBJ", "verb": verb, "args": arguments})
    client.publish(f"ea/v1/ward1/{BOX}/cmd/{verb}", body, 1)
    heard.wait(lambda: heard.bodies("/ack"), SOON_S)
    answer: dict[str, Any] = heard.bodies("/ack")[-1]
    return answer


def status_in_vietnamese(config: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent", "status", "--config", str(config), "--lang", "vi"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return " ".join((done.stdout + done.stderr).split())


@pytest.mark.system
@pytest.mark.timeout(900)
def test_a_turned_a_slow_and_a_lost_camera_are_told_and_a_new_view_is_accepted(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    usual, turned = (media(tmp_path, draw.__name__, draw) for draw in (views.usual, views.turned))
    slow = replace(turned, pictures=turned.pictures[::6])  # says its usual rate, as by bad Wi-Fi
    server = RtspServer({"gate": usual}).start()
    source = f'[source]\nkind = "rtsp"\nurl = "{server.url("gate")}"\nopen_timeout_s = 2\n'
    config = write_config(
        tmp_path,
        mosquitto.port,
        {"gate": source},
        box=BOX,
        extra=flash.settings(flash.model(tmp_path)),
    )

    def now_shows(item: Media) -> None:
        nonlocal server
        server.stop()
        server = RtspServer({"gate": item}, port=server.port).start()

    try:
        with listening(mosquitto, BOX) as (heard, client), agent(config, ready_s=LATE_S):
            heard.wait(lambda: state(heard) == "online", SOON_S)
            seconds(heard, 80)
            assert told(heard) == []

            now_shows(turned)
            heard.wait(lambda: "moved: the camera looks elsewhere" in reason(heard), LATE_S)
            assert "bị xoay: camera nhìn chỗ khác với trước" in status_in_vietnamese(config)
            assert command(heard, client, "accept", {"camera": "gate"})["status"] == "done"
            heard.wait(lambda: ("moved", "end") in told(heard), LATE_S)
            heard.wait(lambda: state(heard) == "online", SOON_S)

            now_shows(slow)
            heard.wait(lambda: "low frame rate: far fewer" in reason(heard), LATE_S)
            assert "ít hình: hình về ít hơn hẳn mọi khi" in status_in_vietnamese(config)

            server.stop()
            heard.wait(lambda: ("lost", "start") in told(heard), LATE_S)
            assert ("low_frame_rate", "end") in told(heard)
            assert state(heard) == "offline"
            server = RtspServer({"gate": turned}, port=server.port).start()
            heard.wait(lambda: ("lost", "end") in told(heard), LATE_S)
            heard.wait(lambda: state(heard) == "online", SOON_S)
            assert [kind for kind, phase in told(heard) if phase == "start"] == [
                "moved",
                "low_frame_rate",
                "lost",
            ]
    finally:
        server.stop()
