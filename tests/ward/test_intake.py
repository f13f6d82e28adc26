"""Messages into the ward's database: once, in any order, from whom they say."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from mqtt_box import draft

from edge_agent.clock import ClockQuality, ClockReading, ManualClock
from edge_agent.contract import (
    BoxStatus,
    BoxTopics,
    Gap,
    GapRange,
    Position,
    State,
    Telemetry,
    Unsequenced,
    encode_box_status,
    encode_gap,
    encode_telemetry,
)
from edge_agent.domain import Label, Phase
from edge_agent.errors import OperatorError, StorageError
from edge_agent.mqtt import Incoming
from edge_agent.ward import NewEvent, NewGap, News, Printer, WardAlarm, WardDatabase
from edge_agent.ward.intake import WardIntake

EPOCH = "01KAQZ0000ZZ5Y0T7M2N9R6XBC"
TOPICS = BoxTopics("ward1", "box-1")
SOURCE = TOPICS.source
NOW_UTC_S = 1_790_000_000.0


def printed(news: News) -> str:
    """What a terminal would show of it."""
    lines: list[str] = []
    for as_json in (False, True):
        Printer(lines.append, ManualClock(), as_json=as_json).emit([news])
    return " ".join(lines)


class Desk:
    """A database and its intake, fed by hand."""

    def __init__(self, path: Path) -> None:
        self.database = WardDatabase(path)
        self.intake = WardIntake(self.database, "ward1", keep_images=True)
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

    def events(self) -> object:
        return self.column("SELECT count(*) FROM event")[0]

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
    assert desk.events() == 1
    assert desk.intake.duplicates == 1


def test_another_message_under_the_same_number_is_kept_too_and_alarms(desk: Desk) -> None:
    desk.take(*desk.event(1))
    news = desk.take(*desk.event(1))
    assert [type(item) for item in news] == [NewEvent, WardAlarm]
    assert desk.events() == 2
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
    assert isinstance(alarm, WardAlarm)
    assert desk.intake.refused == 1
    desk.receive(1)
    assert desk.events() == 1


def test_no_box_speaks_for_another(desk: Desk) -> None:
    _, payload = desk.event(1)
    other = BoxTopics("ward1", "box-2").event("front", Label.PERSON)
    (alarm,) = desk.take(other, payload)
    assert isinstance(alarm, WardAlarm)
    assert desk.events() == 0


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


def spoilt(payload: bytes, old: bytes, new: bytes) -> bytes:
    assert old in payload
    return payload.replace(old, new)


def digits(payload: bytes, key: bytes, number: bytes) -> bytes:
    """Every number under this key is this one."""
    return re.sub(rb'("' + key + rb'":)-?[0-9.]+', rb"\g<1>" + number, payload)


HUGE = b"1" + b"0" * 400
NUMBERS = (b"9223372036854775808", b"9007199254740992", HUGE, b"1e400", b"NaN", b"-1", b"1" * 5000)
DATES = (b"0001-01-01T00:00:00+23:59", b"9999-12-31T23:59:59-23:59", b"0001-01-01T00:00:00Z")


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:12].decode())
@pytest.mark.parametrize(
    "key", [b"seq", b"mono_ms", b"start_mono_ms", b"rev", b"score", b"from", b"to", b"last_seq"]
)
def test_no_number_of_a_box_ends_the_ward(desk: Desk, key: bytes, number: bytes) -> None:
    topic, payload = desk.event(7)
    status = encode_box_status(BoxStatus(State.ONLINE, EPOCH, EPOCH, 1, 7, "1", NOW_UTC_S, 60.0))
    reading = desk.clock.read()
    told = encode_telemetry(Telemetry(reading, "1.0", 1.0, EPOCH, 1, 0))
    gap = encode_gap(Gap(EPOCH, "quota", (GapRange(1, 2),)))
    for where, body in (
        (topic, payload),
        (TOPICS.box_status, status),
        (TOPICS.telemetry, told),
        (TOPICS.gap, gap),
    ):
        news = desk.take(where, digits(body, key, number))
        for line in map(printed, news):
            assert line.isprintable()
    desk.watermark()
    desk.receive(8)
    assert desk.column("SELECT count(*) FROM event WHERE seq = 8") == [1]
    desk.database.holes(SOURCE, EPOCH, 9)


@pytest.mark.parametrize("moment", DATES)
@pytest.mark.parametrize("key", [b"time", b"start_time"])
def test_no_date_of_a_box_ends_the_ward(desk: Desk, key: bytes, moment: bytes) -> None:
    topic, payload = desk.event(1)
    text = re.sub(rb'("' + key + rb'":)"[^"]*"', rb'\1"' + moment + rb'"', payload)
    (news,) = desk.take(topic, text)
    assert isinstance(news, NewEvent), "kept, though its moment is not understood"
    assert news.message is None
    assert desk.column("SELECT kind FROM alarm") == ["not_understood"]
    printed(news)


def test_depth_and_length_have_bounds(desk: Desk) -> None:
    topic, payload = desk.event(1)
    for body in (
        b"[" * 100_000,
        spoilt(payload, b'"data":{', b'"data":{"x":' + b"[" * 50_000 + b"]" * 50_000 + b","),
        spoilt(payload, b'"boot_id":"', b'"boot_id":"' + b"b" * 100_000),
        payload + b" " * 300_000,
        spoilt(payload, b'"boot_id":"', b'"boot_id":"\\u0000\\u001b[2J'),
        spoilt(payload, b'"boot_id":"', b'"boot_id":"\\ud800'),
    ):
        for news in desk.take(topic, body):
            assert printed(news).isprintable()
            if isinstance(news, WardAlarm):
                assert len(news.text) < 600
    desk.receive(2)


def test_what_no_column_takes_is_left_behind_whole(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second guard behind the bounds of the contract."""

    def failing(*_: object) -> None:
        raise OverflowError("Python int too large to convert to SQLite INTEGER")

    with monkeypatch.context() as patched:
        patched.setattr(WardDatabase, "twin_of", failing)  # after the event went in
        (alarm,) = desk.take(*desk.event(1))
    assert isinstance(alarm, WardAlarm)
    assert desk.events() == 0
    desk.receive(1)


