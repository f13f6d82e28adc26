"""Configuration, detector, cameras, broker and outbox, tried as the agent would use them."""

from __future__ import annotations

import datetime as dt
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.config import CameraConfig, Config, FolderSource, LoadedConfig, load_config
from edge_agent.contract import UlidGenerator
from edge_agent.detect import OnnxDetector, find_model
from edge_agent.errors import (
    AgentError,
    BrokerRefused,
    BrokerUnreachable,
    ConfigError,
    CredentialRefused,
    ModelError,
    SourceStalled,
    SourceUnreachable,
    StorageError,
)
from edge_agent.mqtt import Dialer, Session, endpoint_of
from edge_agent.outbox import outbox_stat
from edge_agent.runtime import StopToken
from edge_agent.sources import CredentialGuard, probe
from edge_agent.tools.doctor.findings import Finding, fine
from edge_agent.tools.preflight import Diagnosis, local_diagnoses, service_of

#: One look at a whole picture. 5 pictures a second of a busy camera leave 200 ms for each.
_SLOW_LOOK_MS = 200.0
_LOOKS = 3
#: Long enough for a keyframe of a camera with a GOP of 4 s.
_WATCH_S = 6.0
_CERTIFICATE_DAYS = 30
_MANY_WAITING = 1000
_PEM_DATE = "%b %d %H:%M:%S %Y %Z"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the checks that follow need; None where the configuration is wrong."""

    config: Config | None
    findings: tuple[Finding, ...]


def configuration(path: Path) -> Loaded:
    try:
        loaded: LoadedConfig = load_config(path)
    except ConfigError as error:
        found = tuple(Finding("EA-CFG-001", str(path), str(each)) for each in error.problems)
        return Loaded(None, found)
    told = [each for each in local_diagnoses(loaded, service_of(path)) if not _is_camera(each)]
    wrong = [Finding("EA-CFG-001", str(path), str(each.problem)) for each in told if each.is_error]
    odd = [*loaded.warnings, *(each.problem for each in told if not each.is_error)]
    warnings = [*wrong, *(Finding("EA-CFG-002", str(path), str(each)) for each in odd)]
    if not any(camera.enabled for camera in loaded.config.cameras):
        warnings.append(Finding("EA-CFG-003", str(path), "no camera"))
    if not warnings:
        count = len(loaded.config.cameras)
        warnings.append(fine("configuration", f"fine, {count} camera{'' if count == 1 else 's'}"))
    return Loaded(loaded.config, tuple(warnings))


def _is_camera(diagnosis: Diagnosis) -> bool:
    """Those are looked at one by one."""
    return diagnosis.problem.path.startswith("source.")


def detector(config: Config) -> Finding:
    """Opened, verified and asked."""
    from edge_agent.tools.trial.cost import look_ms, street

    try:
        model = find_model(config.detector.model)
        opened = OnnxDetector.open(model, threads=config.detector.threads)
    except ModelError as error:
        return Finding("EA-MOD-001", "detector", str(error))
    picture = street(model.manifest.input.size)
    took_ms = min(look_ms(opened, picture)[1] for _ in range(_LOOKS))
    found = f"{model.manifest.name}: {took_ms:.0f} ms a look"
    return Finding("EA-MOD-002" if took_ms > _SLOW_LOOK_MS else "", "detector", found)


def cameras(config: Config, credentials: CredentialGuard, clock: Clock) -> Iterator[Finding]:
    for camera in config.cameras:
        if camera.enabled:
            yield from _camera(camera, credentials, clock)


def _camera(camera: CameraConfig, guard: CredentialGuard, clock: Clock) -> Iterator[Finding]:
    subject = f"camera {camera.id}"
    source = camera.source
    if isinstance(source, FolderSource):
        there = Path(source.path).is_dir()
        code = "" if there else "EA-CAM-005"
        yield Finding(code, subject, f"folder {'there' if there else 'missing'}")
        return
    try:
        seen = probe(source, credentials=guard, stop=StopToken(), clock=clock, watch_s=_WATCH_S)
    except CredentialRefused as error:
        yield Finding("EA-CAM-002", subject, str(error))
    except SourceUnreachable as error:
        yield Finding("EA-CAM-001", subject, str(error))
    except SourceStalled as error:
        yield Finding("EA-CAM-003", subject, str(error))
    except AgentError as error:
        yield Finding("EA-CAM-005", subject, str(error))
    else:
        figures = seen.figures
        rate = f", {figures.fps:.0f} fps" if figures.fps else ""
        key = f", keyframe every {figures.key_interval_s:.1f} s" if figures.key_interval_s else ""
        yield fine(subject, f"{seen.info.codec} {seen.size}{rate}{key}")
        for advice in seen.advice:
            yield Finding("EA-CAM-004", subject, advice)


def broker(config: Config, clock: Clock) -> Iterator[Finding]:
    """Certificate's days, and a connection under a client id of its own: the running agent's
    connection is left alone."""
    yield from _certificate(config.mqtt.tls.cert_file)
    dialer = Dialer(lambda: endpoint_of(config.mqtt), clock)
    name = f"{config.box.ward}/{config.box.id}/doctor-{UlidGenerator().next(clock.read().utc_s)}"
    begun_s = time.monotonic()
    try:
        connection = dialer.dial(Session(name, clean_start=True, expiry_s=0), StopToken())
    except ConfigError as error:
        for problem in error.problems:
            yield Finding("EA-CFG-001", "broker", str(problem))
    except BrokerRefused as error:
        yield Finding("EA-BRK-002", "broker", str(error))
    except BrokerUnreachable as error:
        yield Finding("EA-BRK-001", "broker", str(error))
    else:
        took_ms = (time.monotonic() - begun_s) * 1000
        version = "5" if connection.is_mqtt5 else "3.1.1"
        connection.close()
        where = f"{config.mqtt.host}:{config.mqtt.port}"
        yield fine("broker", f"{where}: MQTT {version}, connected in {took_ms:.0f} ms")


def _certificate(cert_file: str | None) -> Iterator[Finding]:
    if cert_file is None:
        return
    try:
        # The standard library reads a certificate's dates from a file only here.
        decoded = ssl._ssl._test_decode_cert(cert_file)  # type: ignore[attr-defined]  # noqa: SLF001
        ends = dt.datetime.strptime(decoded["notAfter"], _PEM_DATE).replace(tzinfo=dt.UTC)
    except (OSError, ValueError, KeyError, ssl.SSLError):
        return  # the connection says what is wrong with it
    days = (ends - dt.datetime.now(dt.UTC)).days
    code = "EA-BRK-004" if days < 0 else "EA-BRK-003" if days < _CERTIFICATE_DAYS else ""
    yield Finding(code, "certificate", f"{days} days left, until {ends:%Y-%m-%d}")


def outbox(state_dir: Path) -> Finding:
    if not state_dir.exists():
        return fine("outbox", "not made yet")
    try:
        stat = outbox_stat(state_dir)
    except PermissionError as error:
        return Finding("EA-CARD-003", str(state_dir), error.strerror or "no access")
    except StorageError as error:
        if not any(state_dir.glob("*.sqlite*")):
            return fine("outbox", "not made yet")
        return Finding("EA-OUT-002", "outbox", str(error))
    code = "EA-OUT-001" if stat.unsent >= _MANY_WAITING else ""
    return Finding(code, "outbox", f"{stat.unsent} messages wait, {stat.file_bytes >> 10} KiB")
