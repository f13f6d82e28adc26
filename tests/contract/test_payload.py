from __future__ import annotations

import dataclasses
import itertools
import json
from typing import Any

import jsonschema
import pytest
from contract_schemas import check

from edge_agent.clock import ClockQuality, ClockReading
from edge_agent.contract import (
    Envelope,
    LiveTimeline,
    MediaTimeSource,
    Position,
    RecordedTimeline,
    Sender,
    TimeBasis,
    decode_event,
    encode_event,
    read_header,
)
from edge_agent.domain import (
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

ULID_A = "01KAS3V8Q4ZZ5Y0T7M2N9R6XBC"
ULID_B = "01KAS3V6A1ZZ5Y0T7M2N9R6XBC"
EPOCH = "01KAQZ0000ZZ5Y0T7M2N9R6XBC"
READING = ClockReading(1_795_414_323.412, 88_125.768, ClockQuality.SYNCED, 12, "6c1f2a9e")
SENDER = Sender("ward12", "box-0001", "9f86d081884c", "person-nano", "1")
LIVE = LiveTimeline(READING)
RECORDED = RecordedTimeline(1_795_000_000.5, MediaTimeSource.TEMPLATE, 1.0)


def event(label: Label = Label.PERSON, phase: Phase = Phase.UPDATE, **changes: Any) -> Event:
    end = phase is Phase.END
    values: dict[str, Any] = {
        "event_id": EventId(ULID_B),
        "camera": CameraId("gate"),
        "label": label,
        "phase": phase,
        "rev": 3,
        "at_s": 88_124.1,
        "start_s": 88_123.456,
        "end_s": 88_124.1 if end else None,
        "score": 0.87,
        "top_score": 0.93,
        "bbox": None if label is Label.HEALTH else BBox(0.412, 0.205, 0.118, 0.391),
        "count": 1 if label is Label.PERSON else 0,
        "zones_current": () if label is Label.HEALTH else ("gate",),
        "zones_entered": () if label is Label.HEALTH else ("street", "gate"),
        "end_reason": EndReason.GONE if end else None,
    }
    if label is Label.HEALTH:
        health = Health("blocked", Severity.CRITICAL, {"dark_frac": 0.97})
        values.update(score=0.0, top_score=0.0, health=health)
    return Event(**(values | changes))


def envelope(of: Event, timeline: LiveTimeline | RecordedTimeline = LIVE) -> Envelope:
    return SENDER.envelope(
        of, timeline, message_id=ULID_A, position=Position(EPOCH, 48211), clock=READING
    )


EVERY_KIND = list(itertools.product(Label, Phase, (LIVE, RECORDED)))


@pytest.mark.parametrize(("label", "phase", "timeline"), EVERY_KIND)
def test_real_output_validates_and_survives_the_round_trip(
    label: Label, phase: Phase, timeline: LiveTimeline | RecordedTimeline
) -> None:
    one = event(label, phase)
    payload = encode_event(one, envelope(one, timeline))
    check("event", payload)
    message = decode_event(payload)
    assert message.event == one
    assert encode_event(message.event, message.envelope) == payload
    assert b": " not in payload


@pytest.mark.parametrize(
    "changes",
    [
        {"continues": EventId(ULID_A)},
        {"snapshot": SnapshotRef("0" * 64, 48213, FrameSize(640, 360), SnapshotState.STORED)},
        {"bbox": BBox(-0.1, 0.5, 0.3, 0.7)},
        {"bbox": None, "zones_current": (), "zones_entered": ()},
        {"score": 1.0004, "top_score": -0.0001},
    ],
)
def test_odd_but_legal_values_validate(changes: dict[str, Any]) -> None:
    one = event(**changes)
    check("event", encode_event(one, envelope(one)))


def test_split_and_restart_are_end_reasons() -> None:
    for reason in EndReason:
        one = event(phase=Phase.END, end_reason=reason)
        check("event", encode_event(one, envelope(one)))


CLIPS = (
    ClipRef("0" * 64, 5_213_844, "h264", -5.72, 300.04, ClipState.STORED),
    ClipRef("f" * 64, 1_000, "hevc", 294.32, 0.5, ClipState.CUT),
)


def test_an_end_names_the_files_of_its_clip_and_nothing_else_does() -> None:
    end = event(phase=Phase.END, clips=CLIPS)
    payload = encode_event(end, envelope(end))
    check("event", payload)
    assert decode_event(payload).event == end
    update = event(clips=CLIPS)
    with pytest.raises(ContractError, match="only an end has clips"):
        encode_event(update, envelope(update))
    for odd in ("not hex", ""):
        broken = event(phase=Phase.END, clips=(dataclasses.replace(CLIPS[0], sha256=odd),))
        with pytest.raises(ContractError, match="sha256"):
            encode_event(broken, envelope(broken))


def test_live_moments_are_one_subtraction_apart() -> None:
    one = event(phase=Phase.END)
    data = json.loads(encode_event(one, envelope(one)))["data"]
    assert data["clock"]["mono_ms"] == 88_124_100
    assert data["end_mono_ms"] - data["start_mono_ms"] == 644
    assert data["start_time"] < data["end_time"]


def test_recorded_moments_come_from_the_recording() -> None:
    one = event(at_s=14.2, start_s=13.0)
    message = json.loads(encode_event(one, envelope(one, RECORDED)))
    assert message["time"] == "2026-11-18T11:06:54.700Z"
    assert message["data"]["media"] == {"source": "template", "offset_s": 14.2, "err_s": 1.0}
    assert "start_mono_ms" not in message["data"]
    assert decode_event(json.dumps(message).encode()).envelope.time_basis is TimeBasis.RECORDED


def test_clock_of_1970_is_sent_and_read() -> None:
    reading = ClockReading(12.5, 12.5, ClockQuality.UNSET, None, "6c1f2a9e")
    one = event(at_s=12.0, start_s=11.0)
    made = SENDER.envelope(
        one,
        LiveTimeline(reading),
        message_id=ULID_A,
        position=Position(EPOCH, 1),
        clock=reading,
    )
    payload = encode_event(one, made)
    check("event", payload)
    assert json.loads(payload)["time"] == "1970-01-01T00:00:12.000Z"
    assert decode_event(payload).envelope.clock.quality is ClockQuality.UNSET


def test_the_future_may_add_fields() -> None:
    one = event()
    message = json.loads(encode_event(one, envelope(one)))
    message["new"] = 1
    message["data"]["newer"] = {"x": [1]}
    payload = json.dumps(message).encode()
    check("event", payload)
    assert decode_event(payload).event == one


@pytest.mark.parametrize("name", ["face", "plate", "identity", "embedding", "jpeg"])
def test_schema_refuses_what_must_never_be_sent(name: str) -> None:
    one = event()
    message = json.loads(encode_event(one, envelope(one)))
    message["data"][name] = "x"
    with pytest.raises(jsonschema.ValidationError):
        check("event", json.dumps(message))


@pytest.mark.parametrize(
    "changes",
    [
        {"score": float("nan")},
        {"top_score": float("inf")},
        {"at_s": 1e15},
        {"camera": "Front Door"},
        {"event_id": "nope"},
        {"rev": -1},
        {"label": Label.HEALTH, "health": None},
        {"phase": Phase.END},
    ],
)
def test_what_the_schema_forbids_is_not_encoded(changes: dict[str, Any]) -> None:
    one = event(**changes)
    with pytest.raises(ContractError):
        encode_event(one, dataclasses.replace(envelope(event()), at_utc_s=LIVE.utc_s(one.at_s)))


def _broken() -> list[bytes]:
    one = event()
    good = encode_event(one, envelope(one))
    swaps = [
        (b'"1.0"', b'"2.0"'),
        (b'"person"', b'"face"'),
        (b"update.v1", b"start.v1"),
        (b"000048211", b"000048212"),
        (b'"seq":48211', b'"seq":0'),
        (b'"subject":"gate"', b'"subject":"Gate"'),
        (b'"subject":"gate"', b'"subject":"gate\\n"'),
        (b'"time_basis":"live"', b'"time_basis":"recorded"'),
        (b'"start_mono_ms":88123456,', b""),
        (b"2026-", b"20xx-"),
        (b'"box":[0.412', b'"box":[1.5'),
        (b'"rev":3', b'"rev":"3"'),
        (b'"mono_ms":', b'"mono_ms":1e999,"x":'),
    ]
    broken = [good.replace(old, new) for old, new in swaps]
    assert all(one != good for one in broken)
    return [*broken, b"", b"null", b"[]", b"{}", b"\xff\xfe", good[:-1], b"[" * 100_000]


@pytest.mark.parametrize("payload", _broken(), ids=range(len(_broken())))
def test_foreign_bytes_raise_a_contract_error_and_nothing_else(payload: bytes) -> None:
    with pytest.raises(ContractError):
        decode_event(payload)


def test_header_is_read_from_kinds_of_event_that_are_not_known_yet() -> None:
    one = event()
    payload = encode_event(one, envelope(one)).replace(b"person", b"vehicle")
    with pytest.raises(ContractError):
        decode_event(payload)
    header = read_header(payload)
    assert (header.source, header.message_id) == ("/ward12/box-0001", ULID_A)
    assert header.position == Position(EPOCH, 48211)
