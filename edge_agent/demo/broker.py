"""A real MQTT broker on loopback for as long as the demo runs: mosquitto, else amqtt."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_agent.clock import SystemClock
from edge_agent.errors import OperatorError

BrokerKind = Literal["mosquitto", "amqtt"]

_START_TIMEOUT_S = 15.0
_STOP_TIMEOUT_S = 5.0
#: Between choosing a free port and listening on it somebody else may take it.
_TRIES = 3

#: Debian installs mosquitto where users who are not root do not look.
_SYSTEM_PATHS = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"


@dataclass(frozen=True, slots=True)
class DemoBroker:
    """A running broker: anybody on this machine may connect, without TLS or login."""

    name: BrokerKind
    port: int
    host: str = "127.0.0.1"

    @property
    def mqtt_version(self) -> Literal["auto", "3.1.1"]:
        """What clients should set: amqtt leaves an MQTT 5 client waiting until it gives up."""
        return "3.1.1" if self.name == "amqtt" else "auto"


def available() -> tuple[BrokerKind, ...]:
    """The brokers this machine can start, the better first."""
    kinds: list[BrokerKind] = ["mosquitto"] if _mosquitto() else []
    return (*kinds, "amqtt") if importlib.util.find_spec("amqtt") else tuple(kinds)


@contextlib.contextmanager
def demo_broker(kind: BrokerKind | None = None) -> Iterator[DemoBroker]:
    """Start a broker on a free port; nothing of it is left afterwards.

    `kind` None: mosquitto (MQTT 5) if it is installed, otherwise amqtt (MQTT 3.1.1). Raises
    OperatorError when there is none, or when it does not start.
    """
    found = available()
    if not found or (kind and kind not in found):
        raise OperatorError(
            f"no MQTT broker ({kind or 'mosquitto or amqtt'}) on this machine; install one with "
            "`apt-get install mosquitto` or `pip install 'edge-agent[demo]'`"
        )
    kind = kind or found[0]
    with tempfile.TemporaryDirectory(prefix="edge-agent-broker-") as folder:
        process, port = _start(kind, Path(folder))
        try:
            yield DemoBroker(kind, port)
        finally:
            _stop(process)


def _mosquitto() -> str | None:
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_SYSTEM_PATHS)


def _start(kind: BrokerKind, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    log_path = folder / "log"
    for _ in range(_TRIES):
        port = _free_port()
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                _command(kind, port, folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        if _listens(process, port):
            return process, port
        _stop(process)
    raise OperatorError(f"{kind} did not start:\n{log_path.read_text(errors='replace').strip()}")


def _command(kind: BrokerKind, port: int, folder: Path) -> Sequence[str]:
    if kind == "amqtt":
        return [sys.executable, "-m", "edge_agent.demo.amqtt_broker", str(port)]
    config = folder / "mosquitto.conf"
    lines = (
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        "persistence false",
        "set_tcp_nodelay true",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
    )
    config.write_text("\n".join(lines) + "\n")
    return [str(_mosquitto()), "-c", str(config)]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the port answers; False when the broker ends instead, or takes too long."""
    clock = SystemClock()
    deadline_s = clock.mono_s() + _START_TIMEOUT_S
    while clock.mono_s() < deadline_s:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
            return process.poll() is None
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            return False
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
