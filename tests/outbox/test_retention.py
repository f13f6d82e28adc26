from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from outbox_drafts import draft, open_outbox, single, stored, ulid, unset_clock

from edge_agent.clock import ClockQuality, ManualClock
from edge_agent.config import OutboxConfig
from edge_agent.contract import GapRange
from edge_agent.domain import Label, Phase
from edge_agent.outbox import AlarmKind, Outbox, OutboxReader, outbox_stat
from edge_agent.outbox.retention import SyncMarks

DAY_S = 86_400.0
KINDS = (
    (Label.PERSON, Phase.START),
    (Label.MOTION, Phase.UPDATE),
    (Label.PERSON, Phase.UPDATE),
    (Label.MOTION, Phase.END),
    (Label.PERSON, Phase.END),
)


def fill(outbox: Outbox, clock: ManualClock, rows: int) -> None:
    """Rows of all kinds in turn, each person event closed by its own end."""
    for _ in range(0, rows, 50):
        event = ulid()
        outbox.append([draft(clock, label, phase, event_id=event) for label, phase in KINDS * 10])


def kinds(folder: Path) -> Counter[tuple[str, str]]:
    return Counter({(one, two): n for one, two, n in outbox_stat(folder).by_kind})


def housekeep(outbox: Outbox, clock: ManualClock, minutes: int = 1) -> None:
    for _ in range(minutes):
        clock.advance(60.0)
        outbox.maintain()


def limits(max_mb: int, **options: float) -> OutboxConfig:
    return OutboxConfig(max_mb=max_mb, max_disk_frac=1.0, **options)


@pytest.mark.system
def test_ten_thousand_rows_are_shed_in_order_and_announced(tmp_path: Path) -> None:
    """11 MB of rows against quotas that leave room for fewer and fewer kinds."""
    clock, total = ManualClock(), 10_000
    with open_outbox(tmp_path, clock) as outbox:
        fill(outbox, clock, total)
        outbox.mark_sent(range(1, 2001))
    unsent = 8000 // len(KINDS)
    order = [("motion", "update"), ("motion", "end"), ("person", "update"), ("person", "start")]
    for max_mb in range(11, 3, -1):
        with open_outbox(tmp_path, clock, limits=limits(max_mb)) as outbox:
            housekeep(outbox, clock, minutes=12)
        left = kinds(tmp_path)
        if max_mb == 11:
            with OutboxReader(tmp_path) as reader:
                assert reader.gaps().gaps == (), "what the broker took goes first, silently"
            assert 8000 <= left.total() < total
        for first, later in itertools.combinations(order, 2):
            assert left[first] == 0 or left[later] >= unsent, (max_mb, left)
    assert set(kinds(tmp_path)) == {("person", "start"), ("person", "end")}
    with OutboxReader(tmp_path) as reader:
        gaps = [gap for gap in reader.gaps().gaps if gap.reason == "quota"]
    ranges = [(span.first, span.last) for gap in gaps for span in gap.ranges]
    missing = set(range(2001, total + 1)) - {row_id for row_id, _ in stored(tmp_path)}
    announced = {seq for first, last in ranges for seq in range(first, (last or 0) + 1)}
    assert announced == missing, "every hole is announced, and nothing else"
    assert sum(count for gap in gaps for _, count in gap.counts) == len(missing)
    assert all(len(gap.ranges) <= 1000 for gap in gaps)


def test_persons_survive_until_the_last_five_percent(tmp_path: Path) -> None:
    clock = ManualClock()
    with open_outbox(tmp_path, clock, limits=limits(1)) as outbox:
        outbox.append([single(clock) for _ in range(20)])
        for _ in range(60):
            outbox.append([single(clock, Label.MOTION) for _ in range(20)])
            assert outbox._store is not None
            assert outbox._store.pages.used_bytes() < 1_000_000
        assert [alarm.kind for alarm in outbox.take_alarms()] == [AlarmKind.SHEDDING]
        assert kinds(tmp_path)[("person", "end")] == 20
        for _ in range(80):
            outbox.append([single(clock) for _ in range(20)])
        assert outbox._store.pages.used_bytes() < 1_020_000
    left = kinds(tmp_path)
    assert left[("motion", "end")] == 0
    assert 0 < left[("person", "end")] < 1000
    first, _ = stored(tmp_path)[0]
    with OutboxReader(tmp_path) as reader:
        assert all(gap.ranges[-1].last < first for gap in reader.gaps().gaps), "oldest first"


