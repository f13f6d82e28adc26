"""What is going on, as `edge-agent status` shows it: one JSON document, made when somebody asks.

Its schema is docs/contract/local-status.schema.json. It holds no secret and leaves the box by no
network, but names what the ward may not know: hosts, files and reasons in full.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from edge_agent import __version__
from edge_agent.agent.camera import Camera
from edge_agent.agent.memory import memory_limit_mb
from edge_agent.agent.minute_reason import in_words
from edge_agent.agent.untold_keeper import UntoldKeeper
from edge_agent.clock import Clock, ClockReading
from edge_agent.config import Config, FileSource, PersonConfig, RtspSource, UsbSource
from edge_agent.config.hidden import mostly_hidden
from edge_agent.config.words import scrubbed
from edge_agent.domain import CameraId
from edge_agent.errors import StorageError
from edge_agent.outbox import outbox_stat
from edge_agent.pipeline.profiles import Profiles
from edge_agent.pipeline.stages import Detector, thresholds
from edge_agent.publish import LinkState, PublisherHealth
from edge_agent.recorders.ingest.folders import Folders
from edge_agent.runtime import process
from edge_agent.sources import FeedStatus
from edge_agent.writer.recent_events import RecentEvent

if TYPE_CHECKING:
    from edge_agent.agent.assembly import Assembly

SOCKET_NAME = "status.sock"
_KINDS = {RtspSource: "rtsp", UsbSource: "usb", FileSource: "file"}
_MIB_PER_MB = 1e6 / (1 << 20)


def socket_dir(state_dir: Path) -> Path:
    """The runtime directory that systemd made for us, or the state directory."""
    named = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(named) if named and Path(named).is_dir() else state_dir


@dataclass(frozen=True, slots=True)
class LocalFacts:
    """What the main thread keeps up to date for whoever asks: replaced as a whole."""

    config: Config
    cfg_sha: str
    config_result: str  # of the files' newest change: applied or rejected
    config_errors: tuple[str, ...]
    reasons: tuple[str, ...]


def local_status(assembly: Assembly, clock: Clock, started_mono_s: float) -> bytes:
    """By any thread."""
    reading, facts = clock.read(), assembly.facts
    config, detector = facts.config, assembly.detector
    state_dir = Path(config.box.state_dir)
    status: dict[str, Any] = {
        "schema": 1,
        "at_utc": _utc(reading.utc_s),
        "version": __version__,
        "ward": config.box.ward,
        "box": config.box.id,
        "state_dir": str(state_dir),
        "uptime_s": round(reading.mono_s - started_mono_s, 1),
        "state": "degraded" if facts.reasons else "online",
        "reasons": [scrubbed(reason) for reason in facts.reasons],
        "config": {
            "cfg": facts.cfg_sha,
            "result": facts.config_result,
            "errors": list(facts.config_errors),
        },
        "clock": _known(quality=str(reading.quality), error_ms=reading.err_ms),
        "broker": _broker(config, assembly.link(), _unsent(state_dir), reading.mono_s),
        "why": _unwritten(assembly.untold, reading),
        "memory": {
            "used_mib": round(process.rss_mib(), 1),
            "limit_mib": round(memory_limit_mb(config) * _MIB_PER_MB),
        },
        "disk": _disk(state_dir),
        "detector": _known(
            model=detector.name,
            candidate_threshold=round(detector.candidate_threshold, 4),
            confirm_threshold=round(detector.confirm_threshold, 4),
            trouble=detector.trouble or None,
        ),
        "cameras": [
            *(
                _camera(camera, detector, assembly.recent_events(camera.name), assembly.untold)
                for camera in tuple(assembly.cameras.live.values())
            ),
            *_folders(assembly.cameras.folders, config),
        ],
    }
    return msgspec.json.encode(status)


def _unwritten(untold: UntoldKeeper, reading: ClockReading) -> dict[str, Any]:
    """Of which minutes `edge-agent why` does not know yet; no `next` while the clock is not set."""
    from_s, next_s = untold.unwritten()
    ahead_s = reading.utc_s - reading.mono_s
    return _known(
        unwritten_from_utc=_utc(from_s + ahead_s),
        next_write_utc=None if next_s is None else _utc(next_s + ahead_s),
    )


def _link_words(link: PublisherHealth) -> str:
    """As it stands, whether or not it is just being tried again."""
    if link.state is not LinkState.CONNECTING or link.down_since_s is None:
        return str(link.state)
    return str(LinkState.REFUSED if link.refused else LinkState.WAITING)


def _unsent(state_dir: Path) -> int | None:
    """What waits on the box; None while the disk does not say."""
    try:
        return outbox_stat(state_dir).unsent
    except StorageError:
        return None


def _broker(
    config: Config, link: PublisherHealth, waiting: int | None, now_s: float
) -> dict[str, Any]:
    mqtt = config.mqtt
    connected = link.state is LinkState.CONNECTED
    since_s = link.since_s if link.down_since_s is None else link.down_since_s
    return _known(
        host=mqtt.host,
        port=mqtt.port,
        state=_link_words(link),
        since_s=round(max(0.0, now_s - since_s), 1),
        version=("5" if link.mqtt5 else "3.1.1") if connected else None,
        error=link.last_error if link.last_error and not connected else None,
        denied=link.denied,
        waiting=waiting,
        in_flight=link.in_flight,
        sent=link.sent,
        last_ack_s=None if link.last_ack_s is None else round(now_s - link.last_ack_s, 1),
    )


def _camera(
    camera: Camera, detector: Detector, events: Sequence[RecentEvent], untold: UntoldKeeper
) -> dict[str, Any]:
    feed, seen, config = camera.status, camera.sights.last_minute(), camera.holding
    candidate, confirm = thresholds(config.person, detector)
    info, figures = feed.info, feed.figures
    return _known(
        id=config.id,
        name=config.name or None,
        kind=_KINDS[type(config.source)],
        state=str(feed.state),
        reason=feed.reason,
        since_utc=_utc(camera.since_utc_s),
        codec=info.codec if info else None,
        size=str(info.size) if info and info.size else None,
        stream_fps=_round(figures.fps, 1),
        analysed_fps=round(seen.fps, 1),
        last_packet_age_s=_round(feed.last_packet_age_s, 1),
        gate=_gate(feed),
        motion={
            "moving": seen.moving,
            "changed_now_frac": round(seen.changed_now_frac, 5),
            "changed_minute_frac": round(seen.changed_frac, 5),
            "threshold_frac": config.motion.min_area_frac,
        },
        person={
            **_known(best_score=_round(seen.best_score, 3), why=_why(untold, camera.name)),
            "confirm_threshold": round(confirm, 4),
            "candidate_threshold": round(candidate, 4),
            "auto": [
                key
                for key in ("candidate_threshold", "confirm_threshold")
                if getattr(config.person, key) == "auto"
            ],
        },
        profile=_profile(camera.profiles) if config.profiles else None,
        events=[_event(event) for event in events],
        picture_faults=list(camera.picture_faults),
        stream_remarks=_remarks(feed),
        remarks=[
            *_moved(config.person, detector, candidate, confirm),
            *(f"{each.found}; {each.fix}" for each in mostly_hidden(config)),
        ],
    )


def _profile(profiles: Profiles) -> dict[str, Any]:
    """`name`: the one in force; left out: the camera's own settings."""
    return _known(name=profiles.in_force or None, by=profiles.by or None, asked=profiles.asked)


