"""What a technician elsewhere may know of a box: facts from a list, and nothing that is not on it.

No name, address, path, user, zone, picture or secret: only versions, counts, codes and numbers.
Cameras are numbered. A fact that is not named here cannot be in the bundle.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from edge_agent import __version__
from edge_agent.clock import Clock
from edge_agent.config import CameraConfig, Config
from edge_agent.tools.doctor import DoctorFinding

_PACKAGES = ("av", "opencv-python-headless", "numpy", "onnxruntime", "paho-mqtt", "msgspec")
_KIND_OF_STREAM = re.compile(
    r"^(?P<codec>h264|hevc|mjpeg|mpeg4|rawvideo) (?P<size>\d{2,5}x\d{2,5})"
    r"(, (?P<fps>\d{1,3}) fps)?(, keyframe every (?P<key>[\d.]{1,6}) s)?$"
)
_NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")
#: Subjects of findings whose found text holds nothing but words of ours and numbers.
_OPEN_SUBJECTS = frozenset(
    {"power", "heat", "clock", "disk", "card", "memory", "libraries", "service", "outbox"}
)


def bundle(
    config: Config | None, findings: Iterable[DoctorFinding], clock: Clock
) -> dict[str, Any]:
    """JSON of facts; None: the configuration is wrong, so only its codes are told."""
    numbered = _numbers_of(config)
    return {
        "edge_agent": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "kernel": platform.release().split("-")[0],
        "board": _board(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "clock": str(clock.read().quality),
        "findings": [_told(finding, numbered) for finding in findings],
        "settings": None if config is None else _settings(config),
    }


def _told(finding: DoctorFinding, numbered: Mapping[str, str]) -> dict[str, Any]:
    known = finding.subject in _OPEN_SUBJECTS
    subject = finding.subject if known else numbered.get(finding.subject, "other")
    told: dict[str, Any] = {"code": finding.code, "grade": str(finding.grade), "subject": subject}
    stream = _KIND_OF_STREAM.match(finding.found)
    if stream:
        told["stream"] = {key: value for key, value in stream.groupdict().items() if value}
    elif known:
        told["numbers"] = [float(each) for each in _NUMBERS.findall(finding.found)][:8]
    return told


def _settings(config: Config) -> dict[str, Any]:
    return {
        "mqtt": {
            "tls": not config.mqtt.allow_insecure,
            "own_certificate": config.mqtt.tls.cert_file is not None,
            "login": config.mqtt.username is not None,
            "version": config.mqtt.version,
        },
        "analysis_fps": config.analysis.fps,
        "snapshots": config.snapshots.enabled,
        "clips": config.clips.enabled,
        "tuning": config.tuning.keep,
        "log_level": config.log.level,
        "cameras": [_camera(camera) for camera in config.cameras],
    }


def _camera(camera: CameraConfig) -> dict[str, Any]:
    person = camera.person
    return {
        "source": camera.source.__struct_config__.tag,
        "enabled": camera.enabled,
        "zones": len(camera.zones),
        "ignore_zones": len(camera.ignore_zones),
        "privacy_masks": len(camera.privacy_masks),
        "confirm_threshold": person.confirm_threshold,
        "candidate_threshold": person.candidate_threshold,
        "confirm_looks": person.confirm_looks,
        "sensitivity": camera.motion.sensitivity,
    }


def _numbers_of(config: Config | None) -> dict[str, str]:
    names = {"broker": "broker", "certificate": "certificate", "detector": "detector"}
    cameras = config.cameras if config else ()
    names |= {f"camera {camera.id}": f"camera {number}" for number, camera in enumerate(cameras, 1)}
    return names


def _board() -> str:
    """`Raspberry Pi 4 Model B Rev 1.4`, or nothing."""
    try:
        text = Path("/proc/device-tree/model").read_text(errors="replace").strip("\0 \n")
    except OSError:
        return ""
    return text if re.fullmatch(r"[A-Za-z0-9 .\-+]{1,64}", text) else "other"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"
