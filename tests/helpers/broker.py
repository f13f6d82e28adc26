"""A real mosquitto on a port of its own, for tests and benchmarks; never beyond 127.0.0.1.

`mosquitto`: one open broker per test session; use ward and box ids of your own in each test.
`Mosquitto(folder, ...)`: one to kill, or with TLS, passwords or an ACL.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.config import MqttConfig, TlsConfig

_BINARY = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
_START_TIMEOUT_S = 10.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass(frozen=True)
class BrokerTls:
    """PEM files of a broker's own side."""

    ca: Path
    cert: Path
    key: Path
    require_certificate: bool = False


class Mosquitto:
    """A broker that can be started, killed and started again on the same port."""

    def __init__(
        self,
        folder: Path,
        *,
        tls: BrokerTls | None = None,
        acl: str | None = None,
        passwords: dict[str, str] | None = None,
        extra: str = "",
        durable: bool = True,
    ) -> None:
        """Not `durable`: what the broker knows is saved every 30 s, so a kill loses sessions,
        retained messages and acknowledged ones, as it does with many in the field."""
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._config = folder / "mosquitto.conf"
        self._acl = folder / "acl"
        lines = [
            f"listener {self.port} 127.0.0.1",
            "persistence true",
            f"persistence_location {folder}/",
            *(("autosave_interval 1", "autosave_on_changes true") if durable else ()),
            *(() if durable else ("autosave_interval 30",)),
            "max_queued_messages 200000",
            "max_inflight_messages 100",
            "set_tcp_nodelay true",
            f"log_dest file {folder}/log",
            f"allow_anonymous {'false' if passwords else 'true'}",
            extra,
        ]
        if os.geteuid() == 0:
            # It would give up root's rights, and then read nothing of a private folder.
            lines.append("user root")
        if tls:
            lines += [f"cafile {tls.ca}", f"certfile {tls.cert}", f"keyfile {tls.key}"]
            if tls.require_certificate:
                lines += ["require_certificate true", "use_identity_as_username true"]
        if acl is not None:
            self.set_acl(acl)
            lines.append(f"acl_file {self._acl}")
        if passwords:
            lines.append(f"password_file {self._write_passwords(passwords)}")
        self._lines = lines
        self._extra = extra
        self._config.write_text("\n".join(lines) + "\n")

    def _write_passwords(self, passwords: dict[str, str]) -> Path:
        path = self._folder / "passwords"
        path.write_text("".join(f"{user}:{word}\n" for user, word in passwords.items()))
        path.chmod(0o600)
        subprocess.run(["mosquitto_passwd", "-U", str(path)], check=True)
        return path

    def extend(self, extra: str) -> None:
        """Other extra lines from the next start on."""
        lines = [extra if line == self._extra else line for line in self._lines]
        self._config.write_text("\n".join(lines) + "\n")

    def set_acl(self, text: str) -> None:
        """Replace the ACL; a running broker reads it at `reload`."""
        self._acl.write_text(text)
        self._acl.chmod(0o600)

    def reload(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGHUP)

    def start(self) -> Mosquitto:
        if _BINARY is None:
            pytest.skip("mosquitto is not installed")
        self._process = subprocess.Popen(
            [_BINARY, "-c", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(self.address, 0.5):
                return self
            assert self._process.poll() is None, f"mosquitto ended; see {self._folder}/log"
            assert time.monotonic() < deadline_s, "mosquitto does not listen"
            time.sleep(0.02)

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)

    def kill(self) -> None:
        """SIGKILL, as a power cut or the kernel's memory killer would."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None

    def config(self, **changes: object) -> MqttConfig:
        """How an agent reaches this broker: plain, without jitter."""
        settings: dict[str, object] = {
            "host": "127.0.0.1",
            "port": self.port,
            "allow_insecure": True,
            "tls": TlsConfig(),
            "backlog_jitter_s": 0.0,
            "backlog_per_s": 500.0,
            "reconnect_max_s": 0.2,
        }
        return MqttConfig(**(settings | changes))  # type: ignore[arg-type]


def have_mosquitto() -> bool:
    return _BINARY is not None


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """An open broker shared by the whole session. Skips when mosquitto is not installed."""
    broker = Mosquitto(tmp_path_factory.mktemp("broker")).start()
    yield broker
    broker.stop()


@pytest.fixture
def own_mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker of this test alone, which it may kill."""
    broker = Mosquitto(tmp_path / "broker").start()
    yield broker
    broker.stop()