def _why(untold: UntoldKeeper, camera: CameraId) -> str | None:
    """Why nobody was told in the last whole minute; None: somebody was, or it is the first."""
    minute = untold.last.get(camera)
    return (in_words(minute) or None) if minute else None


def _gate(feed: FeedStatus) -> dict[str, Any] | None:
    if feed.gate is None:
        return None
    mode, plan = feed.gate.mode, feed.gate.plan
    return {"mode": mode.name, "plan": str(plan.policy), "reason": plan.reason}


def _remarks(feed: FeedStatus) -> list[str]:
    """What is odd though it plays."""
    remarks = list(feed.remarks)
    if feed.info is not None and feed.info.codec == "hevc":
        remarks.append("H.265 costs about 1.7 times as much to decode as H.264: choose H.264")
    if feed.gate is not None and feed.gate.plan.advice:
        remarks.append(f"{feed.gate.plan.reason}: {feed.gate.plan.advice}")
    return remarks


def _moved(person: PersonConfig, detector: Detector, candidate: float, confirm: float) -> list[str]:
    """A threshold at `auto` that the other one moved."""
    moved = []
    if person.confirm_threshold == "auto" and confirm != detector.confirm_threshold:
        moved.append(f"confirm_threshold is {confirm:g}: candidate_threshold moved it up")
    if person.candidate_threshold == "auto" and candidate != detector.candidate_threshold:
        moved.append(f"candidate_threshold is {candidate:g}: confirm_threshold moved it down")
    return moved


def _event(event: RecentEvent) -> dict[str, Any]:
    return _known(
        utc=_utc(event.utc_s),
        label=str(event.label),
        phase=str(event.phase),
        top_score=round(event.top_score, 3),
        lasted_s=_round(event.lasted_s, 1),
    )


def _folders(folders: Folders, config: Config) -> list[dict[str, Any]]:
    """Cameras whose clips lie in a recorder's folder."""
    names = {camera.id: camera.name for camera in config.cameras}
    troubles = folders.troubles
    return [
        _known(
            id=camera,
            name=names.get(camera) or None,
            kind="folder",
            state="unreachable" if troubles.get(CameraId(camera)) else "streaming",
            reason=troubles.get(CameraId(camera)) or None,
            figures={name: round(value, 3) for name, value in of_camera.items()},
        )
        for camera, of_camera in folders.cameras().items()
    ]


def _disk(state_dir: Path) -> dict[str, Any]:
    try:
        return {"free_mib": round(process.disk_free_mib(state_dir))}
    except OSError as error:
        return {"error": f"{state_dir}: {error.strerror}"}


def _known(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _utc(utc_s: float) -> str:
    return dt.datetime.fromtimestamp(utc_s, dt.UTC).isoformat(timespec="seconds")
