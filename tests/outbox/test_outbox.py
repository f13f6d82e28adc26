from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from outbox_drafts import Dispatch, draft, open_outbox, single, stored, ulid

from edge_agent.clock import ManualClock
from edge_agent.config import OutboxConfig
from edge_agent.contract import Gap, GapRange, Unsequenced
from edge_agent.domain import Label, Phase
from edge_agent.errors import (
    EXIT_CONFIG,
    ContractError,
    StateDirLocked,
    StateOfNewerAgent,
    StorageError,
)
from edge_agent.outbox import AckOutcome, AlarmKind, OutboxReader, outbox_stat
from edge_agent.outbox.retention import quota_of
from edge_agent.outbox.spill import CAPACITY


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(mono_s=1000.0)


def test_seq_is_gapless_and_the_payload_knows_it(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        rows = [*outbox.append([single(clock) for _ in range(3)]), *outbox.append([single(clock)])]
        assert [row.position.seq for row in rows] == [1, 2, 3, 4]
        assert {row.position.epoch for row in rows} == {outbox.epoch}
        for row in rows:
            expected = f"{outbox.epoch} {row.position.seq} {row.message_id} "
            assert row.payload.startswith(expected.encode())


def test_counter_survives_an_empty_table_and_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        epoch = outbox.epoch
        outbox.append([single(clock) for _ in range(5)])
        assert outbox.acknowledge(epoch, 5) is AckOutcome.ADVANCED
        outbox.flush()
        assert (outbox.first_seq, outbox.last_seq) == (6, 5)
    assert stored(tmp_path) == []
    with open_outbox(tmp_path, clock) as outbox:
        assert outbox.epoch == epoch
        assert [row.position.seq for row in outbox.append([single(clock)])] == [6]


def test_rows_come_back_with_the_same_bytes_after_a_restart(
    tmp_path: Path, clock: ManualClock
) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        rows = outbox.append([single(clock), single(clock, Label.MOTION)])
    with open_outbox(tmp_path, clock), OutboxReader(tmp_path) as reader:
        assert reader.undelivered(0, 10) == rows


def test_puback_moves_to_sent_and_only_the_watermark_deletes(
    tmp_path: Path, clock: ManualClock
) -> None:
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        rows = outbox.append([single(clock) for _ in range(4)])
        outbox.mark_sent([rows[0].row_id, rows[1].row_id])
        outbox.flush()
        assert [row.position.seq for row in reader.undelivered(0, 10)] == [3, 4]
        assert len(stored(tmp_path)) == 4
        outbox.acknowledge(outbox.epoch, 1)
        outbox.flush()
        assert [row_id for row_id, _ in stored(tmp_path)] == [2, 3, 4]
        resend = reader.undelivered(0, 10, resend=True)
        assert [row.position.seq for row in resend] == [2, 3, 4]
        assert reader.head().watermark == 1


def test_all_above_the_watermark_is_sent_again_and_of_older_epochs_what_never_went(
    tmp_path: Path, clock: ManualClock
) -> None:
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        old = outbox.append([single(clock) for _ in range(3)])
        outbox.mark_sent([old[0].row_id, old[1].row_id])
        outbox.acknowledge(outbox.epoch, 99)
        new = outbox.append([single(clock) for _ in range(3)])
        outbox.mark_sent([row.row_id for row in new])
        outbox.acknowledge(outbox.epoch, 0)
        outbox.flush()
        assert reader.undelivered(0, 10) == (old[2],)
        assert reader.undelivered(0, 10, resend=True) == (old[2], *new)
        assert reader.undelivered(new[0].row_id, 10, resend=True) == new[1:]


def test_sent_is_remembered_over_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        rows = outbox.append([single(clock) for _ in range(3)])
        outbox.mark_sent([rows[1].row_id])
    with open_outbox(tmp_path, clock), OutboxReader(tmp_path) as reader:
        assert [row.position.seq for row in reader.undelivered(0, 10)] == [1, 3]
        assert reader.backlog() == 2


@pytest.mark.parametrize(
    ("own_epoch", "seq", "outcome"),
    [
        (True, 3, AckOutcome.ADVANCED),
        (True, 2, AckOutcome.IGNORED),
        (True, 1, AckOutcome.IGNORED),
        (False, 3, AckOutcome.IGNORED),
        (False, 99, AckOutcome.IGNORED),
    ],
)
def test_ackpos_of_another_epoch_or_lower_is_ignored(
    tmp_path: Path, clock: ManualClock, own_epoch: bool, seq: int, outcome: AckOutcome
) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        outbox.append([single(clock) for _ in range(4)])
        outbox.acknowledge(outbox.epoch, 2)
        assert outbox.acknowledge(outbox.epoch if own_epoch else ulid(), seq) is outcome
        outbox.flush()
        kept = [3, 4] if outcome is AckOutcome.IGNORED else [4]
        assert [row_id for row_id, _ in stored(tmp_path)] == kept


def test_ackpos_ahead_begins_an_epoch_and_deletes_nothing(
    tmp_path: Path, clock: ManualClock
) -> None:
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        old = outbox.epoch
        before = outbox.append([single(clock), single(clock)])
        assert outbox.acknowledge(old, 7) is AckOutcome.AHEAD
        assert outbox.epoch != old
        (alarm,) = outbox.take_alarms()
        assert alarm.kind is AlarmKind.REWOUND
        assert f"the server knows seq 7 of {old}, this box only 2:" in alarm.text
        assert reader.gaps().gaps == (Gap(old, "rewound", (GapRange(3, None),)),)
        (new,) = outbox.append([single(clock)])
        assert (new.position.epoch, new.position.seq) == (outbox.epoch, 1)
        assert reader.undelivered(0, 10) == (*before, new)
        assert outbox.acknowledge(old, 7) is AckOutcome.IGNORED, "the retained ackpos comes again"
        assert outbox.acknowledge(outbox.epoch, 1) is AckOutcome.ADVANCED
        outbox.flush()
        assert reader.undelivered(0, 10) == before
        assert reader.rows_between(old, 1, 9, 10) == before
    with open_outbox(tmp_path, clock) as outbox:
        assert outbox.epoch == new.position.epoch
        assert outbox.append([single(clock)])[0].position.seq == 2
        outbox.acknowledge(outbox.epoch, 9)
        assert "this box only 2:" in outbox.take_alarms()[-1].text


def test_lost_epoch_is_announced_until_something_sent_after_it_is_acknowledged(
    tmp_path: Path, clock: ManualClock
) -> None:
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        outbox.append([single(clock)])
        outbox.acknowledge(outbox.epoch, 5)
        outbox.append([single(clock)])
        outbox.acknowledge(outbox.epoch, 1)
        outbox.flush()
        assert reader.gaps().gaps, "not announced yet"
        outbox.gaps_announced(reader.gaps().revision)
        outbox.flush()
        assert reader.gaps().gaps, "the watermark is older than the announcement"
        outbox.append([single(clock)])
        outbox.acknowledge(outbox.epoch, 2)
        outbox.flush()
        assert not reader.gaps().gaps


def test_second_instance_is_refused_by_pid_and_may_come_later(
    tmp_path: Path, clock: ManualClock
) -> None:
    with open_outbox(tmp_path, clock):
        with pytest.raises(StateDirLocked, match=rf"pid {os.getpid()}\)"):
            open_outbox(tmp_path, clock)
        assert outbox_stat(tmp_path).head.last_seq == 0
    open_outbox(tmp_path, clock).close()


def test_missing_state_directory_is_an_error(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(StorageError, match="nowhere"):
        open_outbox(tmp_path / "nowhere", clock)


def test_open_live_events_are_found_even_when_their_rows_were_acknowledged(
    tmp_path: Path, clock: ManualClock
) -> None:
    stays, ends, recorded = ulid(), ulid(), ulid()
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        outbox.append(
            [
                draft(clock, event_id=stays),
                draft(clock, event_id=ends),
                draft(clock, event_id=recorded, live=False),
                draft(clock, Label.PERSON, Phase.UPDATE, event_id=stays),
                draft(clock, Label.PERSON, Phase.END, event_id=ends),
            ]
        )
        outbox.acknowledge(outbox.epoch, 5)
        outbox.flush()
        assert [row_id for row_id, _ in stored(tmp_path)] == [4]
        assert reader.undelivered(0, 10, resend=True) == ()
        assert (outbox.first_seq, outbox.last_seq) == (6, 5)
    with open_outbox(tmp_path, clock) as outbox:
        (found,) = outbox.open_events()
        assert (found.event_id, found.last.position.seq) == (stays, 4)
        outbox.append([draft(clock, Label.PERSON, Phase.END, event_id=stays)])
        outbox.acknowledge(outbox.epoch, 6)
        outbox.flush()
        outbox.flush()
        assert outbox.open_events() == ()
    assert stored(tmp_path) == []


def test_earlier_rows_of_the_event_are_promoted_with_it(tmp_path: Path, clock: ManualClock) -> None:
    event = ulid()
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        (first,) = outbox.append([draft(clock, event_id=event)])
        outbox.append([single(clock)])
        sent, second, end = outbox.append(
            [
                draft(clock, Label.PERSON, Phase.UPDATE, event_id=event),
                draft(clock, Label.PERSON, Phase.UPDATE, event_id=event),
                draft(clock, Label.PERSON, Phase.END, event_id=event),
            ]
        )
        reader.note_sent([sent.row_id])
        assert reader.earlier_rows(end) == (first, second)
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        assert reader.earlier_rows(end) == (first, sent, second), "unpersisted marks cost a resend"


def test_live_lane_is_what_came_after_the_connection(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        old = outbox.append([single(clock) for _ in range(5)])
        connected = reader.head().last_row_id
        live = outbox.append([single(clock)])
        assert reader.undelivered(connected, 10) == live
        assert reader.undelivered(0, 3, up_to_row=connected) == old[:3]
        assert reader.undelivered(old[2].row_id, 10, up_to_row=connected) == old[3:]


def test_reader_holds_no_transaction(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        outbox.append([single(clock)])
        reader.undelivered(0, 10)
        database = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
        try:
            busy, *_ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            database.close()
        assert busy == 0


@pytest.mark.parametrize(
    "code",
    [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN],
)
def test_failing_storage_keeps_drafts_in_memory_and_recovers(
    tmp_path: Path, clock: ManualClock, code: int
) -> None:
    disk = Dispatch()
    with open_outbox(tmp_path, clock, connect=disk) as outbox:
        outbox.append([single(clock)])
        disk.error_code = code
        if code == sqlite3.SQLITE_CANTOPEN:
            outbox._keeper.close_store()
        drafts = [single(clock), single(clock)]
        assert outbox.append(drafts) == ()
        assert (outbox.waiting, outbox.failing) == (2, True)
        disk.error_code = None
        assert outbox.append([]) == (), "not tried again at once"
        assert outbox.next_deadline_s() == clock.mono_s() + 5.0
        clock.advance(5.0)
        rows = outbox.maintain()
        assert [(row.message_id, row.position.seq) for row in rows] == [
            (drafts[0].message_id, 2),
            (drafts[1].message_id, 3),
        ]
        kinds = [alarm.kind for alarm in outbox.take_alarms()]
        assert kinds == [AlarmKind.STORAGE, AlarmKind.STORAGE_CLEARED]
        assert not outbox.failing


def test_marks_that_cannot_be_stored_are_tried_again_without_haste(
    tmp_path: Path, clock: ManualClock
) -> None:
    disk = Dispatch()
    with open_outbox(tmp_path, clock, connect=disk) as outbox:
        rows = outbox.append([single(clock)])
        outbox.mark_sent([rows[0].row_id])
        outbox.acknowledge(outbox.epoch, 1)
        disk.error_code = sqlite3.SQLITE_FULL
        for _ in range(3):
            clock.advance(61.0)
            outbox.maintain()
            assert outbox.next_deadline_s() == clock.mono_s() + 5.0
            assert outbox.failing
        assert [alarm.kind for alarm in outbox.take_alarms()] == [AlarmKind.STORAGE]
        disk.error_code = None
        clock.advance(5.0)
        outbox.maintain()
        assert not outbox.failing
        assert stored(tmp_path) == []


def test_what_memory_cannot_hold_is_counted_and_announced(
    tmp_path: Path, clock: ManualClock
) -> None:
    disk = Dispatch()
    with (
        open_outbox(tmp_path, clock, connect=disk) as outbox,
        OutboxReader(tmp_path) as reader,
    ):
        outbox.append([single(clock)])
        disk.error_code = sqlite3.SQLITE_IOERR
        first_utc_s = clock.read().utc_s
        for _ in range(CAPACITY + 3):
            outbox.append([single(clock)])
            clock.advance(1.0)
        disk.error_code = None
        clock.advance(5.0)
        rows = outbox.maintain()
        assert [row.position.seq for row in rows] == list(range(2, CAPACITY + 2))
        gap = Gap(
            outbox.epoch, "storage", unsequenced=Unsequenced(3, first_utc_s, first_utc_s + 2.0)
        )
        assert reader.gaps().gaps == (gap,)
        outbox.gaps_announced(reader.gaps().revision)
        outbox.append([single(clock)])
        outbox.acknowledge(outbox.epoch, outbox.last_seq)
        outbox.flush()
        assert reader.gaps().gaps == ()


def test_draft_that_cannot_be_encoded_holds_up_nobody(tmp_path: Path, clock: ManualClock) -> None:
    def refuse(position: object) -> tuple[str, bytes]:
        raise ContractError("too odd")

    import dataclasses

    odd = dataclasses.replace(single(clock), encode=refuse)
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        rows = outbox.append([single(clock), odd, single(clock)])
        assert [row.position.seq for row in rows] == [1, 2]
        assert [alarm.kind for alarm in outbox.take_alarms()] == [AlarmKind.UNENCODABLE]
        assert reader.gaps().gaps[0].unsequenced is not None


@pytest.mark.parametrize("damage", ["header", "pages", "empty", "gone"])
def test_damaged_file_is_put_aside_and_announced(
    tmp_path: Path, clock: ManualClock, damage: str
) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        old = outbox.epoch
        outbox.append([single(clock) for _ in range(200)])
    path = tmp_path / "outbox.db"
    if damage == "gone":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        content = bytearray(path.read_bytes())
        start = 0 if damage == "header" else 8192
        content[start : start + 20_000] = os.urandom(20_000)
        path.write_bytes(content)
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        assert outbox.epoch != old
        assert outbox.append([single(clock)])[0].position.seq == 1
        assert reader.gaps().gaps == (Gap(old, "corrupt", (GapRange(1, None),)),)
        assert AlarmKind.CORRUPT in {alarm.kind for alarm in outbox.take_alarms()}
    assert (tmp_path / "outbox.db.corrupt").exists() == (damage in ("header", "pages"))


def test_damage_met_while_running_begins_a_new_epoch_and_loses_no_draft(
    tmp_path: Path, clock: ManualClock
) -> None:
    disk = Dispatch()
    with (
        open_outbox(tmp_path, clock, connect=disk) as outbox,
        OutboxReader(tmp_path) as reader,
    ):
        old = outbox.epoch
        outbox.append([single(clock) for _ in range(3)])
        assert reader.head().last_row_id == 3
        disk.error_code = sqlite3.SQLITE_CORRUPT
        real = outbox._keeper._set_aside

        def heal(reason: str) -> None:
            disk.error_code = None
            real(reason)

        outbox._keeper._set_aside = heal  # type: ignore[method-assign]
        (row,) = outbox.append([single(clock)])
        assert (row.position.seq, row.row_id) == (1, 4), "row ids go on for the publisher"
        assert outbox.epoch != old
        assert reader.undelivered(3, 10) == (row,), "the reader follows to the new file"
        assert reader.gaps().gaps == (Gap(old, "corrupt", (GapRange(1, None),)),)


def test_file_of_a_newer_agent_is_left_alone(tmp_path: Path, clock: ManualClock) -> None:
    open_outbox(tmp_path, clock).close()
    database = sqlite3.connect(tmp_path / "outbox.db")
    database.execute("PRAGMA user_version=99")
    database.close()
    for _ in range(2):
        with pytest.raises(StateOfNewerAgent, match="newer") as refused:
            open_outbox(tmp_path, clock)
        assert refused.value.exit_code == EXIT_CONFIG, "systemd does not start it again and again"


def test_pragmas_are_those_that_survive_a_power_cut(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        assert outbox._store is not None
        database = outbox._store._database
        assert database.value("PRAGMA journal_mode") == "wal"
        assert database.value("PRAGMA synchronous") == 2
        assert database.value("PRAGMA auto_vacuum") == 2
        assert database.value("PRAGMA journal_size_limit") == 4_000_000


_WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from outbox_drafts import open_outbox, single
from edge_agent.clock import ManualClock
clock = ManualClock()
outbox = open_outbox(Path(sys.argv[1]), clock)
while True:
    rows = outbox.append([single(clock) for _ in range(3)])
    sys.stdout.write("".join(f"{r.position.seq} {r.message_id}\\n" for r in rows))
    sys.stdout.flush()
"""


def test_kill_in_the_middle_of_appends_loses_nothing_returned(tmp_path: Path) -> None:
    clock, returned = ManualClock(), []
    for _ in range(3):
        writer = subprocess.Popen(
            [
                sys.executable,
                "-c",
                _WRITER,
                str(tmp_path),
                str(Path(__file__).parents[1] / "helpers"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(40)]
        writer.kill()
        rest, _ = writer.communicate()
        whole = "".join(lines) + rest[: rest.rfind("\n") + 1]
        returned += [tuple(line.split()) for line in whole.splitlines()]
        found = [(str(seq), message_id) for seq, message_id in stored(tmp_path)]
        assert set(returned) <= set(found)
        assert [int(seq) for seq, _ in found] == list(range(1, len(found) + 1))
    with open_outbox(tmp_path, clock) as outbox:
        assert outbox.append([single(clock)])[0].position.seq == len(found) + 1


def test_stat_reads_while_the_agent_runs_and_afterwards(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        rows = outbox.append([draft(clock), single(clock, Label.MOTION), single(clock)])
        outbox.mark_sent([rows[1].row_id])
        outbox.flush()
        running = outbox_stat(tmp_path)
    stat = outbox_stat(tmp_path)
    assert (running.head, running.by_kind) == (stat.head, stat.by_kind)
    assert (stat.head.first_seq, stat.head.last_seq, stat.head.watermark) == (1, 3, None)
    assert (stat.unsent, stat.sent, stat.open_events) == (2, 1, 1)
    assert stat.by_kind == (("motion", "end", 1), ("person", "end", 1), ("person", "start", 1))
    assert stat.payload_bytes == 2700
    assert stat.oldest_utc_s == clock.read().utc_s
    with pytest.raises(StorageError):
        outbox_stat(tmp_path / "nothing")


def test_refused_rows_become_a_gap(tmp_path: Path, clock: ManualClock) -> None:
    with open_outbox(tmp_path, clock) as outbox, OutboxReader(tmp_path) as reader:
        rows = outbox.append([single(clock) for _ in range(3)])
        outbox.refuse([rows[1].row_id])
        assert reader.undelivered(0, 10) == (rows[0], rows[2])
        gap = Gap(outbox.epoch, "refused", (GapRange(2, 2),), ((Label.PERSON, 1),))
        assert reader.gaps().gaps == (gap,)
        outbox.acknowledge(outbox.epoch, 3)
        outbox.flush()
        assert reader.gaps().gaps == (), "the watermark passed it"


def test_limits_come_from_the_configuration(tmp_path: Path, clock: ManualClock) -> None:
    limits = OutboxConfig(max_mb=1, max_disk_frac=1.0)
    with open_outbox(tmp_path, clock, limits=limits) as outbox:
        assert outbox._quota_bytes == 1_000_000


@pytest.mark.parametrize(
    ("disk_bytes", "quota_bytes"),
    [(10**12, 50_000_000), (400_000_000, 40_000_000), (1_000_000, 256 * 1024)],
)
def test_the_quota_is_a_share_of_a_small_disk_but_never_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk_bytes: int, quota_bytes: int
) -> None:
    disk = SimpleNamespace(f_blocks=disk_bytes // 1000, f_frsize=1000)
    monkeypatch.setattr("edge_agent.outbox.retention.os.statvfs", lambda _: disk)
    assert quota_of(tmp_path, OutboxConfig(max_mb=50, max_disk_frac=0.1)) == quota_bytes


def test_card_that_spoils_file_after_file_gets_no_more_of_them_for_ten_minutes(
    tmp_path: Path, clock: ManualClock
) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        spoil = outbox._keeper._set_aside
        for _ in range(3):
            spoil("spoilt")
            clock.advance(10.0)
        for pause_s in (0.0, 560.0):
            clock.advance(pause_s)
            with pytest.raises(StorageError, match="change the card"):
                spoil("spoilt")
        clock.advance(11.0)  # the first of the three is so long ago, the second is not
        spoil("spoilt")
        with pytest.raises(StorageError, match="change the card"):
            spoil("spoilt")


def test_server_that_has_nothing_of_an_epoch_but_its_beginning_may_still_be_ahead(
    tmp_path: Path, clock: ManualClock
) -> None:
    with open_outbox(tmp_path, clock) as outbox:
        old = outbox.epoch
        assert outbox.acknowledge(old, 0) is AckOutcome.ADVANCED
        assert outbox.acknowledge(old, 7) is AckOutcome.AHEAD
        (row,) = outbox.append([single(clock)])
        assert [alarm.kind for alarm in outbox.take_alarms()] == [AlarmKind.REWOUND]
        assert (row.position.epoch == outbox.epoch) == (outbox.epoch != old)
