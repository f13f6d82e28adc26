"""Commands: refused, expired, repeated, answered."""

from __future__ import annotations

import json
import logging

import pytest

from edge_agent.clock import ClockQuality, ManualClock
from edge_agent.contract import AckStatus, BoxTopics, Command, decode_ack, encode_command
from edge_agent.errors import ContractError, StorageError
from edge_agent.mqtt import Incoming
from edge_agent.publish import CommandFile, CommandResult
from edge_agent.publish.commands import MAX_FILE_BYTES, CommandDesk

TOPICS = BoxTopics("ward1", "box-1")
EVENT = "01KAS3V6A1ZZ5Y0T7M2N9R6XBC"


def incoming(verb: str, payload: bytes, **changes: object) -> Incoming:
    return Incoming(TOPICS.command(verb), payload, 1, False, 1, **changes)  # type: ignore[arg-type]


def command(verb: str, cmd_id: str = "c1", **fields: object) -> Incoming:
    wanted = Command(cmd_id, verb, **fields)  # type: ignore[arg-type]
    return incoming(verb, encode_command(wanted))


def desk(result: CommandResult | Exception | None = None) -> CommandDesk:
    asked: list[Command] = []

    def handler(wanted: Command) -> CommandResult:
        asked.append(wanted)
        if isinstance(result, Exception):
            raise result
        assert result is not None
        return result

    made = CommandDesk(TOPICS, ManualClock(), None if result is None else handler)
    made.asked = asked  # type: ignore[attr-defined]
    return made


DONE = CommandResult(AckStatus.DONE)


@pytest.mark.parametrize(
    ("message", "result", "status"),
    [
        (command("selfdestruct"), DONE, AckStatus.REJECTED),
        (command("reload"), None, AckStatus.REJECTED),
        (command("reload"), DONE, AckStatus.DONE),
        (command("clip"), ContractError("no such camera"), AckStatus.REJECTED),
        (command("snapshot"), StorageError("disk"), AckStatus.FAILED),
        (command("reload", not_after_utc_s=1.0), DONE, AckStatus.EXPIRED),
        (
            command("replay", args={"epoch": "x", "from_seq": 3, "to_seq": 1}),
            DONE,
            AckStatus.REJECTED,
        ),
    ],
)
def test_every_command_is_answered(
    message: Incoming, result: CommandResult | Exception | None, status: AckStatus
) -> None:
    outcome = desk(result).handle(message)
    (reply,) = outcome.replies
    assert reply.topic == TOPICS.ack("c1")
    assert decode_ack(reply.payload).status is status
    assert outcome.replay is None


def test_a_repeated_command_is_done_once_and_answered_the_same() -> None:
    one = desk(CommandResult(AckStatus.DONE, result={"n": 1}))
    first = one.handle(command("reload"))
    second = one.handle(command("reload"))
    assert first.replies == second.replies
    assert len(one.asked) == 1  # type: ignore[attr-defined]


def test_the_newest_256_commands_are_known_when_they_come_again() -> None:
    one = desk(DONE)
    for number in range(257):
        one.handle(command("reload", f"c{number}"))
    for number in range(1, 257):
        one.handle(command("reload", f"c{number}"))
    assert len(one.asked) == 257  # type: ignore[attr-defined]
    one.handle(command("reload", "c0"))
    assert len(one.asked) == 258  # type: ignore[attr-defined]