def test_persons_use_the_whole_quota_before_one_is_shed(tmp_path: Path) -> None:
    clock = ManualClock()
    with (
        open_outbox(tmp_path, clock, limits=limits(1)) as outbox,
        OutboxReader(tmp_path) as reader,
    ):
        assert outbox._store is not None
        most_bytes = 0
        while not reader.gaps().gaps:
            most_bytes = outbox._store.pages.used_bytes()
            outbox.append([single(clock) for _ in range(5)])
        assert most_bytes > 980_000


def test_sent_rows_of_a_server_with_ackpos_are_not_shed_silently(tmp_path: Path) -> None:
    clock = ManualClock()
    with (
        open_outbox(tmp_path, clock, limits=limits(1)) as outbox,
        OutboxReader(tmp_path) as reader,
    ):
        rows = outbox.append([single(clock, Label.MOTION) for _ in range(20)])
        outbox.acknowledge(outbox.epoch, 1)
        outbox.mark_sent(row.row_id for row in rows)
        for _ in range(60):
            outbox.append([single(clock) for _ in range(20)])
        ranges = reader.gaps().gaps[0].ranges
        assert ranges[0] == GapRange(2, ranges[0].last)


def test_open_events_newest_row_is_never_shed(tmp_path: Path) -> None:
    clock = ManualClock()
    with open_outbox(tmp_path, clock, limits=limits(1)) as outbox:
        (row,) = outbox.append([draft(clock, Label.MOTION, Phase.START)])
        for _ in range(100):
            outbox.append([single(clock) for _ in range(20)])
        assert [event.last.row_id for event in outbox.open_events()] == [row.row_id]


def test_old_rows_are_shed_and_announced(tmp_path: Path) -> None:
    clock = ManualClock()
    with (
        open_outbox(tmp_path, clock, limits=limits(9, max_age_days=2)) as outbox,
        OutboxReader(tmp_path) as reader,
    ):
        outbox.append([single(clock)])
        clock.advance(DAY_S)
        outbox.append([single(clock)])
        housekeep(outbox, clock)
        assert len(stored(tmp_path)) == 2
        clock.advance(DAY_S + 60)
        housekeep(outbox, clock)
        assert [row_id for row_id, _ in stored(tmp_path)] == [2]
        (gap,) = reader.gaps().gaps
        assert (gap.reason, gap.ranges) == ("age", (GapRange(1, 1),))


def test_rows_of_1970_age_only_from_the_first_sync(tmp_path: Path) -> None:
    clock = unset_clock()
    with open_outbox(tmp_path, clock, limits=limits(9, max_age_days=2)) as outbox:
        outbox.append([single(clock)])
        housekeep(outbox, clock)
        clock.step_utc(1.8e9)
        clock.quality = ClockQuality.SYNCED
        housekeep(outbox, clock)
        assert len(stored(tmp_path)) == 1, "NTP must not make it 56 years old"
    later = ManualClock(utc_s=clock.read().utc_s + 1.9 * DAY_S)
    with open_outbox(tmp_path, later, limits=limits(9, max_age_days=2)) as outbox:
        housekeep(outbox, later)
        assert len(stored(tmp_path)) == 1
        later.advance(0.2 * DAY_S)
        housekeep(outbox, later)
        assert stored(tmp_path) == [], "and the first sync is remembered over a restart"


def test_nothing_ages_while_the_clock_is_unset(tmp_path: Path) -> None:
    clock = ManualClock()
    with open_outbox(tmp_path, clock, limits=limits(9, max_age_days=1)) as outbox:
        outbox.append([single(clock)])
        clock.advance(5 * DAY_S)
        clock.quality = ClockQuality.UNSET
        housekeep(outbox, clock)
        assert len(stored(tmp_path)) == 1


