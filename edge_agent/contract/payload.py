"""Event payloads: CloudEvents 1.0, structured JSON, as docs/contract/event.schema.json says.

`encode_event` and `decode_event` are inverse: encoding what was decoded gives the same bytes.
Live moments travel twice, as UTC and as monotonic milliseconds of the named boot, so that a
server can re-date what a box without a set clock said.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from edge_agent.clock import ClockQuality, ClockReading
from edge_agent.contract.envelope import Envelope, EventHeader, EventMessage
from edge_agent.contract.media_time import MediaWire, media_wire, read_media
from edge_agent.contract.position import Position
from edge_agent.contract.timeline import TimeBasis
from edge_agent.contract.wire import (
    EpochText,
    IdText,
    Millis,
    Natural,
    Positive,
    Seconds,
    Sha256Text,
    Share,
    ShortText,
    Span,
    UlidText,
    Wire,
    decode,
    encode,
    parse_utc,
    utc_text,
)
from edge_agent.domain import (
    ID,
    CameraId,
    ClipRef,
    ClipState,
    EndReason,
    Event,
    EventId,
    Health,
    Label,
    Phase,
    Severity,
    SnapshotRef,
    SnapshotState,
)
from edge_agent.errors import ContractError
from edge_agent.geometry import BBox, FrameSize

#: MQTT 5 content type of events.
CONTENT_TYPE = "application/cloudevents+json"

_SOURCE = Annotated[str, Meta(pattern=rf"^/{ID}/{ID}\Z")]
_SEQUENCE = Annotated[str, Meta(pattern=r"^[0-9]{20}\Z")]
_TYPE = Annotated[
    str, Meta(pattern=r"^edge_agent\.(motion|person|health)\.(start|update|end)\.v1\Z")
]


class _Clock(Wire, frozen=True, kw_only=True, omit_defaults=True):
    quality: ClockQuality
    err_ms: Millis | None = None
    boot_id: ShortText
    mono_ms: Millis
    src: ShortText | None = None


class _Zones(Wire, frozen=True, kw_only=True, omit_defaults=False):
    current: tuple[ShortText, ...] = ()
    entered: tuple[ShortText, ...] = ()


class _Snapshot(Wire, frozen=True, kw_only=True, omit_defaults=False):
    sha256: Sha256Text
    bytes: Natural
    media: Literal["image/jpeg"]
    w: Positive
    h: Positive
    state: SnapshotState


class _Clip(Wire, frozen=True, kw_only=True, omit_defaults=False):
    sha256: Sha256Text
    bytes: Natural
    media: Literal["video/mp4"]
    codec: Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,32}\Z")]
    offset_s: Seconds
    duration_s: Span
    state: ClipState


class _Model(Wire, frozen=True, kw_only=True, omit_defaults=True):
    name: ShortText
    ver: ShortText | None = None


class _Data(Wire, frozen=True, kw_only=True, omit_defaults=True):
    event_id: UlidText
    phase: Phase
    rev: Natural = msgspec.field()
    label: Label
    kind: ShortText | None = None
    severity: Severity | None = None
    detail: dict[str, Any] | None = None
    score: Share | None = None
    top_score: Share | None = None
    count: Natural | None = None
    box: tuple[Share, Share, Share, Share] | None = None
    zones: _Zones | None = None
    start_time: str
    end_time: str | None = None
    start_mono_ms: Millis | None = None
    end_mono_ms: Millis | None = None
    end_reason: EndReason | None = None
    continues: UlidText | None = None
    snapshot: _Snapshot | None = None
    clips: tuple[_Clip, ...] = ()
    seq: Positive
    epoch: EpochText
    clock: _Clock
    time_basis: TimeBasis = msgspec.field()
    media: MediaWire | None = None
    model: _Model | None = None
    cfg: ShortText | None = None
    profile: IdText | None = None
    replay: bool = msgspec.field()


class _Event(Wire, frozen=True, kw_only=True, omit_defaults=False):
    specversion: Literal["1.0"]
    id: UlidText
    source: _SOURCE
    subject: IdText
    type: _TYPE
    time: str
    datacontenttype: Literal["application/json"]
    sequence: _SEQUENCE
    data: _Data


class _HeaderData(Wire, frozen=True, kw_only=True, omit_defaults=True):
    seq: Positive
    epoch: EpochText


class _Header(Wire, frozen=True, kw_only=True, omit_defaults=True):
    id: UlidText
    source: _SOURCE
    data: _HeaderData


def encode_event(event: Event, envelope: Envelope) -> bytes:
    """The payload of one event message. Raises ContractError for values nobody may send."""
    wire = _Event(
        specversion="1.0",
        id=envelope.message_id,
        source=f"/{envelope.ward}/{envelope.box}",
        subject=event.camera,
        type=f"edge_agent.{event.label}.{event.phase}.v1",
        time=utc_text(envelope.at_utc_s),
        datacontenttype="application/json",
        sequence=f"{envelope.seq:020d}",
        data=_data(event, envelope),
    )
    payload = encode(wire)
    # msgspec does not check what is put into a struct, only what is read.
    _check(decode(payload, _Event, "event to send"))
    return payload


def decode_event(payload: bytes) -> EventMessage:
    """Read what `encode_event` wrote, or a later version of it with more fields.

    Raises ContractError, and nothing else, whatever the bytes are.
    """
    wire = decode(payload, _Event, "event")
    _check(wire)
    return EventMessage(_event(wire), _envelope(wire))


def _check(wire: _Event) -> None:
    """What the schema demands beyond the type of each field. Raises ContractError."""
    data = wire.data
    if wire.type != f"edge_agent.{data.label}.{data.phase}.v1":
        raise ContractError(f"event: type {wire.type} but data says {data.label}, {data.phase}")
    if int(wire.sequence) != data.seq:
        raise ContractError(f"event: sequence {wire.sequence} but data.seq {data.seq}")
    needed = {
        "live": ("start_mono_ms",) if data.time_basis is TimeBasis.LIVE else (),
        "recorded": ("media",) if data.time_basis is TimeBasis.RECORDED else (),
        "end": ("end_time",) if data.phase is Phase.END else (),
        "health": ("kind", "severity") if data.label is Label.HEALTH else (),
        "person": ("count",) if data.label is Label.PERSON else (),
        "scored": ("score", "top_score", "zones") if data.label is not Label.HEALTH else (),
    }
    for kind, names in needed.items():
        for name in names:
            if getattr(data, name) is None:
                raise ContractError(f"event: {kind} needs {name}")
    if data.clips and data.phase is not Phase.END:
        raise ContractError("event: only an end has clips")


def read_header(payload: bytes) -> EventHeader:
    """Only what delivery needs: who, which message, which position.

    Works for labels and phases that this version does not know, so that a server can store
    and acknowledge them all the same. Raises ContractError.
    """
    wire = decode(payload, _Header, "event header")
    return EventHeader(wire.source, wire.id, Position(wire.data.epoch, wire.data.seq))


# --- encoding ---------------------------------------------------------------------------


def _millis(seconds: float) -> int:
    return round(seconds * 1000)


def _bbox(bbox: BBox | None) -> tuple[float, float, float, float] | None:
    """[x, y, w, h], clipped to the frame; four digits are a quarter pixel of a 4K picture."""
    if bbox is None:
        return None
    inside = bbox.clipped()
    return (round(inside.x, 4), round(inside.y, 4), round(inside.w, 4), round(inside.h, 4))


def _clock(event: Event, envelope: Envelope) -> _Clock:
    # Live: the monotonic twin of `time`, so that a server re-dates with one subtraction.
    live = envelope.media is None
    mono_s = event.at_s if live else envelope.clock.mono_s
    reading = envelope.clock
    return _Clock(
        quality=reading.quality,
        err_ms=reading.err_ms,
        boot_id=reading.boot_id,
        mono_ms=_millis(mono_s),
        src=envelope.clock_src,
    )


def _data(event: Event, envelope: Envelope) -> _Data:
    live = envelope.media is None
    health, scored = event.health, event.label is not Label.HEALTH
    end_utc_s = envelope.end_utc_s
    return _Data(
        event_id=event.event_id,
        phase=event.phase,
        rev=event.rev,
        label=event.label,
        kind=health.kind if health else None,
        severity=health.severity if health else None,
        detail=dict(health.detail) if health and health.detail else None,
        score=round(event.score, 3) if scored else None,
        top_score=round(event.top_score, 3) if scored else None,
        count=event.count if event.label is Label.PERSON else None,
        box=_bbox(event.bbox),
        zones=_Zones(current=event.zones_current, entered=event.zones_entered) if scored else None,
        start_time=utc_text(envelope.start_utc_s),
        end_time=None if end_utc_s is None else utc_text(end_utc_s),
        start_mono_ms=_millis(event.start_s) if live else None,
        end_mono_ms=_millis(event.end_s) if live and event.end_s is not None else None,
        end_reason=event.end_reason,
        continues=event.continues,
        snapshot=_snapshot(event.snapshot),
        clips=tuple(_clip(ref) for ref in event.clips),
        seq=envelope.seq,
        epoch=envelope.epoch,
        clock=_clock(event, envelope),
        time_basis=envelope.time_basis,
        media=media_wire(envelope.media),
        model=(
            _Model(name=envelope.model_name, ver=envelope.model_version)
            if envelope.model_name
            else None
        ),
        cfg=envelope.cfg_sha,
        profile=event.profile or None,
        replay=envelope.replay,
    )


def _snapshot(ref: SnapshotRef | None) -> _Snapshot | None:
    if ref is None:
        return None
    return _Snapshot(
        sha256=ref.sha256,
        bytes=ref.size_bytes,
        media="image/jpeg",
        w=ref.size.width,
        h=ref.size.height,
        state=ref.state,
    )


def _clip(ref: ClipRef) -> _Clip:
    return _Clip(
        sha256=ref.sha256,
        bytes=ref.size_bytes,
        media="video/mp4",
        codec=ref.codec,
        offset_s=round(ref.offset_s, 3),
        duration_s=round(ref.duration_s, 3),
        state=ref.state,
    )


# --- decoding ---------------------------------------------------------------------------


def _event(wire: _Event) -> Event:
    data = wire.data
    at_s, start_s, end_s = _moments(wire)
    shot = data.snapshot
    return Event(
        event_id=EventId(data.event_id),
        camera=CameraId(wire.subject),
        label=data.label,
        phase=data.phase,
        rev=data.rev,
        at_s=at_s,
        start_s=start_s,
        end_s=end_s,
        score=data.score or 0.0,
        top_score=data.top_score or 0.0,
        bbox=BBox(*data.box) if data.box else None,
        count=data.count or 0,
        zones_current=data.zones.current if data.zones else (),
        zones_entered=data.zones.entered if data.zones else (),
        end_reason=data.end_reason,
        continues=EventId(data.continues) if data.continues else None,
        snapshot=(
            SnapshotRef(shot.sha256, shot.bytes, FrameSize(shot.w, shot.h), shot.state)
            if shot
            else None
        ),
        clips=tuple(
            ClipRef(clip.sha256, clip.bytes, clip.codec, clip.offset_s, clip.duration_s, clip.state)
            for clip in data.clips
        ),
        health=(
            Health(data.kind, data.severity, data.detail or {})
            if data.kind and data.severity
            else None
        ),
        profile=data.profile or "",
    )


def _moments(wire: _Event) -> tuple[float, float, float | None]:
    """(at, start, end) on the source's own timeline."""
    data = wire.data
    if data.time_basis is TimeBasis.LIVE and data.start_mono_ms is not None:
        end_ms = data.end_mono_ms
        end_s = None if end_ms is None else end_ms / 1000
        return data.clock.mono_ms / 1000, data.start_mono_ms / 1000, end_s
    if data.media is None:
        raise ContractError("event: neither monotonic nor media time")
    at_s, at_utc_s = data.media.offset_s, parse_utc(wire.time, "time")
    start_s = at_s - (at_utc_s - parse_utc(data.start_time, "start_time"))
    if data.end_time is None:
        return at_s, round(start_s, 3), None
    end_s = at_s - (at_utc_s - parse_utc(data.end_time, "end_time"))
    return at_s, round(start_s, 3), round(end_s, 3)


def _envelope(wire: _Event) -> Envelope:
    data = wire.data
    _, ward, box = wire.source.split("/")
    at_utc_s = parse_utc(wire.time, "time")
    media, clock = data.media, data.clock
    return Envelope(
        ward=ward,
        box=box,
        message_id=wire.id,
        epoch=data.epoch,
        seq=data.seq,
        clock=ClockReading(
            at_utc_s, clock.mono_ms / 1000, clock.quality, clock.err_ms, clock.boot_id
        ),
        at_utc_s=at_utc_s,
        start_utc_s=parse_utc(data.start_time, "start_time"),
        end_utc_s=None if data.end_time is None else parse_utc(data.end_time, "end_time"),
        cfg_sha=data.cfg,
        model_name=data.model.name if data.model else None,
        model_version=data.model.ver if data.model else None,
        replay=data.replay,
        media=read_media(media) if media else None,
        clock_src=clock.src,
    )
