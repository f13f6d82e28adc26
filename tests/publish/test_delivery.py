"""One connection's work, without a broker: what goes out, and what its answers lead to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from shelf import EPOCH, Shelf

from edge_agent.clock import ManualClock
from edge_agent.contract import (
    AckStatus,
    BoxTopics,
    Command,
    Position,
    State,
    decode_ack,
    decode_gap,
    encode_ackpos,
    encode_command,
)
from edge_agent.mqtt import Acked, Incoming, Signal
from edge_agent.publish.bench import Bench, DeliveryTally
from edge_agent.publish.commands import CommandDesk
from edge_agent.publish.delivery import Delivery
from edge_agent.publish.pacing import Pause, ResendTimer
from edge_agent.publish.ports import CommandFile, CommandHandler, CommandResult
from edge_agent.publish.status import BoxIdentity, StatusBoard

TOPICS = BoxTopics("ward1", "box-1")
PICTURE_OF = "01KAS3V6A1ZZ5Y0T7M2N9R6XBC"


class Wire:
    """A Connection that acknowledges everything, at once, with `code`."""

    def __init__(self, max_packet_bytes: int | None = None) -> None:
        self.receive_maximum = 100
        self.max_packet_bytes = max_packet_bytes
        self.code = 0
        self.codes: dict[str, int] = {}  # by topic
        self.mute = False
        self.sent: list[tuple[str, bytes]] = []
        self.signals: list[Signal] = []

    def subscribe(self, filters: tuple[str, ...]) -> None:
        pass

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, **_: object) -> int:
        self.sent.append((topic, payload))
        if qos and not self.mute:
            code = self.codes.get(topic, self.code)
            self.signals.append(Acked(len(self.sent), code))
        return len(self.sent)

    def poll(self, timeout_s: float) -> list[Signal]:
        signals, self.signals = self.signals, []
        return signals

    def said(self, part: str) -> list[bytes]:
        return [payload for topic, payload in self.sent if part in topic]


class Marks:
    def __init__(self) -> None:
        self.lost: list[int] = []

    def sent(self, row_ids: Sequence[int]) -> None:
        pass

    def acknowledged(self, watermark: Position) -> None:
        pass

    def dead(self, row_ids: Sequence[int], reason: str) -> None:
        self.lost += row_ids

    def gaps_announced(self, revision: int) -> None:
        pass


class Desk:
    """A delivery and all around it."""

    def __init__(
        self, shelf: Shelf, wire: Wire, handler: CommandHandler | None = None, **pace: Any
    ) -> None:
        self.clock, self.wire, self.marks = ManualClock(), wire, Marks()
        self.bench = Bench(
            TOPICS,
            self.clock,
            shelf,
            self.marks,
            StatusBoard(),
            CommandDesk(TOPICS, self.clock, handler),
            Pause(),
            ResendTimer(),
            DeliveryTally(),
            None,
            60.0,
        )
        pace = {"backlog_per_s": 100, "backlog_wait_s": 0} | pace
        self.delivery = Delivery(
            wire,  # type: ignore[arg-type]
            self.bench,
            BoxIdentity(PICTURE_OF, "1", 60.0),
            head=shelf.head(),
            window=10,
            **pace,
        )

    def turns(self, count: int, *, each_s: float = 1.0) -> None:
        for _ in range(count):
            self.delivery.turn(committed=True, timeout_s=0)
            self.clock.advance(each_s)

    def hear(self, topic: str, payload: bytes) -> None:
        self.wire.signals.append(Incoming(topic, payload, 1, False, 1))

    def command(self, verb: str, cmd_id: str = "c1", **args: object) -> None:
        self.hear(TOPICS.command(verb), encode_command(Command(cmd_id, verb, args)))

    def ackpos(self, seq: int) -> None:
        self.hear(TOPICS.ackpos, encode_ackpos(Position(EPOCH, seq)))

    def rows(self) -> int:
        """How many events went out, resends too."""
        return sum(topic == "t" for topic, _ in self.wire.sent)


def shelf_of(*event_ids: str) -> Shelf:
    shelf = Shelf()
    shelf.put(*event_ids)
    return shelf


def test_a_replay_that_meets_what_the_broker_does_not_take_ends_and_blocks_no_other() -> None:
    shelf = shelf_of("a", "b")
    shelf.note_sent([1, 2])
    desk = Desk(shelf, Wire(max_packet_bytes=300))
    shelf.rows[2] = type(shelf.rows[2])(2, 2, "b", Position(EPOCH, 2), "t", bytes(400))
    for cmd_id in ("c1", "c2"):
        desk.command("replay", cmd_id, epoch=EPOCH, from_seq=1, to_seq=2)
    desk.turns(10)
    acks = [decode_ack(each) for each in desk.wire.said("/ack/")]
    done = {ack.cmd_id: ack.result for ack in acks if ack.status is AckStatus.DONE}
    assert done == {cmd_id: {"sent": 1, "not_kept": 1} for cmd_id in ("c1", "c2")}
    gaps = [decode_gap(each) for each in desk.wire.said("_gap")]
    assert [span.first for gap in gaps for span in gap.ranges] == [2, 2]


def test_a_replay_of_numbers_beyond_all_bounds_is_rejected() -> None:
    desk = Desk(shelf_of("a"), Wire())
    desk.command("replay", epoch=EPOCH, from_seq=2**70, to_seq=2**71)
    desk.turns(3)
    (ack,) = [decode_ack(each) for each in desk.wire.said("/ack/")]
    assert ack.status is AckStatus.REJECTED


def test_the_answer_to_a_picture_waits_until_the_broker_has_the_picture() -> None:
    image = CommandFile("front", PICTURE_OF, b"jpeg")
    desk = Desk(Shelf(), Wire(), lambda _: CommandResult(AckStatus.DONE, file=image))
    desk.turns(1)
    desk.wire.mute = True
    desk.command("snapshot")
    desk.turns(3)
    assert len(desk.wire.said("/img/")) == 1
    assert desk.wire.said("/ack/") == []
    desk.wire.signals.append(Acked(len(desk.wire.sent), 0x87))
    desk.turns(2)
    (answer,) = desk.wire.said("/ack/")
    assert decode_ack(answer).status is AckStatus.FAILED


def test_a_picture_that_broke_the_connection_is_answered_on_the_next_one() -> None:
    image = CommandFile("front", PICTURE_OF, b"jpeg")
    desk = Desk(Shelf(), Wire(), lambda _: CommandResult(AckStatus.DONE, file=image))
    desk.turns(1)
    desk.wire.mute = True
    desk.command("snapshot")
    desk.turns(2)
    desk.delivery.broke()
    (unsent,) = desk.bench.desk.take_unsent()
    assert decode_ack(unsent.payload).status is AckStatus.FAILED


def test_more_answers_than_anybody_reads_are_dropped_not_kept_in_memory() -> None:
    desk = Desk(Shelf(), Wire())
    desk.wire.mute = True
    for number in range(2000):
        desk.command("reload", f"c{number}")
    desk.turns(3)
    assert len(desk.delivery._control._replies) <= 256


def test_the_servers_progress_puts_off_the_next_resend() -> None:
    shelf = shelf_of("a", "b", "c")
    shelf.watermark = 0
    desk = Desk(shelf, Wire())
    desk.turns(5)
    assert desk.rows() == 3
    desk.turns(50)
    shelf.watermark = 1
    desk.ackpos(1)
    desk.turns(50)
    assert desk.rows() == 3, "a minute without progress begins anew"
    desk.turns(20)
    assert desk.rows() == 5, "what is above the watermark, once"


def test_a_new_epoch_begins_the_resends_and_the_statuses_anew() -> None:
    shelf = shelf_of("a", "b")
    shelf.watermark = 0
    desk = Desk(shelf, Wire())
    desk.bench.board.set(TOPICS.camera_status("front"), b"1")
    desk.turns(70)
    assert desk.rows() == 4, "after a minute once more, and then after two"
    shelf.epoch, shelf.watermark = "01KAQZ0000ZZ5Y0T7M2N9R6XBD", 2
    shelf.put("c")
    desk.turns(50)
    assert desk.rows() == 5
    desk.turns(20)
    assert desk.rows() == 6, "a minute after the first message of this epoch"
    assert len(desk.wire.said("/st/box")) == 2
    assert len(desk.wire.said("/st/cam/front")) == 2


def test_an_ackpos_of_rows_that_were_committed_since_the_last_look_counts() -> None:
    shelf = shelf_of("a")
    shelf.watermark = 0
    desk = Desk(shelf, Wire())
    desk.turns(1)
    shelf.put("b")
    desk.ackpos(2)
    desk.delivery.turn(committed=False, timeout_s=0)
    desk.turns(70)
    assert desk.rows() == 1, "the server has both"


def test_one_turn_sends_as_much_of_the_backlog_as_its_rate_allows() -> None:
    desk = Desk(shelf_of(*"abcdefghij"), Wire())
    desk.turns(2)
    assert desk.rows() == 10


def test_a_status_that_the_broker_refuses_is_one_line_a_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk(Shelf(), Wire())
    desk.wire.code = 0x87
    for state in (State.PAUSED, State.ONLINE, State.PAUSED):
        desk.bench.board.set_box(state, ())
        desk.turns(2)
    assert len(desk.wire.said("/st/box")) == 3
    assert len([text for text in caplog.messages if "check its ACL" in text]) == 1


def test_nothing_is_sent_again_while_the_backlog_still_runs() -> None:
    shelf = shelf_of(*"abcdefghij")
    shelf.watermark = 0
    for number, row in shelf.rows.items():
        shelf.rows[number] = replace(row, payload=b"%d" % number)
    desk = Desk(shelf, Wire(), backlog_per_s=0.1)
    desk.turns(100)
    sent = [int(payload) for topic, payload in desk.wire.sent if topic == "t"]
    assert sent == list(range(1, len(sent) + 1)), "one in ten seconds, none twice"
    assert len(sent) >= 9


def test_what_the_broker_does_not_take_causes_no_resends() -> None:
    shelf = shelf_of("a", "b", "c")
    shelf.rows[1] = type(shelf.rows[1])(1, 1, "a", Position(EPOCH, 1), "t", bytes(900))
    shelf.watermark = 0
    desk = Desk(shelf, Wire(max_packet_bytes=700))
    desk.turns(200)
    assert desk.rows() == 2
    assert desk.marks.lost == []


@pytest.mark.parametrize("code", [0x90, 0x99])
def test_a_broker_that_calls_every_event_impossible_costs_none(code: int) -> None:
    """Its rules are wrong, as an ACL that denies may be."""
    desk = Desk(shelf_of(*"abcdefghijklmnopqrst"), Wire())
    desk.wire.code = code
    desk.turns(900)
    assert desk.marks.lost == []
    assert desk.rows() < 20, "a few tries, with pauses"
    desk.wire.code = 0
    desk.turns(2000)
    assert desk.bench.tally.sent == 20


def test_one_event_that_the_broker_calls_impossible_is_given_up_and_blocks_no_other() -> None:
    shelf = shelf_of(*"abcdef")
    shelf.rows[1] = replace(shelf.rows[1], topic="odd")
    desk = Desk(shelf, Wire())
    desk.wire.codes = {"odd": 0x90}
    desk.turns(200)
    assert desk.marks.lost == [1]
    assert desk.bench.tally.sent == 5