def test_gap_ranges_coalesce(tmp_path: Path) -> None:
    clock = ManualClock()
    with (
        open_outbox(tmp_path, clock) as outbox,
        OutboxReader(tmp_path) as reader,
    ):
        outbox.append([single(clock) for _ in range(9)])
        for row_id in (2, 4, 3, 7):
            outbox.refuse([row_id])
        (gap,) = reader.gaps().gaps
        assert gap.ranges == (GapRange(2, 4), GapRange(7, 7))
        assert gap.counts == ((Label.PERSON, 4),)


# --- a full disk ------------------------------------------------------------------------


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 1 MiB."""
    point = tmp_path / "tiny"
    point.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(point)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"mounts are not allowed here: {mounted.stderr.strip()}")
    yield point
    subprocess.run(["umount", str(point)], check=True)


def test_full_disk_sheds_what_matters_least_and_keeps_persons(tiny_disk: Path) -> None:
    clock = ManualClock()
    with open_outbox(tiny_disk, clock, limits=limits(256)) as outbox:
        accepted: list[str] = []
        ballast = tiny_disk / "somebody_elses_log"
        ballast.write_bytes(bytes(shutil.disk_usage(tiny_disk).free - 200_000))
        for _ in range(30):
            outbox.append([single(clock, Label.MOTION) for _ in range(4)])
            accepted += [row.message_id for row in outbox.append([single(clock)])]
            clock.advance(10.0)
            accepted += [row.message_id for row in outbox.maintain() if row.label == "person"]
        waiting = outbox.waiting
        assert {message for _, message in stored(tiny_disk)} >= set(accepted)
        ballast.unlink()
        clock.advance(60.0)
        outbox.maintain()
        assert (outbox.waiting, outbox.failing) == (0, False)
        assert len(outbox.append([single(clock)])) == 1
    ids = [row_id for row_id, _ in stored(tiny_disk)]
    with OutboxReader(tiny_disk) as reader:
        shed = {
            seq
            for gap in reader.gaps().gaps
            for span in gap.ranges
            for seq in range(span.first, (span.last or 0) + 1)
        }
    assert shed or waiting, "the disk was full indeed"
    assert set(ids) | shed == set(range(1, max(ids) + 1)), "no hole without a word"


def test_reserve_lets_a_person_in_when_not_a_byte_is_free(tiny_disk: Path) -> None:
    clock = ManualClock()
    with open_outbox(tiny_disk, clock) as outbox:
        outbox.append([single(clock, Label.MOTION) for _ in range(100)])
        assert outbox._store is not None
        outbox._store.pages.checkpoint()
        (tiny_disk / "ballast").write_bytes(bytes(shutil.disk_usage(tiny_disk).free))
        assert len(outbox.append([single(clock)])) == 1
        assert kinds(tiny_disk)[("motion", "end")] < 100


def test_disk_full_from_the_start_recovers(tiny_disk: Path) -> None:
    clock = ManualClock()
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(tiny_disk).free))
    with open_outbox(tiny_disk, clock) as outbox:
        assert outbox.append([single(clock)]) == ()
        assert outbox.failing
        ballast.unlink()
        clock.advance(60.0)
        (row,) = outbox.maintain()
        assert row.position.seq == 1


def test_more_syncs_than_are_remembered_make_rows_younger_never_older() -> None:
    marks = SyncMarks("[]")
    clock = ManualClock(utc_s=1000.0)
    for number in range(70):
        marks.note(10 * number + 10, 1, clock.read())
        clock.advance(100.0)
    assert len(msgspec.json.decode(marks.dump())) == 64
    assert marks.dated(1) == 1000.0, "the first sync is kept"
    assert marks.dated(15) == 1000.0 + 700.0, "the mark of the second is gone: it counts as younger"
    assert marks.dated(700) == 1000.0 + 6900.0
    assert marks.dated(701) is None
    assert SyncMarks(marks.dump()).dated(15) == marks.dated(15)
