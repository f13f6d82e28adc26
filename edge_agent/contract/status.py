"""Retained status (`st/...`) and telemetry (`tm`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType
from msgspec import field as wire_field

from edge_agent.clock import ClockQuality, ClockReading
from edge_agent.contract.wire import (
    EpochText,
    IdText,
    Millis,
    Natural,
    Seconds,
    ShortText,
    Span,
    Wire,
    decode,
    encode,
    parse_utc,
    utc_text,
)


class State(StrEnum):
    """Of a box or a camera."""

    ONLINE = "online"
    OFFLINE = "offline"
    DEGRADED = "degraded"  # works, but see `reasons`
    PAUSED = "paused"  # by the household, which outranks the ward


@dataclass(frozen=True, slots=True)
class BoxStatus:
    """`st/box`. The will says `offline` with the connection's own `conn_id`.

    A server ignores an `offline` whose conn_id is not the newest `online`'s, and believes
    `online` for three times `telemetry_interval_s` without telemetry.
    """

    state: State
    conn_id: str  # ULID of this connection
    epoch: str
    first_seq: int  # oldest seq still on the box; last_seq + 1 when the outbox is empty
    last_seq: int
    agent_version: str
    at_utc_s: float
    telemetry_interval_s: float
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Files of a camera's recorder that are there and will not be analysed."""

    too_old: int = 0  # unopened, for their age
    refused: int = 0  # in quarantine: not readable
    newest_too_old_utc_s: float | None = None  # the newest recording left out for its age
    unclaimed: int = 0  # in the same folder, but of no camera that is configured


@dataclass(frozen=True, slots=True)
class Nuisance:
    """A place of a camera's picture that was taken for a person too often."""

    box: tuple[float, float, float, float]  # x, y, width, height in shares of the picture
    times: int  # taken for a person


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """`st/cam/{camera}`."""

    camera: str
    state: State
    since_utc_s: float
    reason: str = ""  # for people; of `online`: what is wrong though it plays. Never holds a URL
    decoding: str = ""  # which pictures are decoded, why, and what to set at the camera
    left_out: LeftOut | None = None  # only of a recorder's folder
    clock_offset_s: float | None = None  # how far the recorder's clock is ahead of the box's
    nuisances: tuple[Nuisance, ...] = ()  # places that nobody is told of any more
    profile: str = ""  # in force now; none: the camera's own settings


@dataclass(frozen=True, slots=True)
class ConfigStatus:
    """`st/config`: which configuration is active, and what became of the last change."""

    cfg_sha: str  # of the redacted canonical configuration, 12 hex digits
    applied_at_utc_s: float
    result: Literal["applied", "rejected"]
    errors: tuple[str, ...] = ()
    previous_sha: str | None = None


@dataclass(frozen=True, slots=True)
class IngestFigures:
    """How far one camera's recorder folder is analysed. Counts since the ledger began."""

    waiting: int  # found and not yet analysed
    done: int
    refused: int  # not readable, or broken off before the first picture
    too_old: int  # left out for their age, unopened
    behind_s: float  # how long the one that waits longest has been there; 0: none waits


@dataclass(frozen=True, slots=True)
class Telemetry:
    """`tm`: figures of the box and its cameras, QoS 0, never stored.

    `figures` and the values of `cameras` are numbers by name, the unit in the name. `ingest` has
    the cameras that are a recorder's folder.
    """

    clock: ClockReading
    agent_version: str
    uptime_s: float
    epoch: str
    last_seq: int
    backlog: int  # messages on the box that were never sent
    figures: Mapping[str, float] = field(default_factory=dict)
    cameras: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    ingest: Mapping[str, IngestFigures] = field(default_factory=dict)


_Share = Annotated[float, Meta(ge=0, le=1)]
_Sha = Annotated[str, Meta(pattern=r"^[0-9a-f]{12,64}\Z")]


