"""Messages into the ward's database: once, in any order, from whom they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mqtt_box import draft

from edge_agent.clock import ClockQuality, ClockReading, ManualClock
from edge_agent.contract import (
    BoxTopics,
    Gap,
    GapRange,
    Position,
    Telemetry,
    Unsequenced,
    encode_gap,
    encode_telemetry,
)
from edge_agent.domain import Label, Phase
from edge_agent.errors import OperatorError, StorageError
from edge_agent.mqtt import Incoming
from edge_agent.ward import Alarm, NewEvent, NewGap, News, WardDatabase
from edge_agent.ward.intake import Intake

EPOCH = "01KAQZ0000ZZ5Y0T7M2N9R6XBC"
TOPICS = BoxTopics("ward1", "box-1")
SOURCE = TOPICS.source


class Desk:
    """A database and its intake, fed by hand."""

    def __init__(self, path: Path) -> None:
        self.database = WardDatabase(path)
        self.intake = Intake(self.database, "ward1", keep_images=True)
        self.clock = ManualClock()

    def take(self, topic: str, payload: bytes) -> list[News]:
        with self.database.transaction():
            return self.intake.take(Incoming(topic, payload, 1, False, 1), self.clock.read())

    def event(self, seq: int, epoch: str = EPOCH, **options: object) -> tuple[str, bytes]:
        made = draft(TOPICS, self.clock, **options)  # type: ignore[arg-type]
        return made.encode(Position(epoch, seq))

    def receive(self, *seqs: int) -> None:
        for seq in seqs:
            self.take(*self.event(seq))

    def gap(self, *spans: tuple[int, int | None], epoch: str = EPOCH) -> list[News]:
        ranges = tuple(GapRange(*span) for span in spans)
        return self.take(TOPICS.gap, encode_gap(Gap(epoch, "quota", ranges)))

    def watermark(self) -> int:
        with self.database.transaction():
            return self.database.advance(SOURCE, EPOCH)

    def column(self, sql: str) -> list[object]:
        return [row[0] for row in self.database._connection.execute(sql)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "ward.sqlite")
    yield made
    made.database.close()


def test_the_same_message_twice_is_one_event(desk: Desk) -> None:
    topic, payload = desk.event(1)
    assert len(desk.take(topic, payload)) == 1
    assert desk.take(topic, payload) == []
    assert desk.database.count_events() == 1
    assert desk.intake.duplicates == 1


def test_another_message_under_the_same_number_is_kept_too_and_alarms(desk: Desk) -> None:
    desk.take(*desk.event(1))
    news = desk.take(*desk.event(1))
    assert [type(item) for item in news] == [NewEvent, Alarm]
    assert desk.database.count_events() == 2
    assert desk.column("SELECT kind FROM alarm") == ["same_seq"]


@pytest.mark.parametrize(
    ("received", "gaps", "watermark"),
    [
        ([], [], 0),
        ([1, 2, 3], [], 3),
        ([2, 3], [], 0),
        ([3, 1, 2, 5], [], 3),
        ([1, 4], [(2, 3)], 4),
        ([4], [(1, 3)], 4),
        ([1, 6], [(2, 3), (4, 5)], 6),
        ([1, 6], [(4, 5), (2, 4)], 6),
        ([1, 2, 3], [(2, 2)], 3),
        ([1], [(2, None)], 1),  # a lost epoch ends where its last message is
        ([1, 2], [(2, 9)], 9),
    ],
)
def test_the_watermark_is_the_prefix_without_holes(
    desk: Desk, received: list[int], gaps: list[tuple[int, int | None]], watermark: int
) -> None:
    desk.receive(*received)
    for gap in gaps:
        desk.gap(gap)
    assert desk.watermark() == watermark
    assert desk.database.watermark(SOURCE, EPOCH) == watermark


def test_the_watermark_walks_over_many_batches_and_survives_a_restart(
    desk: Desk, tmp_path: Path
) -> None:
    desk.receive(*range(1, 1203))
    assert desk.watermark() == 1202
    again = WardDatabase(tmp_path / "ward.sqlite")
    assert again.watermark(SOURCE, EPOCH) == 1202
    again.close()


@pytest.mark.parametrize(
    ("received", "gaps", "last_seq", "holes"),
    [
        ([1, 2], [], 2, []),
        ([1, 4], [], 6, [(2, 3), (5, 6)]),
        ([1, 4], [(2, 2)], 4, [(3, 3)]),
        ([], [], 3, [(1, 3)]),
        ([1, 9], [(3, None)], 9, [(2, 2)]),
    ],
)
def test_holes_are_what_was_neither_received_nor_announced(
    desk: Desk,
    received: list[int],
    gaps: list[tuple[int, int | None]],
    last_seq: int,
    holes: list[tuple[int, int]],
) -> None:
    desk.receive(*received)
    for gap in gaps:
        desk.gap(gap)
    desk.watermark()
    assert desk.database.holes(SOURCE, EPOCH, last_seq) == [GapRange(*hole) for hole in holes]


def test_a_gap_that_comes_again_is_no_news(desk: Desk) -> None:
    assert desk.gap((2, 3), (7, None)) == [
        NewGap(SOURCE, Gap(EPOCH, "quota", (GapRange(2, 3), GapRange(7, None))))
    ]
    assert desk.gap((2, 3), (7, None)) == []
    lost = Gap(EPOCH, "storage", unsequenced=Unsequenced(3, 10.0, 20.0))
    more = Gap(EPOCH, "storage", unsequenced=Unsequenced(5, 10.0, 30.0))
    news = [desk.take(TOPICS.gap, encode_gap(gap)) for gap in (lost, lost, more)]
    assert [len(each) for each in news] == [1, 0, 1]
    assert desk.column("SELECT count FROM unsequenced") == [5]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (TOPICS.event("front", Label.PERSON), b"{"),
        (TOPICS.event("front", Label.PERSON), b""),
        (TOPICS.gap, b'{"epoch":1}'),
        (TOPICS.box_status, b"[]"),
        (TOPICS.telemetry, b"\xff"),
        ("ea/v1/ward1/box-1/ev/front/face", b"{}"),
        ("ea/v1/other/box-1/tm", b"{}"),
        ("", b"{}"),
    ],
)
def test_what_breaks_the_contract_is_counted_and_does_not_stop_the_rest(
    desk: Desk, topic: str, payload: bytes
) -> None:
    (alarm,) = desk.take(topic, payload)
    assert isinstance(alarm, Alarm)
    assert desk.intake.refused == 1
    desk.receive(1)
    assert desk.database.count_events() == 1


def test_no_box_speaks_for_another(desk: Desk) -> None:
    _, payload = desk.event(1)
    other = BoxTopics("ward1", "box-2").event("front", Label.PERSON)
    (alarm,) = desk.take(other, payload)
    assert isinstance(alarm, Alarm)
    assert desk.database.count_events() == 0


def test_a_message_of_a_later_version_is_kept_and_counts(desk: Desk) -> None:
    topic, payload = desk.event(1)
    later = payload.replace(b'"phase":"start"', b'"phase":"pulse"')
    (news,) = desk.take(topic, later)
    assert isinstance(news, NewEvent)
    assert news.message is None
    assert desk.watermark() == 1


def test_what_a_box_without_a_clock_said_is_dated_once_its_clock_is_right(desk: Desk) -> None:
    desk.clock = ManualClock(utc_s=1000.0, mono_s=50.0, quality=ClockQuality.UNSET, boot_id="b")
    desk.take(*desk.event(1, phase=Phase.START))
    assert desk.column("SELECT utc_s FROM event") == [1000.0]
    right = ClockReading(2_000_000_100.0, 100.0, ClockQuality.SYNCED, 1, "b")
    told = Telemetry(right, "1.0", 1.0, EPOCH, 1, 0)
    desk.take(TOPICS.telemetry, encode_telemetry(told))
    assert desk.column("SELECT utc_s FROM event") == [2_000_000_050.0]
    desk.take(*desk.event(2))
    assert desk.column("SELECT utc_s FROM event WHERE seq = 2") == [2_000_000_050.0]


def test_images_are_kept_when_wanted(desk: Desk) -> None:
    desk.take(TOPICS.image("front", "01KAS3V6A1ZZ5Y0T7M2N9R6XBC"), b"jpeg")
    assert desk.column("SELECT jpeg FROM image") == [b"jpeg"]


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    database = WardDatabase(tmp_path / "w")
    database._connection.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(OperatorError, match="format 99"):
        WardDatabase(tmp_path / "w")
    (tmp_path / "text").write_text("no database, but long enough to look at" * 40)
    with pytest.raises(StorageError):
        WardDatabase(tmp_path / "text")
