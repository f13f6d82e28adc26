"""Everything beside events: gaps, status, telemetry, commands, ackpos."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from contract_schemas import check

from edge_agent.clock import ClockQuality, ClockReading
from edge_agent.contract import (
    MAX_COMMAND_BYTES,
    Ack,
    AckStatus,
    BoxStatus,
    CameraStatus,
    Command,
    ConfigStatus,
    Gap,
    GapRange,
    IngestFigures,
    LeftOut,
    Nuisance,
    Position,
    ReplayRange,
    State,
    Telemetry,
    Unsequenced,
    decode_ack,
    decode_ackpos,
    decode_box_status,
    decode_camera_status,
    decode_config_status,
    decode_gap,
    decode_telemetry,
    encode_ack,
    encode_ackpos,
    encode_box_status,
    encode_camera_status,
    encode_command,
    encode_config_status,
    encode_gap,
    encode_telemetry,
    parse_command,
    parse_replay,
)
from edge_agent.domain import Label
from edge_agent.errors import ContractError

EPOCH = "01KAQZ0000ZZ5Y0T7M2N9R6XBC"
CONN = "01KAS2A000ZZ5Y0T7M2N9R6XBK"
UTC_S = 1_795_414_323.412
READING = ClockReading(UTC_S, 88_125.768, ClockQuality.HOLDOVER, None, "6c1f2a9e")

MESSAGES: list[tuple[str, Any, Callable[[Any], bytes], Callable[[bytes], Any]]] = [
    ("gap", Gap(EPOCH, "corrupt", (GapRange(1, None),)), encode_gap, decode_gap),
    (
        "gap",
        Gap(
            EPOCH,
            "quota",
            (GapRange(1, 1), GapRange(5, 9)),
            ((Label.MOTION, 5), (Label.PERSON, 1)),
        ),
        encode_gap,
        decode_gap,
    ),
    (
        "gap",
        Gap(EPOCH, "storage", unsequenced=Unsequenced(17, 100.0, UTC_S)),
        encode_gap,
        decode_gap,
    ),
    (
        "status",
        BoxStatus(State.PAUSED, CONN, EPOCH, 1, 0, "0.1.0", UTC_S, 60.0, ("household",)),
        encode_box_status,
        decode_box_status,
    ),
    (
        "status",
        CameraStatus("gate", State.DEGRADED, UTC_S, "no packet for 5 s"),
        encode_camera_status,
        decode_camera_status,
    ),
    (
        "status",
        CameraStatus(
            "yard",
            State.ONLINE,
            UTC_S,
            left_out=LeftOut(3, 1, UTC_S),
            clock_offset_s=-2.5,
            nuisances=(Nuisance((0.62, 0.31, 0.08, 0.3), 9),),
        ),
        encode_camera_status,
        decode_camera_status,
    ),
    (
        "status",
        ConfigStatus("9f86d081884c", UTC_S, "rejected", ("a: b",), None),
        encode_config_status,
        decode_config_status,
    ),
    (
        "telemetry",
        Telemetry(READING, "0.1.0", 12.5, EPOCH, 7, 3, {"rss_mib": 150.5}, {"gate": {"fps": 5}}),
        encode_telemetry,
        decode_telemetry,
    ),
    (
        "telemetry",
        Telemetry(
            READING, "0.1.0", 1.0, EPOCH, 7, 3, ingest={"yard": IngestFigures(14, 5, 2, 9, 840.5)}
        ),
        encode_telemetry,
        decode_telemetry,
    ),
    ("command", Position(EPOCH, 0), encode_ackpos, decode_ackpos),
    (
        "command",
        Ack("c-1", AckStatus.DONE, "sent", {"messages": 3}),
        encode_ack,
        decode_ack,
    ),
    (
        "command",
        Command("c-1", "snapshot", {"event_id": CONN}, UTC_S, "ea/v1/w/b/ack/c-1"),
        encode_command,
        lambda payload: parse_command("snapshot", payload),
    ),
]


@pytest.mark.parametrize(("schema", "value", "encode", "decode"), MESSAGES)
def test_real_output_validates_and_survives_the_round_trip(
    schema: str, value: Any, encode: Callable[[Any], bytes], decode: Callable[[bytes], Any]
) -> None:
    payload = encode(value)
    check(schema, payload)
    assert decode(payload) == value
    grown = json.dumps({**json.loads(payload), "later": {"x": 1}}).encode()
    assert decode(grown) == value, "unknown fields are the future"


JUNK = [b"", b"{}", b"null", b"7", b"[[", b"[" * 4000, b'{"a":' * 700, b"\xc3\x28", b'"\\ud800"']


@pytest.mark.parametrize("decode", [entry[3] for entry in MESSAGES])
@pytest.mark.parametrize("payload", JUNK, ids=range(len(JUNK)))
def test_junk_raises_a_contract_error_and_nothing_else(
    decode: Callable[[bytes], Any], payload: bytes
) -> None:
    with pytest.raises(ContractError):
        decode(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"cmd_id":"a/b","verb":"replay"}',
        b'{"cmd_id":"","verb":"replay"}',
        b'{"cmd_id":"a","verb":"reload"}',
        b'{"cmd_id":"a","verb":"replay","args":[]}',
        b'{"cmd_id":"a","verb":"replay","not_after":"tomorrow"}',
        b'{"cmd_id":"a","verb":"replay","not_after":"2026-11-23T06:13:00"}',
        b'{"cmd_id":"a","verb":"replay","reply_to":"' + b"x" * 300 + b'"}',
        b'{"cmd_id":"a","verb":"replay","args":{"x":"' + b"x" * MAX_COMMAND_BYTES + b'"}}',
    ],
)
def test_bad_commands_are_refused(payload: bytes) -> None:
    with pytest.raises(ContractError):
        parse_command("replay", payload)


def test_unknown_verb_is_parsed_so_that_it_can_be_answered() -> None:
    command = parse_command("dance", b'{"cmd_id":"a","verb":"dance"}')
    assert (command.cmd_id, command.verb, command.args) == ("a", "dance", {})


@pytest.mark.parametrize(
    ("args", "answer"),
    [
        ({"epoch": EPOCH, "from_seq": 3, "to_seq": 3}, ReplayRange(EPOCH, 3, 3)),
        ({"epoch": EPOCH, "from_seq": 4, "to_seq": 3}, None),
        ({"epoch": EPOCH, "from_seq": 0, "to_seq": 3}, None),
        ({"epoch": EPOCH, "from_seq": True, "to_seq": 3}, None),
        ({"epoch": EPOCH, "from_seq": 1.5, "to_seq": 3}, None),
        ({"epoch": 7, "from_seq": 1, "to_seq": 3}, None),
        ({}, None),
    ],
)
def test_replay_arguments(args: dict[str, Any], answer: ReplayRange | None) -> None:
    command = Command("a", "replay", args)
    if answer is None:
        with pytest.raises(ContractError):
            parse_replay(command)
    else:
        assert parse_replay(command) == answer


def test_too_long_a_command_is_not_sent() -> None:
    with pytest.raises(ContractError):
        encode_command(Command("a", "replay", {"x": "x" * MAX_COMMAND_BYTES}))


@pytest.mark.parametrize(
    "payload",
    [
        b'{"epoch":"x","seq":1}',
        b'{"epoch":"01KAQZ0000ZZ5Y0T7M2N9R6XBC","seq":-1}',
        b'{"epoch":"01KAQZ0000ZZ5Y0T7M2N9R6XBC","seq":"5"}',
        b'{"epoch":"01KAQZ0000ZZ5Y0T7M2N9R6XBC"}',
    ],
)
def test_bad_ackpos_is_refused(payload: bytes) -> None:
    with pytest.raises(ContractError):
        decode_ackpos(payload)


def test_backward_gap_is_refused() -> None:
    text = f'{{"epoch":"{EPOCH}","reason":"age","ranges":[{{"from":5,"to":4}}],"counts":{{}}}}'
    with pytest.raises(ContractError, match="backwards"):
        decode_gap(text.encode())
