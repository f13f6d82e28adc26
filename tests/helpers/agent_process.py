"""A real `edge-agent run` in a process of its own, and an MQTT client that watches it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker import Mosquitto
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

AGENT = """
[box]
ward = "{ward}"
id = "{box}"
state_dir = "{state_dir}"
{box_keys}
[mqtt]
host = "127.0.0.1"
port = {port}
allow_insecure = true
backlog_jitter_s = 0
backlog_per_s = 500
reconnect_max_s = 0.5
{mqtt_keys}
[telemetry]
interval_s = 1
[defaults.motion]
min_duration_s = 0.2
quiet_s = 2
"""


def write_config(
    folder: Path,
    port: int,
    cameras: dict[str, str],
    *,
    box: str = "box1",
    extra: str = "",
    **more: str,
) -> Path:
    """A configuration folder; `cameras` are the texts of cameras.d/ by id.

    `box_keys`, `mqtt_keys`: further lines of these tables; `extra`: further tables;
    `state_dir`: another than state/ in the folder.
    """
    (folder / "cameras.d").mkdir(parents=True, exist_ok=True)
    keys = {"box_keys": "", "mqtt_keys": "", "state_dir": str(folder / "state")}
    text = AGENT.format(ward="ward1", box=box, port=port, **(keys | more))
    (folder / "agent.toml").write_text(text + extra)
    for camera, camera_text in cameras.items():
        (folder / "cameras.d" / f"{camera}.toml").write_text(f'id = "{camera}"\n{camera_text}')
    return folder


class AgentProcess:
    """Started by the constructor; `ready` waits for systemd's READY=1."""

    def __init__(self, config: Path, *, env: dict[str, str] | None = None) -> None:
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # A fresh name each time: abstract, so that no file stays behind.
        name = f"edge-agent-test-{os.getpid()}-{time.monotonic_ns()}"
        self._notify.bind(f"\0{name}")
        self._log = config / "agent.log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge_agent", "run", "--config", str(config)],
                stdout=log,
                stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": f"@{name}", **(env or {})},
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def ready(self, timeout_s: float = 60.0) -> None:
        self.told(b"READY=1", timeout_s)

    def told(self, message: bytes, timeout_s: float = 60.0) -> None:
        """Wait until systemd is told this."""
        deadline_s = time.monotonic() + timeout_s
        self._notify.settimeout(0.2)
        while time.monotonic() < deadline_s:
            assert self.process.poll() is None, self.log
            try:
                if self._notify.recv(4096) == message:
                    return
            except TimeoutError:
                continue
        self.close()  # else the next test fails, too
        raise AssertionError(f"no {message!r} after {timeout_s} s: {self.log}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, timeout_s: float = 30.0) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self._notify.close()


@contextmanager
def agent(
    config: Path, *, env: dict[str, str] | None = None, ready_s: float = 30.0
) -> Iterator[AgentProcess]:
    process = AgentProcess(config, env=env)
    try:
        process.ready(ready_s)
        yield process
    finally:
        process.close()


@dataclass
class Heard:
    """Every message of a box, in the order of arrival."""

    messages: list[tuple[str, bytes]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def bodies(self, part: str) -> list[dict[str, Any]]:
        """JSON bodies of the topics that contain `part`."""
        with self.changed:
            return [json.loads(body) for topic, body in self.messages if part in topic and body]

    def wait(self, what: Callable[[], object], timeout_s: float = 60.0) -> None:
        with self.changed:
            assert self.changed.wait_for(what, timeout_s), [
                (topic, body[:300]) for topic, body in self.messages if not topic.endswith("/tm")
            ]


@contextmanager
def listening(broker: Mosquitto, box: str = "box1") -> Iterator[tuple[Heard, Client]]:
    """Hear everything that box says; the client may publish commands."""
    heard = Heard()
    client = Client(CallbackAPIVersion.VERSION2)
    subscribed = threading.Event()

    def on_message(_client: Client, _data: object, message: MQTTMessage) -> None:
        with heard.changed:
            heard.messages.append((message.topic, message.payload))
            heard.changed.notify_all()

    client.on_message = on_message
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    client.subscribe(f"ea/v1/ward1/{box}/#", qos=1)
    assert subscribed.wait(10)
    try:
        yield heard, client
    finally:
        client.disconnect()
        client.loop_stop()