def test_malformed_commands_are_one_line_a_minute_with_how_many_more_came(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    one = CommandDesk(TOPICS, clock, lambda _: DONE)
    for after_s in (0.0, 1.0, 58.5, 0.5, 0.5, 60.0):
        clock.advance(after_s)
        one.handle(incoming("reload", b"{"))
    first, second, third = caplog.messages
    assert "more like it" not in first
    assert second.endswith(" (2 more like it since)")
    assert third.endswith(" (1 more like it since)")


def test_a_deadline_is_ignored_while_the_clock_is_unset() -> None:
    one = CommandDesk(TOPICS, ManualClock(utc_s=1e9, quality=ClockQuality.UNSET), lambda _: DONE)
    outcome = one.handle(command("reload", not_after_utc_s=1.0))
    assert decode_ack(outcome.replies[0].payload).status is AckStatus.DONE


def test_a_replay_is_accepted_and_begun_and_who_asks_again_gets_its_result() -> None:
    one = desk()
    outcome = one.handle(command("replay", args={"epoch": "e", "from_seq": 2, "to_seq": 5}))
    assert decode_ack(outcome.replies[0].payload).status is AckStatus.ACCEPTED
    assert outcome.replay is not None
    assert (outcome.replay[0], outcome.replay[1].first, outcome.replay[1].last) == ("c1", 2, 5)
    later = one.finished("c1", CommandResult(AckStatus.DONE, result={"sent": 4}))
    assert decode_ack(later.payload).result == {"sent": 4}
    again = one.handle(command("replay", args={"epoch": "e", "from_seq": 2, "to_seq": 5}))
    assert decode_ack(again.replies[0].payload) == decode_ack(later.payload)
    assert again.replay is None


def test_an_image_goes_before_its_answer() -> None:
    image = CommandFile("front", EVENT, b"jpeg")
    outcome = desk(CommandResult(AckStatus.DONE, file=image)).handle(command("snapshot"))
    assert [reply.topic for reply in outcome.replies] == [
        TOPICS.image("front", EVENT),
        TOPICS.ack("c1"),
    ]
    assert outcome.replies[0].payload == b"jpeg"
    assert outcome.replies[0].expiry_s == 600


def test_an_image_that_is_too_large_stays_here() -> None:
    largest, larger = (
        desk(CommandResult(AckStatus.DONE, file=CommandFile("front", EVENT, bytes(size))))
        for size in (MAX_FILE_BYTES, MAX_FILE_BYTES + 1)
    )
    assert len(largest.handle(command("snapshot")).replies) == 2
    (reply,) = larger.handle(command("snapshot")).replies
    assert decode_ack(reply.payload).status is AckStatus.FAILED


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b'{"cmd_id":"../x","verb":"reload"}',
        b'{"cmd_id":"c"}',
        b"\xff" * 5000,
        json.dumps({"cmd_id": "c1", "verb": "privacy"}).encode(),
    ],
)
def test_malformed_commands_are_counted_and_not_answered(payload: bytes) -> None:
    one = desk(DONE)
    assert one.handle(incoming("reload", payload)).replies == ()
    assert one.malformed == 1


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (TOPICS.ack("mine"), TOPICS.ack("mine")),
        ("ea/v1/ward1/other/ack/c1", TOPICS.ack("c1")),
        (TOPICS.ackpos, TOPICS.ack("c1")),
        (TOPICS.ack("x")[:-1] + "#", TOPICS.ack("c1")),
        (TOPICS.ack("x") + "\x1b\n", TOPICS.ack("c1")),
        (TOPICS.ack("x") * 70, TOPICS.ack("c1")),
        (None, TOPICS.ack("c1")),
    ],
)
def test_answers_stay_in_the_boxs_own_branch(asked: str | None, answered: str) -> None:
    message = incoming(
        "reload",
        encode_command(Command("c1", "reload")),
        response_topic=asked,
        correlation=b"17",
    )
    (reply,) = desk(DONE).handle(message).replies
    assert (reply.topic, reply.correlation) == (answered, b"17")


def test_a_flood_of_commands_is_a_few_lines_and_a_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    clock = ManualClock()
    made = CommandDesk(TOPICS, clock, None)
    for number in range(500):
        made.handle(command("reload", f"c{number}"))
    assert len(caplog.messages) == 20
    clock.advance(61)
    made.handle(command("reload", "later"))
    assert caplog.messages[-1] == "command reload later: rejected (480 more like it since)"
