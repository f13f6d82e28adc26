"""`config check --online`: does the broker take this box, and do the cameras send pictures?"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edge_agent.clock import SystemClock
from edge_agent.config import CameraConfig, FolderSource, LoadedConfig
from edge_agent.errors import AgentError
from edge_agent.mqtt import BrokerSession, Dialer, endpoint_of
from edge_agent.runtime import StopToken
from edge_agent.sources import CredentialGuard, PictureRules, login_guard, probe
from edge_agent.tools.preflight.diagnosis import Diagnosis

_BROKER_TIMEOUT_S = 10.0
#: Long enough to see two keyframes of most cameras.
_WATCH_S = 6.0
#: Cameras that are looked at together: a recorder bears no more.
_TOGETHER = 4
#: The words of a refusal -> the key to look at.
_BROKER_KEYS = (
    "mqtt.tls.ca_file",
    "mqtt.tls.cert_file",
    "mqtt.password_file",
    "mqtt.port",
    "mqtt.host",
)


def online_diagnoses(loaded: LoadedConfig) -> Iterator[Diagnosis]:
    yield from _broker(loaded)
    cameras = [
        (index, camera)
        for index, camera in enumerate(loaded.config.cameras, start=1)
        if camera.enabled and not isinstance(camera.source, FolderSource)
    ]
    guard = login_guard(Path(loaded.config.box.state_dir), SystemClock())
    with ThreadPoolExecutor(_TOGETHER) as pool:
        for found in pool.map(lambda pair: _camera(loaded, pair[0], pair[1], guard), cameras):
            yield from found


def _broker(loaded: LoadedConfig) -> Iterator[Diagnosis]:
    """Under a name of its own: the agent that may be running keeps its connection."""
    config, clock = loaded.config, SystemClock()
    session = BrokerSession(
        f"{config.box.ward}-{config.box.id}-check", clean_start=True, expiry_s=0
    )
    dialer = Dialer(lambda: endpoint_of(config.mqtt), clock, timeout_s=_BROKER_TIMEOUT_S)
    try:
        dialer.dial(session, StopToken()).close()
    except AgentError as error:
        key = next((key for key in _BROKER_KEYS if key in str(error)), "mqtt")
        yield Diagnosis(loaded.problem(0, key, str(error), ""))


def _camera(
    loaded: LoadedConfig, index: int, camera: CameraConfig, guard: CredentialGuard
) -> list[Diagnosis]:
    try:
        report = probe(
            camera.source,
            credentials=guard,
            stop=StopToken(),
            clock=SystemClock(),
            watch_s=_WATCH_S,
            rules=PictureRules.of(camera.source, loaded.config.analysis),
        )
    except AgentError as error:
        return [Diagnosis(loaded.problem(index, "source", str(error), ""))]
    return [
        Diagnosis(loaded.problem(index, "source", line, ""), is_error=False)
        for line in (*report.remarks, *report.advice)
    ]
