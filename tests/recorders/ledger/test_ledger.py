"""The ledger of recorder files, in a real database."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from outbox_drafts import draft

from edge_agent.clock import ManualClock
from edge_agent.config import OutboxConfig
from edge_agent.domain import CameraId
from edge_agent.errors import OperatorError, StorageError
from edge_agent.outbox import Outbox, OutboxReader, commit_together, outbox_stat
from edge_agent.outbox.database import DATABASE
from edge_agent.outbox.schema import _MIGRATIONS
from edge_agent.outbox.store import Store
from edge_agent.recorders.ledger import (
    ClipProgress,
    LedgerClip,
    LedgerReader,
    LedgerUpkeep,
    LeftOutFile,
    LeftOutState,
)
from edge_agent.recorders.ledger import rows as ledger
from edge_agent.recorders.ledger.entries import follows_between

YARD = CameraId("yard")


def clip(number: int, start_s: float = 0.0, lasts_s: float | None = 10.0) -> LedgerClip:
    return LedgerClip(
        camera=YARD,
        size_bytes=1000 + number,
        digest=f"{number:064x}",
        kind="video",
        start_s=start_s,
        end_s=None if lasts_s is None else start_s + lasts_s,
        time_source="template",
        offset_s=0.0,
        err_s=1.0,
        disputed=False,
        path=Path(f"/clips/{number}.mp4"),
        mtime_ns=number,
        found_s=100.0 + number,
    )


def opened(folder: Path, **limits: float) -> Outbox:
    return Outbox.open(
        folder, limits=OutboxConfig(**limits), clock=ManualClock(), guest=LedgerUpkeep(lambda: 0.0)
    )


def note(outbox: Outbox, *clips: LedgerClip) -> None:
    assert commit_together(outbox, (), lambda db: ledger.note_clips(db, clips)) == ()


def test_database_that_is_not_made_or_updated_yet_says_so_and_is_read_once_it_is(
    tmp_path: Path,
) -> None:
    for version in (0, 1):
        path = tmp_path / str(version) / DATABASE
        path.parent.mkdir()
        path.touch()
        old = sqlite3.connect(path)
        for statement in [one for step in _MIGRATIONS[:version] for one in step]:
            old.execute(statement)
        old.execute(f"PRAGMA user_version={version}")
        old.close()
        with LedgerReader(path.parent) as reader:
            for look in (reader.counts, lambda at=path.parent: outbox_stat(at)):
                with pytest.raises(StorageError, match="not made or updated yet; start edge-agent"):
                    look()
            opened(path.parent).close()
            assert reader.counts() == {}


def test_messages_and_ledger_are_stored_together_or_not_at_all(tmp_path: Path) -> None:
    def fails(database: ledger.Database) -> None:
        ledger.note_clips(database, [clip(1)])
        raise KeyboardInterrupt  # a signal, just then

    with opened(tmp_path) as outbox, LedgerReader(tmp_path) as reader:
        with pytest.raises(KeyboardInterrupt):
            commit_together(outbox, [draft(ManualClock())], fails)
        assert reader.clip(clip(1).key) is None
        assert outbox.last_seq == 0
        rows = commit_together(
            outbox, [draft(ManualClock())], lambda db: ledger.note_clips(db, [clip(1)])
        )
        assert rows is not None
        assert [row.position.seq for row in rows] == [1]
        assert reader.clip(clip(1).key) == clip(1)


def test_what_no_message_was_told_of_waits_for_no_flush_of_the_card(tmp_path: Path) -> None:
    """SQLite's `synchronous`: 1 flushes at checkpoints only, 2 each commit."""
    flushes: list[int] = []

    def looks(database: ledger.Database) -> None:
        flushes.append(database.value("PRAGMA synchronous"))

    with opened(tmp_path) as outbox:
        for drafts in ([], [draft(ManualClock())], []):
            assert commit_together(outbox, drafts, looks) is not None
    assert flushes == [1, 2, 1]


def test_content_counts_and_not_its_name(tmp_path: Path) -> None:
    with opened(tmp_path) as outbox, LedgerReader(tmp_path) as reader:
        note(outbox, replace(clip(1), path=Path("/clips/slot01.mp4")))
        commit_together(
            outbox, (), lambda db: ledger.update_clip(db, replace(clip(1), state=ClipProgress.DONE))
        )
        # A ring: the old content moves on, a new one comes under its name.
        note(
            outbox,
            replace(clip(2), path=Path("/clips/slot01.mp4")),
            replace(clip(1), path=Path("/clips/slot02.mp4")),
        )
        assert reader.counts() == {("yard", "done"): 1, ("yard", "waiting"): 1}
        assert reader.known(Path("/clips/slot01.mp4")) == (1002, 2)
        assert reader.known(Path("/clips/slot02.mp4")) == (1001, 1)
        other = replace(clip(1), camera=CameraId("gate"))
        note(outbox, other)
        assert reader.counts()["gate", "waiting"] == 1


def test_clips_of_a_run_wait_in_order_and_a_gap_or_an_unknown_end_divides(tmp_path: Path) -> None:
    with opened(tmp_path) as outbox, LedgerReader(tmp_path) as reader:
        clips = [
            clip(1, 0),
            clip(2, 10),
            clip(3, 40),  # 20 s later
            clip(4, 54.9),
            clip(5, 62),  # overlaps by 2.9 s
        ]
        note(outbox, *reversed(clips))
        assert reader.newest_run(YARD) == tuple(one.key for one in clips[2:])
        note(outbox, clip(6, 200, None), clip(7, 210))
        assert reader.newest_run(YARD) == (clip(7).key,)
        assert reader.newest_waiting_s(YARD) == 210
        assert reader.newest_run(CameraId("nobody")) == ()


