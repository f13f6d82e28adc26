"""Configuration, detector and outbox, looked at as the agent would use them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_agent.config import Config, LoadedConfig, load_config
from edge_agent.detect import OnnxDetector, find_model
from edge_agent.errors import (
    ConfigError,
    ModelError,
    StorageError,
)
from edge_agent.language import _
from edge_agent.outbox import outbox_stat
from edge_agent.tools.doctor.findings import DoctorFinding, failed, fine
from edge_agent.tools.preflight import Diagnosis, local_diagnoses, service_of
from edge_agent.tools.sentences import of_problem

#: One look at a whole picture. 5 pictures a second of a busy camera leave 200 ms for each.
_SLOW_LOOK_MS = 200.0
_LOOKS = 3
_MANY_WAITING = 1000


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the checks that follow need; None where the configuration is wrong."""

    config: Config | None
    findings: tuple[DoctorFinding, ...]


def configuration(path: Path) -> Loaded:
    try:
        loaded: LoadedConfig = load_config(path)
    except ConfigError as error:
        found = tuple(
            DoctorFinding("EA-CFG-001", str(path), of_problem(each)) for each in error.problems
        )
        return Loaded(None, found)
    told = [each for each in local_diagnoses(loaded, service_of(path)) if not _is_camera(each)]
    wrong = [
        DoctorFinding("EA-CFG-001", str(path), of_problem(each.problem))
        for each in told
        if each.is_error
    ]
    odd = [*loaded.warnings, *(each.problem for each in told if not each.is_error)]
    warnings = [*wrong, *(DoctorFinding("EA-CFG-002", str(path), of_problem(each)) for each in odd)]
    if not any(camera.enabled for camera in loaded.config.cameras):
        warnings.append(DoctorFinding("EA-CFG-003", str(path), _("no camera")))
    if not warnings:
        count = len(loaded.config.cameras)
        said = _("fine, 1 camera") if count == 1 else _("fine, {count} cameras").format(count=count)
        warnings.append(fine(_("configuration"), said))
    return Loaded(loaded.config, tuple(warnings))


def _is_camera(diagnosis: Diagnosis) -> bool:
    """Those are looked at one by one."""
    return diagnosis.problem.path.startswith("source.")


def detector(config: Config) -> tuple[DoctorFinding, OnnxDetector | None]:
    """Opened, verified and asked."""
    from edge_agent.tools.trial.cost import look_ms, street

    try:
        model = find_model(config.detector.model, cameras=len(config.cameras))
        opened = OnnxDetector.open(model, threads=config.detector.threads)
    except ModelError as error:
        return failed("EA-MOD-001", _("detector"), error), None
    picture = street(model.manifest.input.size)
    took_ms = min(look_ms(opened, picture)[1] for _ in range(_LOOKS))
    found = _("{model}: {ms} ms a look").format(model=model.manifest.name, ms=round(took_ms))
    return DoctorFinding(
        "EA-MOD-002" if took_ms > _SLOW_LOOK_MS else "", _("detector"), found
    ), opened


def outbox(state_dir: Path) -> DoctorFinding:
    if not state_dir.exists():
        return fine(_("outbox"), _("not made yet"))
    try:
        stat = outbox_stat(state_dir)
    except PermissionError as error:
        return DoctorFinding("EA-CARD-003", str(state_dir), error.strerror or _("no access"))
    except StorageError as error:
        if not any(state_dir.glob("*.sqlite*")):
            return fine(_("outbox"), _("not made yet"))
        return failed("EA-OUT-002", _("outbox"), error)
    code = "EA-OUT-001" if stat.unsent >= _MANY_WAITING else ""
    return DoctorFinding(
        code,
        _("outbox"),
        _("{count} messages wait, {kib} KiB").format(count=stat.unsent, kib=stat.file_bytes >> 10),
    )
