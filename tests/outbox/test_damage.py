"""Damage that SQLite does not see: nothing accepted is lost without a word."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from damaged_outbox import Accepted, fill, later, missing, told_after, trial
from outbox_drafts import draft, open_outbox, single

from edge_agent.clock import ManualClock
from edge_agent.contract import GapRange
from edge_agent.domain import CameraId, Phase
from edge_agent.errors import StorageError
from edge_agent.outbox import AlarmKind, OutboxReader, outbox_stat
from edge_agent.outbox.marks import Marks
from edge_agent.outbox.schema import _MIGRATIONS
from edge_agent.recorders.ledger import LedgerReader


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Accepted]:
    folder = tmp_path_factory.mktemp("filled")
    return folder, fill(folder, ManualClock())


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def test_an_outbox_without_damage_tells_all_that_it_owes(
    filled: tuple[Path, Accepted], tmp_path: Path
) -> None:
    source, owed = filled
    shutil.copytree(source, tmp_path / "copy")
    told, gaps = told_after(tmp_path / "copy", later())
    assert missing(owed, told, gaps) == []
    whole = sum(told.get(row.message_id) == row.payload for row in owed.rows)
    assert whole == len(owed.rows) - 1, "but for the one that was refused"
    assert {gap.reason for gap in gaps} == {"refused", "rewound"}


@pytest.mark.parametrize("seed", range(10))
def test_random_damage_costs_nothing_without_a_word(
    filled: tuple[Path, Accepted], tmp_path: Path, seed: int
) -> None:
    assert trial(*filled, tmp_path / "copy", seed) == []


@pytest.mark.system
def test_three_hundred_random_damages_cost_nothing_without_a_word(
    filled: tuple[Path, Accepted], tmp_path: Path
) -> None:
    wrong = [each for seed in range(300) for each in trial(*filled, tmp_path / "copy", seed)]
    assert wrong == []


def spoil(folder: Path, sql: str, *values: object) -> None:
    with sqlite3.connect(folder / "outbox.db") as database:
        assert database.execute(sql, values).rowcount
    database.close()


@pytest.mark.parametrize(
    "change",
    [
        "payload = CAST(replace(CAST(payload AS TEXT), '.', '-') AS BLOB)",
        "label = CAST(x'706572736fff' AS TEXT)",
        "phase = 'started'",
        "topic = topic || 'x'",
        "event_row = 'one'",
        "crc = crc + 1",
        "crc = NULL",
        "live = 0",
    ],
)
def test_a_damaged_row_is_put_aside_and_announced_and_the_rest_goes_on(
    tmp_path: Path, change: str
) -> None:
    clock = ManualClock()
    with open_outbox(tmp_path, clock) as outbox:
        rows = outbox.append([single(clock) for _ in range(5)])
        epoch = outbox.epoch
    spoil(tmp_path, f"UPDATE row SET {change} WHERE row_id = 3")
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        assert outbox.epoch == epoch
        assert reader.undelivered(0, 10) == (*rows[:2], *rows[3:])
        (gap,) = reader.gaps().gaps
        assert (gap.reason, gap.ranges) == ("corrupt", (GapRange(3, 3),))
        assert AlarmKind.DAMAGED_ROWS in [alarm.kind for alarm in outbox.take_alarms()]
        assert outbox_stat(tmp_path).damaged == 1
        (row,) = outbox.append([single(clock)])
        assert row.position.seq == 6


def test_rows_that_vanished_are_announced(tmp_path: Path) -> None:
    clock = ManualClock()
    with open_outbox(tmp_path, clock) as outbox:
        outbox.append([single(clock) for _ in range(9)])
    spoil(tmp_path, "DELETE FROM row WHERE row_id IN (1, 4, 5)")
    spoil(tmp_path, "UPDATE row SET row_id = 4 WHERE row_id = 7")
    with open_outbox(tmp_path, clock), OutboxReader(tmp_path) as reader:
        (gap,) = reader.gaps().gaps
        assert gap.ranges == (GapRange(1, 1), GapRange(4, 5), GapRange(7, 7))


@pytest.mark.parametrize("jumped_to", [7, 2**60])
def test_a_last_number_that_jumped_is_not_gone_on_with(tmp_path: Path, jumped_to: int) -> None:
    clock = ManualClock()
    with open_outbox(tmp_path, clock) as outbox:
        outbox.append([single(clock) for _ in range(5)])
        old = outbox.epoch
    spoil(tmp_path, "UPDATE row SET row_id = ? WHERE row_id = 5", jumped_to)
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        (row,) = outbox.append([single(clock)])
        assert (row.position.seq, outbox.epoch != old) == (1, True)
        gaps = [(gap.epoch, gap.ranges) for gap in reader.gaps().gaps]
        assert gaps == [(old, (GapRange(5, None),))]


@pytest.mark.parametrize("name", [name for name in Marks.__slots__ if name != "acked_row"])
@pytest.mark.parametrize("value", ["1-O", "[1,", "[[1]]", "1x", 7, 2**62, None, b"\xff"])
def test_a_damaged_mark_begins_a_new_epoch(tmp_path: Path, name: str, value: object) -> None:
    clock = ManualClock()
    with open_outbox(tmp_path, clock) as outbox:
        outbox.append([single(clock) for _ in range(3)])
        outbox.mark_sent([1])
        old = outbox.epoch
        outbox.flush()
    spoil(tmp_path, "INSERT OR REPLACE INTO meta VALUES(?, ?)", name, value)
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        for _ in range(20):
            clock.advance(60.0)
            assert len(outbox.append([single(clock)])) == 1
            outbox.maintain()
        assert (outbox.epoch != old, outbox.waiting) == (True, 0)
        (gap,) = reader.gaps().gaps
        assert (gap.epoch, gap.ranges) == (old, (GapRange(1, None),))


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE epoch SET id = 'nonsense'",
        "UPDATE epoch SET base = 2",
        "DELETE FROM epoch",
        "UPDATE gap SET last = 2",
        "UPDATE gap SET epoch = 'x'",
        "DELETE FROM meta WHERE key = 'crc'",
    ],
)
def test_damaged_bookkeeping_begins_a_new_epoch(tmp_path: Path, sql: str) -> None:
    clock = ManualClock()
    with open_outbox(tmp_path, clock) as outbox:
        rows = outbox.append([single(clock) for _ in range(3)])
        outbox.refuse([rows[0].row_id])
        old = outbox.epoch
    spoil(tmp_path, sql)
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        assert outbox.epoch != old
        assert [gap.epoch for gap in reader.gaps().gaps] == [old]


def test_every_epoch_that_still_had_something_to_tell_is_announced(tmp_path: Path) -> None:
    clock = ManualClock()
    with open_outbox(tmp_path, clock) as outbox:
        outbox.append([single(clock)])
        first = outbox.epoch
        outbox.acknowledge(first, 10**6)
        second = outbox.epoch
        outbox.append([single(clock)])
    (tmp_path / "outbox.db").write_bytes(b"\xa5" * 5000)
    with open_outbox(tmp_path, clock), OutboxReader(tmp_path) as reader:
        told = {gap.epoch: gap.ranges for gap in reader.gaps().gaps}
        assert told == dict.fromkeys((first, second), (GapRange(1, None),))


def test_damage_that_a_reader_meets_is_put_aside_while_running(tmp_path: Path) -> None:
    clock = ManualClock()
    met: list[tuple[int, ...]] = []
    with (
        open_outbox(tmp_path, clock) as outbox,
        OutboxReader(tmp_path, damaged=lambda ids: met.append(tuple(ids))) as reader,
    ):
        rows = outbox.append([single(clock) for _ in range(5)])
        spoil(tmp_path, "UPDATE row SET payload = x'00' WHERE row_id IN (2, 3)")
        assert reader.undelivered(0, 2) == (rows[0], rows[3]), "a full batch all the same"
        assert met == [(2, 3)]
        outbox.damaged(met.pop())
        (gap,) = reader.gaps().gaps
        assert gap.ranges == (GapRange(2, 3),)
        outbox.damaged((1, 4))
        assert reader.gaps().gaps == (gap,), "what is sound stays"


def test_bookkeeping_that_is_damaged_while_running_begins_a_new_epoch(tmp_path: Path) -> None:
    clock = ManualClock()
    met: list[tuple[int, ...]] = []
    with (
        open_outbox(tmp_path, clock) as outbox,
        OutboxReader(tmp_path, damaged=lambda ids: met.append(tuple(ids))) as reader,
    ):
        outbox.append([single(clock)])
        old = outbox.epoch
        spoil(tmp_path, "UPDATE meta SET value = 99 WHERE key = 'last_row'")
        with pytest.raises(StorageError):
            reader.head()
        assert met == [()]
        outbox.damaged(met.pop())
        (row,) = outbox.append([single(clock)])
        assert reader.head().epoch == row.position.epoch != old
        assert [gap.epoch for gap in reader.gaps().gaps] == [old]


def test_a_card_that_damages_every_file_gets_no_more_of_them_for_a_while(tmp_path: Path) -> None:
    clock = ManualClock()
    with open_outbox(tmp_path, clock) as outbox:
        for _ in range(3):
            outbox.append([single(clock)])
            spoil(tmp_path, "DELETE FROM epoch")
            outbox.damaged(())
        assert not outbox.failing
        outbox.append([single(clock)])
        spoil(tmp_path, "DELETE FROM epoch")
        outbox.damaged(())
        assert outbox.failing
        outbox.append([single(clock)])
        assert outbox.waiting == 1
        clock.advance(700.0)
        assert len(outbox.maintain()) == 1
        assert (outbox.waiting, outbox.failing) == (0, False)


def test_a_card_that_was_restored_before_its_first_event_begins_a_fresh_epoch(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    open_outbox(tmp_path, clock).close()
    for _ in range(3):
        with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
            old = outbox.epoch
            outbox.acknowledge(old, 2**53 - 1)
            (row,) = outbox.append([single(clock)])
            assert (row.position.seq, row.position.epoch != old) == (1, True)
            assert (old, (GapRange(1, None),)) in [
                (gap.epoch, gap.ranges) for gap in reader.gaps().gaps
            ]
            outbox.acknowledge(outbox.epoch, 1)
            outbox.flush()
            outbox.acknowledge(outbox.epoch, 2)
            assert reader.rows_between(old, 2**52, 2**53 - 1, 5) == ()


# --- databases of earlier agents --------------------------------------------------------


def of_version_2(folder: Path, spoil: Callable[[sqlite3.Connection], None] | None = None) -> None:
    """As an agent without checksums left it: three rows, one sent, one gap, a clip."""
    with sqlite3.connect(folder / "outbox.db") as old:
        for statement in [one for step in _MIGRATIONS[:2] for one in step]:
            old.execute(statement)
        old.execute("INSERT INTO epoch VALUES(0, '01KAQZ0000ZZ5Y0T7M2N9R6XBC')")
        for row_id in (2, 3, 4):
            values = (row_id, row_id, f"m{row_id}", f"e{row_id}", "yard", "person", "end")
            more = (1, 1_790_000_000_000, "synced", "ea/v1/w/b/ev/yard/person", b"payload")
            old.execute(f"INSERT INTO row VALUES({', '.join('?' * 12)})", (*values, *more))
        old.execute(
            "INSERT INTO gap VALUES(1, '01KAQZ0000ZZ5Y0T7M2N9R6XBC', 'quota', 1, 1, 1, 0, 0)"
        )
        for key, value in (("sent", "2-2"), ("gap_revision", 1), ("last_row", 4)):
            old.execute("INSERT INTO meta VALUES(?, ?)", (key, value))
        old.execute(
            "INSERT INTO clip VALUES(7, 'yard', 1, x'00', 'video', 1.0, 2.0, 'template', 0.0, 1.0,"
            " 0, x'2f61', 1, 1.0, 'waiting', '', 0, x'90')"
        )
        if spoil is not None:
            spoil(old)
        old.execute("PRAGMA user_version=2")
    old.close()


def test_an_outbox_without_checksums_is_upgraded_in_place(tmp_path: Path) -> None:
    of_version_2(tmp_path)
    clock = ManualClock()
    with (
        open_outbox(tmp_path, clock) as outbox,
        OutboxReader(tmp_path) as reader,
        LedgerReader(tmp_path) as looker,
    ):
        assert outbox.epoch == "01KAQZ0000ZZ5Y0T7M2N9R6XBC"
        assert [row.row_id for row in reader.undelivered(0, 10)] == [3, 4]
        (gap,) = reader.gaps().gaps
        assert gap.ranges == (GapRange(1, 1),)
        assert looker.newest_run(CameraId("yard")) == (7,)
        (row,) = outbox.append([single(clock)])
        assert row.position.seq == 5
        assert not outbox.take_alarms()
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        assert [row.row_id for row in reader.undelivered(0, 10)] == [3, 4, 5]


def test_what_was_damaged_before_the_upgrade_is_put_aside_too(tmp_path: Path) -> None:
    of_version_2(
        tmp_path, lambda old: old.execute("UPDATE row SET label = x'ff' WHERE row_id = 3") and None
    )
    with open_outbox(tmp_path, ManualClock()), OutboxReader(tmp_path) as reader:
        assert [row.row_id for row in reader.undelivered(0, 10)] == [4]
        assert GapRange(3, 3) in [span for gap in reader.gaps().gaps for span in gap.ranges]


def test_bookkeeping_that_was_damaged_before_the_upgrade_begins_a_new_epoch(tmp_path: Path) -> None:
    of_version_2(tmp_path, lambda old: old.execute("UPDATE meta SET value = 'x-y'") and None)
    with open_outbox(tmp_path, ManualClock()) as outbox:
        assert outbox.epoch != "01KAQZ0000ZZ5Y0T7M2N9R6XBC"


@pytest.mark.parametrize("version", [0, 1, 2, 2**31 - 1, -5])
def test_a_version_that_no_agent_wrote_is_damage(tmp_path: Path, version: int) -> None:
    clock = ManualClock()
    with open_outbox(tmp_path, clock) as outbox:
        outbox.append([draft(clock, phase=Phase.START)])
    spoil_version = f"PRAGMA user_version={version}"
    with sqlite3.connect(tmp_path / "outbox.db") as database:
        database.execute(spoil_version)
    database.close()
    with open_outbox(tmp_path, clock) as outbox:
        assert len(outbox.append([single(clock)])) == 1


def test_a_file_too_large_to_be_read_at_the_start_is_read_through_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.outbox.store_opening._CHECK_BELOW_BYTES", 0)
    monkeypatch.setattr("edge_agent.outbox.store._LOOKED_AT_ONCE", 2)
    clock = ManualClock()
    with open_outbox(tmp_path, clock) as outbox:
        outbox.append([single(clock) for _ in range(7)])
    spoil(tmp_path, "UPDATE row SET payload = x'7b7d' WHERE row_id IN (2, 7)")
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        told = []
        for _ in range(4):
            assert outbox.take_alarms() == ()
            clock.advance(61.0)
            outbox.maintain()
            told.append([gap.ranges for gap in reader.gaps().gaps])
            outbox.take_alarms()
        second, last = GapRange(2, 2), GapRange(7, 7)
        assert told == [[(second,)], [(second,)], [(second,)], [(second, last)]]
        assert [row.row_id for row in reader.undelivered(0, 10)] == [1, 3, 4, 5, 6]
        spoil(tmp_path, "UPDATE row SET payload = x'7b7d' WHERE row_id = 1")
        clock.advance(61.0)
        outbox.maintain()
        assert reader.gaps().gaps[0].ranges == (GapRange(1, 2), last), "and begins again"