def test_a_flood_of_nonsense_is_one_alarm_with_its_count(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    topic, _ = desk.event(1)
    news = [item for _ in range(500) for item in desk.take(topic, b"x")]
    other = TOPICS.event("other", Label.PERSON)
    news += [item for _ in range(500) for item in desk.take(other, b"{")]
    assert len(news) == 1
    assert desk.intake.refused == 1000
    assert desk.column("SELECT count FROM alarm") == [1000]
    assert len(caplog.records) == 1
    desk.clock.advance(61)
    (again,) = desk.take(topic, b"x")
    assert isinstance(again, WardAlarm)
    assert again.count == 1000, "those in between"
    desk.clock.advance(7200)
    desk.take(topic, b"x")
    assert desk.column("SELECT count FROM alarm ORDER BY at_utc_s") == [1001, 1]
    for number in range(50):
        desk.take(f"ea/v1/ward1/b\n{number}/tm", b"x")
        desk.take(f"nonsense/{number}", b"x")
    assert len(desk.column("SELECT source FROM alarm")) == 3, "no more rows than boxes"


def test_a_box_that_goes_back_to_an_earlier_epoch_is_two_boxes(desk: Desk) -> None:
    def says(epoch: str, conn: str, last_seq: int = 5) -> list[News]:
        status = BoxStatus(State.ONLINE, conn, epoch, 1, last_seq, "1", NOW_UTC_S, 60.0)
        return desk.take(TOPICS.box_status, encode_box_status(status))

    other = EPOCH[:-1] + "D"
    assert not [item for item in says(EPOCH, "a") if isinstance(item, WardAlarm)]
    desk.watermark()
    assert not [item for item in says(other, "b") if isinstance(item, WardAlarm)], "a new epoch"
    with desk.database.transaction():
        desk.database.advance(SOURCE, other)
    (alarm,) = [item for item in says(EPOCH, "c") if isinstance(item, WardAlarm)]
    assert alarm.kind == "two_boxes"
    assert "do two boxes use the id box-1" in alarm.text


def _back_to_version_2(old: sqlite3.Connection) -> None:
    for table in ("camera", "health", "listener"):
        old.execute(f"DROP TABLE {table}")
    old.execute("DROP INDEX event_by_person")
    old.execute("ALTER TABLE box DROP COLUMN told")
    old.execute("DROP INDEX event_by_boot")
    old.execute(
        "CREATE INDEX event_by_boot ON event(source, boot_id) WHERE clock_quality = 'unset'"
    )
    old.execute("ALTER TABLE event DROP COLUMN err_s")
    for column in ("mono_s", "err_s", "trusted"):
        old.execute(f"ALTER TABLE boot DROP COLUMN {column}")
    old.execute("INSERT INTO box VALUES('/w/b', 'online', 'c', 'e', 3, NULL, 7.0, 60.0)")
    old.execute("PRAGMA user_version=2")


def _back_to_version_1(old: sqlite3.Connection) -> None:
    old.execute("DROP TABLE alarm")
    old.execute(
        "CREATE TABLE alarm(at_utc_s REAL NOT NULL, source TEXT NOT NULL,"
        " kind TEXT NOT NULL, text TEXT NOT NULL)"
    )
    old.execute("INSERT INTO alarm VALUES(5.0, '/w/b', 'contract', 'was wrong')")
    old.execute("PRAGMA user_version=1")


def test_databases_of_earlier_versions_are_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "old"
    WardDatabase(path).close()
    with sqlite3.connect(path) as old:
        _back_to_version_2(old)
    old.close()
    second = WardDatabase(path)
    assert [(box.last_seq, box.told) for box in second.boxes()] == [(3, "")]
    assert second.cameras.all() == []
    second.close()
    with sqlite3.connect(path) as old:
        old.execute("DELETE FROM box")
        _back_to_version_2(old)
        _back_to_version_1(old)
    old.close()
    desk = Desk(path)
    desk.take("nonsense", b"x")
    found = list(desk.database._connection.execute("SELECT kind, count, last_utc_s FROM alarm"))
    assert found[0] == ("contract", 1, 5.0)
    assert len(found) == 2
    assert len(desk.database.boxes()) == 1
    desk.database.close()
