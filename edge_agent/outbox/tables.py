"""What the tables hold, as functions over an open database. No state of its own."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from edge_agent.contract import Gap, GapRange, Position, Unsequenced
from edge_agent.domain import CameraId, EventId, Label, Phase
from edge_agent.errors import StorageError
from edge_agent.outbox.database import Database, DatabaseCorrupt, Value
from edge_agent.outbox.ranges import RangeSet
from edge_agent.outbox.row import Draft, GapReport, Head, Row

_COLUMNS = "row_id, event_row, message_id, event_id, camera, label, phase, topic, payload"

#: Keeps one `_gap` message well below the 256 KiB that brokers are configured for.
RANGES_PER_MESSAGE = 1000


@dataclass(frozen=True, slots=True)
class Epoch:
    """`seq = row_id - base` for the rows above `base` and below the next epoch's."""

    base: int
    id: str


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a new database starts."""

    epoch: str
    base: int  # row ids go on above this one
    lost_epoch: str | None  # of the damaged or missing file before it


@dataclass(frozen=True, slots=True)
class Marks:
    """The small facts beside the rows, one `meta` entry each."""

    last_row: int = 0  # highest row_id ever given, when rows above it are gone
    acked_row: int | None = None  # the watermark of the current epoch, as a row_id
    sent: str = ""  # RangeSet of row_ids
    open_floor: int = 1  # no live event that is still open has its newest row below this
    gap_revision: int = 0
    unsequenced: str = ""  # JSON [count, from_utc_s, to_utc_s]
    sync_marks: str = "[]"  # JSON [[row_id, utc_s], ...]: see retention

    @property
    def sent_rows(self) -> RangeSet:
        return RangeSet.load(self.sent)

    @property
    def lost(self) -> Unsequenced | None:
        if not self.unsequenced:
            return None
        count, first, last = _json(self.unsequenced)
        return Unsequenced(int(count), float(first), float(last))


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError as error:
        raise StorageError(f"outbox: damaged entry {text[:60]!r}") from error


def read_marks(database: Database) -> Marks:
    found = dict(database.rows("SELECT key, value FROM meta"))
    known = {name: found[name] for name in Marks.__slots__ if name in found}
    return replace(Marks(), **known)


def write_marks(database: Database, old: Marks, new: Marks) -> None:
    """Write what differs, so that an unchanged page is not written again."""
    for name in Marks.__slots__:
        value: Value = getattr(new, name)
        if value != getattr(old, name):
            database.execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", (name, value))


def read_epochs(database: Database) -> tuple[Epoch, ...]:
    """Oldest first; the last one is current."""
    return tuple(Epoch(*row) for row in database.rows("SELECT base, id FROM epoch ORDER BY base"))


def position_of(epochs: Sequence[Epoch], row_id: int) -> Position:
    epoch = epochs[bisect_left(epochs, row_id, key=lambda epoch: epoch.base) - 1]
    return Position(epoch.id, row_id - epoch.base)


def last_row_id(database: Database, marks: Marks) -> int:
    """The highest row_id ever given; stays right when every row is gone."""
    return max(database.value("SELECT max(row_id) FROM row") or 0, marks.last_row)


def read_head(database: Database, epochs: Sequence[Epoch], marks: Marks) -> Head:
    base, last = epochs[-1].base, last_row_id(database, marks)
    above = max(base, marks.acked_row or 0)
    first = database.value("SELECT min(row_id) FROM row WHERE row_id > ?", (above,))
    return Head(
        epoch=epochs[-1].id,
        first_seq=(last + 1 if first is None else first) - base,
        last_seq=last - base,
        last_row_id=last,
        watermark=None if marks.acked_row is None else marks.acked_row - base,
    )


def insert(database: Database, row: Row, draft: Draft) -> None:
    created = draft.created
    database.execute(
        "INSERT INTO row VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.row_id,
            row.event_row,
            row.message_id,
            row.event_id,
            row.camera,
            str(row.label),
            str(row.phase),
            int(draft.live),
            round(created.utc_s * 1000),
            str(created.quality),
            row.topic,
            row.payload,
        ),
    )


def select_rows(
    database: Database, epochs: Sequence[Epoch], where: str, parameters: Sequence[Value]
) -> list[Row]:
    """Rows in order of commit. `where` is a fixed text of this package, never data."""
    found = database.rows(f"SELECT {_COLUMNS} FROM row WHERE {where}", parameters)  # noqa: S608
    return [_row(epochs, values) for values in found]


def _row(epochs: Sequence[Epoch], values: Sequence[Any]) -> Row:
    row_id, event_row, message_id, event_id, camera, label, phase, topic, payload = values
    return Row(
        row_id=row_id,
        position=position_of(epochs, row_id),
        message_id=message_id,
        event_id=EventId(event_id),
        camera=CameraId(camera),
        label=Label(label),
        phase=Phase(phase),
        event_row=event_row,
        topic=topic,
        payload=bytes(payload),
    )


# --- gaps -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LostRun:
    """Consecutive seqs that will never come, `last` None for all that follow."""

    first: int
    last: int | None
    counts: tuple[int, int, int] = (0, 0, 0)  # motion, person, health


def runs_of(lost: Iterable[tuple[int, Label]]) -> list[LostRun]:
    """Join (seq, label) pairs, lowest first, into runs."""
    runs: list[LostRun] = []
    for seq, label in lost:
        one = (int(label is Label.MOTION), int(label is Label.PERSON), int(label is Label.HEALTH))
        if runs and runs[-1].last == seq - 1:
            runs[-1] = LostRun(runs[-1].first, seq, _sum(runs[-1].counts, one))
        else:
            runs.append(LostRun(seq, seq, one))
    return runs


def _sum(a: tuple[int, int, int], b: tuple[int, int, int]) -> tuple[int, int, int]:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def add_gap(database: Database, epoch: str, reason: str, run: LostRun) -> None:
    """Note a run, joined with the noted runs that it touches."""
    touching = database.rows(
        "SELECT id, first, last, motion, person, health FROM gap"
        " WHERE epoch = ? AND reason = ? AND last IS NOT NULL AND first <= ? AND last >= ?",
        (epoch, reason, run.first if run.last is None else run.last + 1, run.first - 1),
    )
    first, last, counts = run.first, run.last, run.counts
    for gap_id, low, high, *more in touching:
        first = min(first, low)
        last = None if last is None else max(last, high)
        counts = _sum(counts, (more[0], more[1], more[2]))
        database.execute("DELETE FROM gap WHERE id = ?", (gap_id,))
    database.execute(
        "INSERT INTO gap(epoch, reason, first, last, motion, person, health)"
        " VALUES(?, ?, ?, ?, ?, ?, ?)",
        (epoch, reason, first, last, *counts),
    )


def read_gaps(database: Database, epoch: str, marks: Marks) -> GapReport:
    """Everything to announce, grouped into messages. `epoch` is the current one."""
    gaps: list[Gap] = []
    batch: list[Any] = []
    rows = database.rows(
        "SELECT epoch, reason, first, last, motion, person, health FROM gap"
        " ORDER BY epoch, reason, first"
    )
    for row in rows:
        if batch and (batch[0][:2] != row[:2] or len(batch) == RANGES_PER_MESSAGE):
            gaps.append(_gap(batch))
            batch = []
        batch.append(row)
    if batch:
        gaps.append(_gap(batch))
    if marks.lost is not None:
        gaps.append(Gap(epoch, "storage", unsequenced=marks.lost))
    return GapReport(marks.gap_revision, tuple(gaps))


def _gap(rows: Sequence[Any]) -> Gap:
    totals = [sum(row[column] for row in rows) for column in (4, 5, 6)]
    labels = (Label.MOTION, Label.PERSON, Label.HEALTH)
    return Gap(
        epoch=rows[0][0],
        reason=rows[0][1],
        ranges=tuple(GapRange(row[2], row[3]) for row in rows),
        counts=tuple((k, n) for k, n in zip(labels, totals, strict=True) if n),
    )


# --- a file as a whole ------------------------------------------------------------------


def check(database: Database) -> None:
    """Read every page. Raises DatabaseCorrupt."""
    verdict = database.value("PRAGMA quick_check(1)")
    if verdict != "ok":
        raise DatabaseCorrupt(f"{database.path}: {verdict}")


def begin(database: Database, beginning: Beginning) -> None:
    """Fill an empty database."""
    with database.transaction():
        database.execute("INSERT INTO epoch VALUES(?, ?)", (beginning.base, beginning.epoch))
        marks = Marks(last_row=beginning.base)
        if beginning.lost_epoch is not None:
            add_gap(database, beginning.lost_epoch, "corrupt", LostRun(1, None))
            marks = replace(marks, gap_revision=1)
        write_marks(database, Marks(), marks)