class _BoxWire(Wire, frozen=True, kw_only=True, omit_defaults=False):
    state: State
    conn_id: ShortText
    epoch: EpochText
    first_seq: Natural
    last_seq: Natural
    agent_version: ShortText
    time: str
    telemetry_interval_s: Span
    reasons: tuple[str, ...] = ()


class _LeftOutWire(Wire, frozen=True, kw_only=True, omit_defaults=False):
    too_old: Natural = 0
    refused: Natural = 0
    newest_too_old: str | None = None
    unclaimed: Natural = 0


class _NuisanceWire(Wire, frozen=True, kw_only=True, omit_defaults=False):
    box: tuple[_Share, _Share, _Share, _Share]
    times: Natural


class _CameraWire(Wire, frozen=True, kw_only=True, omit_defaults=False):
    camera: IdText
    state: State
    since: str
    reason: str = ""
    decoding: str = ""
    left_out: _LeftOutWire | UnsetType = UNSET
    clock_offset_s: Seconds | UnsetType = UNSET
    nuisances: tuple[_NuisanceWire, ...] | UnsetType = UNSET
    profile: IdText | UnsetType = UNSET


class _ConfigWire(Wire, frozen=True, kw_only=True, omit_defaults=False):
    cfg_sha: _Sha
    applied_at: str
    result: Literal["applied", "rejected"]
    errors: tuple[str, ...] = ()
    previous_sha: _Sha | None = None


class _ClockWire(Wire, frozen=True, kw_only=True, omit_defaults=False):
    quality: ClockQuality
    err_ms: Millis | None
    boot_id: ShortText
    mono_ms: Millis


class _IngestWire(Wire, frozen=True, kw_only=True, omit_defaults=False):
    waiting: Natural
    done: Natural
    refused: Natural
    too_old: Natural
    behind_s: Span


class _TelemetryWire(Wire, frozen=True, kw_only=True, omit_defaults=False):
    time: str
    clock: _ClockWire
    agent_version: ShortText
    uptime_s: Seconds
    epoch: EpochText
    last_seq: Natural
    backlog: Natural
    figures: dict[str, Any] = wire_field(default_factory=dict)
    cameras: dict[str, dict[str, Any]] = wire_field(default_factory=dict)
    ingest: dict[IdText, _IngestWire] | UnsetType = UNSET


def encode_box_status(status: BoxStatus) -> bytes:
    return encode(
        _BoxWire(
            state=status.state,
            conn_id=status.conn_id,
            epoch=status.epoch,
            first_seq=status.first_seq,
            last_seq=status.last_seq,
            agent_version=status.agent_version,
            time=utc_text(status.at_utc_s),
            telemetry_interval_s=status.telemetry_interval_s,
            reasons=status.reasons,
        )
    )


def decode_box_status(payload: bytes) -> BoxStatus:
    """Raises ContractError."""
    wire = decode(payload, _BoxWire, "st/box")
    return BoxStatus(
        wire.state,
        wire.conn_id,
        wire.epoch,
        wire.first_seq,
        wire.last_seq,
        wire.agent_version,
        parse_utc(wire.time, "time"),
        wire.telemetry_interval_s,
        wire.reasons,
    )


def encode_camera_status(status: CameraStatus) -> bytes:
    ahead_s = status.clock_offset_s
    return encode(
        _CameraWire(
            camera=status.camera,
            state=status.state,
            since=utc_text(status.since_utc_s),
            reason=status.reason,
            decoding=status.decoding,
            left_out=_left_out(status.left_out),
            clock_offset_s=UNSET if ahead_s is None else round(ahead_s, 1),
            nuisances=_nuisances(status.nuisances) or UNSET,
            profile=status.profile or UNSET,
        )
    )


def decode_camera_status(payload: bytes) -> CameraStatus:
    """Raises ContractError."""
    wire = decode(payload, _CameraWire, "st/cam")
    since_utc_s = parse_utc(wire.since, "since")
    ahead_s, left_out = wire.clock_offset_s, wire.left_out
    return CameraStatus(
        wire.camera,
        wire.state,
        since_utc_s,
        wire.reason,
        wire.decoding,
        None if left_out is UNSET else _read_left_out(left_out),
        None if ahead_s is UNSET else ahead_s,
        tuple(Nuisance(each.box, each.times) for each in wire.nuisances or ()),
        wire.profile or "",
    )


