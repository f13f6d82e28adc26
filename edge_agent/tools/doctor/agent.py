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
from edge_agent.language import _
from edge_agent.mqtt import Dialer, Session, endpoint_of
from edge_agent.outbox import outbox_stat
from edge_agent.runtime import StopToken
from edge_agent.sources import CredentialGuard, probe
from edge_agent.tools.doctor.findings import Finding, failed, fine
from edge_agent.tools.preflight import Diagnosis, local_diagnoses, service_of
from edge_agent.tools.sentences import of_problem, of_stream

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
        found = tuple(Finding("EA-CFG-001", str(path), of_problem(each)) for each in error.problems)
        return Loaded(None, found)
    told = [each for each in local_diagnoses(loaded, service_of(path)) if not _is_camera(each)]
    wrong = [
        Finding("EA-CFG-001", str(path), of_problem(each.problem)) for each in told if each.is_error
    ]
    odd = [*loaded.warnings, *(each.problem for each in told if not each.is_error)]
    warnings = [*wrong, *(Finding("EA-CFG-002", str(path), of_problem(each)) for each in odd)]
    if not any(camera.enabled for camera in loaded.config.cameras):
        warnings.append(Finding("EA-CFG-003", str(path), _("no camera")))
    if not warnings:
        count = len(loaded.config.cameras)
        said = _("fine, 1 camera") if count == 1 else _("fine, {count} cameras").format(count=count)
        warnings.append(fine(_("configuration"), said))
    return Loaded(loaded.config, tuple(warnings))


def _is_camera(diagnosis: Diagnosis) -> bool:
    """Those are looked at one by one."""
    return diagnosis.problem.path.startswith("source.")


def detector(config: Config) -> Finding:
    """Opened, verified and asked."""
    from edge_agent.tools.trial.cost import look_ms, street

    try:
        model = find_model(config.detector.model, cameras=len(config.cameras))
        opened = OnnxDetector.open(model, threads=config.detector.threads)
    except ModelError as error:
        return failed("EA-MOD-001", _("detector"), error)
    picture = street(model.manifest.input.size)
    took_ms = min(look_ms(opened, picture)[1] for _ in range(_LOOKS))
    found = _("{model}: {ms} ms a look").format(model=model.manifest.name, ms=round(took_ms))
    return Finding("EA-MOD-002" if took_ms > _SLOW_LOOK_MS else "", _("detector"), found)


def cameras(config: Config, credentials: CredentialGuard, clock: Clock) -> Iterator[Finding]:
    for camera in config.cameras:
        if camera.enabled:
            yield from _camera(camera, credentials, clock)


def _camera(camera: CameraConfig, guard: CredentialGuard, clock: Clock) -> Iterator[Finding]:
    subject = _("camera {id}").format(id=camera.id)
    source = camera.source
    if isinstance(source, FolderSource):
        there = Path(source.path).is_dir()
        code = "" if there else "EA-CAM-005"
        yield Finding(code, subject, _("folder there") if there else _("folder missing"))
        return
    try:
        seen = probe(source, credentials=guard, stop=StopToken(), clock=clock, watch_s=_WATCH_S)
    except CredentialRefused as error:
        yield failed("EA-CAM-002", subject, error)
    except SourceUnreachable as error:
        yield failed("EA-CAM-001", subject, error)
    except SourceStalled as error:
        yield failed("EA-CAM-003", subject, error)
    except AgentError as error:
        yield failed("EA-CAM-005", subject, error)
    else:
        figures = seen.figures
        rate = _(", {fps} fps").format(fps=round(figures.fps)) if figures.fps else ""
        key = (
            _(", keyframe every {s} s").format(s=f"{figures.key_interval_s:.1f}")
            if figures.key_interval_s
            else ""
        )
        yield fine(subject, f"{seen.info.codec} {seen.size}{rate}{key}")
        for advice in seen.advice:
            yield Finding("EA-CAM-004", subject, of_stream(advice))


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
            yield Finding("EA-CFG-001", _("broker"), of_problem(problem))
    except BrokerRefused as error:
        yield failed("EA-BRK-002", _("broker"), error)
    except BrokerUnreachable as error:
        yield failed("EA-BRK-001", _("broker"), error)
    else:
        took_ms = (time.monotonic() - begun_s) * 1000
        version = "5" if connection.is_mqtt5 else "3.1.1"
        connection.close()
        where = f"{config.mqtt.host}:{config.mqtt.port}"
        yield fine(
            _("broker"),
            _("{where}: MQTT {version}, connected in {ms} ms").format(
                where=where, version=version, ms=round(took_ms)
            ),
        )


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
    yield Finding(
        code,
        _("certificate"),
        _("{days} days left, until {date}").format(days=days, date=f"{ends:%Y-%m-%d}"),
    )


def outbox(state_dir: Path) -> Finding:
    if not state_dir.exists():
        return fine(_("outbox"), _("not made yet"))
    try:
        stat = outbox_stat(state_dir)
    except PermissionError as error:
        return Finding("EA-CARD-003", str(state_dir), error.strerror or _("no access"))
    except StorageError as error:
        if not any(state_dir.glob("*.sqlite*")):
            return fine(_("outbox"), _("not made yet"))
        return failed("EA-OUT-002", _("outbox"), error)
    code = "EA-OUT-001" if stat.unsent >= _MANY_WAITING else ""
    return Finding(
        code,
        _("outbox"),
        _("{count} messages wait, {kib} KiB").format(count=stat.unsent, kib=stat.file_bytes >> 10),
    )