def test_long_run_is_planned_from_its_oldest_clip(tmp_path: Path) -> None:
    with opened(tmp_path) as outbox, LedgerReader(tmp_path) as reader:
        clips = [clip(number, 10.0 * number) for number in range(600)]
        note(outbox, *clips)
        plan = reader.newest_run(YARD)
        assert plan[0] == clips[0].key
        assert plan == tuple(one.key for one in clips[: len(plan)])
        assert len(plan) >= 300


def test_names_of_any_bytes_are_kept(tmp_path: Path) -> None:
    paths = [Path("/clips/Cổng trước 01.mp4"), Path("/clips/bad\udcff\udcfe name.avi")]
    with opened(tmp_path) as outbox, LedgerReader(tmp_path) as reader:
        for number, path in enumerate(paths):
            note(outbox, replace(clip(number), path=path))
            found = reader.clip(clip(number).key)
            assert found is not None
            assert found.path == path
            assert reader.known(path) == (1000 + number, number)


def test_what_was_left_out_is_counted_and_refused_files_are_shown_with_their_reason(
    tmp_path: Path,
) -> None:
    files = [
        LeftOutFile(YARD, Path("/clips/old.mp4"), 5, 7_000_000_000, LeftOutState.TOO_OLD, "", 10.0),
        LeftOutFile(
            None, Path("/clips/x.mp4"), 0, 1, LeftOutState.REFUSED, "is empty (0 bytes)", 11.0
        ),
    ]
    with opened(tmp_path) as outbox, LedgerReader(tmp_path) as reader:
        commit_together(outbox, (), lambda db: ledger.note_left_out(db, files))
        assert reader.counts() == {("yard", "too_old"): 1, ("", "refused"): 1}
        assert reader.newest_too_old_s() == {"yard": 7.0}
        (refused,) = reader.refused(10)
        assert (refused.camera, refused.path, refused.reason) == (
            None,
            Path("/clips/x.mp4"),
            "is empty (0 bytes)",
        )
        assert reader.known(Path("/clips/old.mp4")) == (5, 7_000_000_000)
        assert reader.known(Path("/clips/old.mp4"), any_age=True) is None
        # Written anew, it is a clip.
        note(outbox, replace(clip(1), path=Path("/clips/x.mp4")))
        assert reader.refused(10) == ()


def test_database_of_an_agent_without_ledger_gets_one_and_keeps_its_rows(tmp_path: Path) -> None:
    with opened(tmp_path) as outbox:
        (row,) = outbox.append([draft(ManualClock())])
    with sqlite3.connect(tmp_path / DATABASE) as database:
        for table in ("file", "clip", "run"):
            database.execute(f"DROP TABLE {table}")
        database.execute("PRAGMA user_version=1")
    database.close()
    with opened(tmp_path) as outbox, OutboxReader(tmp_path) as rows:
        note(outbox, clip(1))
        assert rows.undelivered(0, 10) == (row,)
    with sqlite3.connect(tmp_path / DATABASE) as database:
        database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(OperatorError, match="newer edge-agent"):
        opened(tmp_path)


def test_ledger_takes_nothing_of_the_outboxs_quota(tmp_path: Path) -> None:
    """A megabyte of quota, and a ledger of several."""
    with opened(tmp_path, max_mb=1) as outbox, OutboxReader(tmp_path) as rows:
        outbox.append([draft(ManualClock(), live=False)])
        note(outbox, *(clip(number) for number in range(20_000)))
        outbox.maintain()
    with opened(tmp_path, max_mb=1) as outbox, OutboxReader(tmp_path) as rows:
        assert (tmp_path / DATABASE).stat().st_size > 3_000_000
        outbox.append([draft(ManualClock(), live=False)])
        outbox.maintain()
        assert len(rows.undelivered(0, 10)) == 2
        assert not outbox.shedding


@pytest.mark.parametrize(
    ("length_s", "ahead_s", "follows"),
    [
        (300, 30.0, True),  # recorders overlap by what they buffer, at most so much
        (300, 30.1, False),
        (20, 20.0, True),  # of a short clip not more than all of it
        (20, 20.1, False),
        (20, -5.0, True),  # and a short gap is none
        (20, -5.1, False),
    ],
)
def test_clips_belong_together_up_to_a_bound_of_what_they_share(
    length_s: float, ahead_s: float, follows: bool
) -> None:
    start_s = 1000.0
    end_s = start_s + length_s
    first_s, last_s = follows_between(start_s, end_s)
    assert (first_s <= end_s - ahead_s <= last_s) is follows


def test_what_waits_is_sound_also_where_the_recorders_clock_is_exact(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """SQLite keeps -0.0 as 0.0: a checksum that told them apart threw such clips away."""
    exact = replace(clip(1), offset_s=-0.0)
    with opened(tmp_path) as outbox, LedgerReader(tmp_path) as reader:
        note(outbox, exact)
        outbox.tried(Store.mend_guest)
        assert reader.newest_clips(YARD, 5) == [exact]
    assert not caplog.records