def _nuisances(places: Sequence[Nuisance]) -> tuple[_NuisanceWire, ...]:
    return tuple(_NuisanceWire(box=_rounded(place.box), times=place.times) for place in places)


def _rounded(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x, y, w, h = (round(min(max(side, 0.0), 1.0), 4) for side in box)
    return x, y, w, h


def _left_out(files: LeftOut | None) -> _LeftOutWire | UnsetType:
    if files is None:
        return UNSET
    newest_s = files.newest_too_old_utc_s
    newest = None if newest_s is None else utc_text(newest_s)
    return _LeftOutWire(
        too_old=files.too_old,
        refused=files.refused,
        newest_too_old=newest,
        unclaimed=files.unclaimed,
    )


def _read_left_out(wire: _LeftOutWire) -> LeftOut:
    newest = wire.newest_too_old
    newest_s = None if newest is None else parse_utc(newest, "left_out.newest_too_old")
    return LeftOut(wire.too_old, wire.refused, newest_s, wire.unclaimed)


def encode_config_status(status: ConfigStatus) -> bytes:
    return encode(
        _ConfigWire(
            cfg_sha=status.cfg_sha,
            applied_at=utc_text(status.applied_at_utc_s),
            result=status.result,
            errors=status.errors,
            previous_sha=status.previous_sha,
        )
    )


def decode_config_status(payload: bytes) -> ConfigStatus:
    """Raises ContractError."""
    wire = decode(payload, _ConfigWire, "st/config")
    return ConfigStatus(
        wire.cfg_sha,
        parse_utc(wire.applied_at, "applied_at"),
        wire.result,
        wire.errors,
        wire.previous_sha,
    )


def encode_telemetry(telemetry: Telemetry) -> bytes:
    clock = telemetry.clock
    return encode(
        _TelemetryWire(
            time=utc_text(clock.utc_s),
            clock=_ClockWire(
                quality=clock.quality,
                err_ms=clock.err_ms,
                boot_id=clock.boot_id,
                mono_ms=round(clock.mono_s * 1000),
            ),
            agent_version=telemetry.agent_version,
            uptime_s=round(telemetry.uptime_s, 1),
            epoch=telemetry.epoch,
            last_seq=telemetry.last_seq,
            backlog=telemetry.backlog,
            figures=dict(sorted(telemetry.figures.items())),
            cameras={
                camera: dict(sorted(figures.items()))
                for camera, figures in sorted(telemetry.cameras.items())
            },
            ingest={
                camera: _ingest(figures) for camera, figures in sorted(telemetry.ingest.items())
            }
            or UNSET,
        )
    )


def _ingest(figures: IngestFigures) -> _IngestWire:
    return _IngestWire(
        waiting=figures.waiting,
        done=figures.done,
        refused=figures.refused,
        too_old=figures.too_old,
        behind_s=round(figures.behind_s, 1),
    )


def decode_telemetry(payload: bytes) -> Telemetry:
    """Raises ContractError."""
    wire = decode(payload, _TelemetryWire, "tm")
    clock = wire.clock
    return Telemetry(
        ClockReading(
            parse_utc(wire.time, "time"),
            clock.mono_ms / 1000,
            clock.quality,
            clock.err_ms,
            clock.boot_id,
        ),
        wire.agent_version,
        wire.uptime_s,
        wire.epoch,
        wire.last_seq,
        wire.backlog,
        wire.figures,
        wire.cameras,
        {}
        if wire.ingest is UNSET
        else {
            camera: IngestFigures(
                each.waiting, each.done, each.refused, each.too_old, each.behind_s
            )
            for camera, each in wire.ingest.items()
        },
    )
