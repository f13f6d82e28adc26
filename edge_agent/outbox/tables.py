"""What the tables hold, as functions over an open database. No state of its own."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edge_agent.contract import Gap, GapRange, Position, check_ulid
from edge_agent.domain import CameraId, EventId, Label, Phase
from edge_agent.errors import ContractError
from edge_agent.outbox.checksum import crc_of
from edge_agent.outbox.database import Database, DatabaseCorrupt, Value
from edge_agent.outbox.marks import Marks, write_all_marks
from edge_agent.outbox.row import Draft, GapReport, Head, Row

#: Everything of a row that its checksum covers, in its order.
_COLUMNS = (
    "row_id, event_row, message_id, event_id, camera, label, phase, live, utc_ms, quality, topic,"
    " payload"
)

#: Keeps one `_gap` message well below the 256 KiB that brokers are configured for.
RANGES_PER_MESSAGE = 1000


@dataclass(frozen=True, slots=True)
class Epoch:
    """`seq = row_id - base` for the rows above `base` and below the next epoch's."""

    base: int
    id: str


@dataclass(frozen=True, slots=True)
class Lost:
    """An epoch of which nothing more can come from this box."""

    epoch: str
    reason: str  # corrupt: its file was damaged; storage: its file vanished


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a new database starts."""

    epoch: str
    base: int  # row ids go on above this one
    lost: tuple[Lost, ...] = ()  # of the files before it


# --- epochs -----------------------------------------------------------------------------


def read_epochs(database: Database) -> tuple[Epoch, ...]:
    """Oldest first; the last one is current; none in a file that was just made.

    Raises DatabaseCorrupt.
    """
    found = database.rows("SELECT base, id, crc FROM epoch ORDER BY base")
    if any(crc != crc_of(base, name) for base, name, crc in found):
        raise DatabaseCorrupt(f"{database.path}: the list of epochs is damaged")
    if not found and database.value("SELECT EXISTS(SELECT 1 FROM meta)"):
        raise DatabaseCorrupt(f"{database.path}: the list of epochs is lost")
    return tuple(Epoch(base, name) for base, name, _ in found)


def read_unchecked_epochs(database: Database) -> tuple[Epoch, ...]:
    """Of an agent that knew no checksums. Raises DatabaseCorrupt."""
    found = database.rows("SELECT base, id FROM epoch ORDER BY base")
    try:
        return tuple(Epoch(base, check_ulid(name)) for base, name in found)
    except (ContractError, TypeError) as error:
        raise DatabaseCorrupt(f"{database.path}: the list of epochs is damaged") from error


def put_epoch(database: Database, epoch: Epoch) -> None:
    """In the place of one that begins at the same row: that one never had a message."""
    database.execute(
        "INSERT OR REPLACE INTO epoch VALUES(?, ?, ?)",
        (epoch.base, epoch.id, crc_of(epoch.base, epoch.id)),
    )


def write_checksums(database: Database, epochs: Iterable[Epoch]) -> None:
    """Into epochs and gaps of an agent that knew none."""
    for epoch in epochs:
        put_epoch(database, epoch)
    rows = database.rows(f"SELECT id, {_GAP_COLUMNS} FROM gap")  # noqa: S608
    for gap_id, *values in rows:
        database.execute("UPDATE gap SET crc = ? WHERE id = ?", (crc_of(*values), gap_id))


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


# --- rows -------------------------------------------------------------------------------


def insert(database: Database, row: Row, draft: Draft) -> None:
    created = draft.created
    values = (
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
    )
    database.execute(
        "INSERT INTO row VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, crc_of(*values))
    )


@dataclass(frozen=True, slots=True)
class FoundRow:
    """What lies in the table under this number; `row` None: it is damaged."""

    row_id: int
    row: Row | None


def find_rows(
    database: Database,
    epochs: Sequence[Epoch],
    unchecked_row: int,
    where: str,
    parameters: Sequence[Value],
) -> list[FoundRow]:
    """Rows in order of commit. `where` is a fixed text of this package, never data."""
    found = database.rows(f"SELECT {_COLUMNS}, crc FROM row WHERE {where}", parameters)  # noqa: S608
    return [FoundRow(each[0], _row(epochs, unchecked_row, each)) for each in found]


def select_rows(
    database: Database,
    epochs: Sequence[Epoch],
    unchecked_row: int,
    where: str,
    parameters: Sequence[Value],
) -> list[Row]:
    """`find_rows` without what is damaged."""
    found = find_rows(database, epochs, unchecked_row, where, parameters)
    return [each.row for each in found if each.row is not None]


def _row(epochs: Sequence[Epoch], unchecked_row: int, stored: Sequence[Any]) -> Row | None:
    """None when it is not what was written."""
    *values, crc = stored
    row_id, event_row, message_id, event_id, camera, label, phase = values[:7]
    if crc is None and row_id <= unchecked_row:
        sound = _looks_sound(values)
    else:
        sound = crc == crc_of(*values)
    if not sound or row_id <= epochs[0].base:
        return None
    try:
        return Row(
            row_id=row_id,
            position=position_of(epochs, row_id),
            message_id=message_id,
            event_id=EventId(event_id),
            camera=CameraId(camera),
            label=Label(label),
            phase=Phase(phase),
            event_row=event_row,
            topic=values[10],
            payload=values[11],
        )
    except ValueError:
        return None


def _looks_sound(values: Sequence[Any]) -> bool:
    """Of a row without a checksum: as far as one can tell."""
    kinds = (int, int, str, str, str, str, str, int, int, str, str, bytes)
    return all(
        isinstance(value, kind) and (kind is not str or _is_plain(value))
        for value, kind in zip(values, kinds, strict=True)
    )


def _is_plain(text: Any) -> bool:
    return bool(text.isascii() and text.isprintable())


def label_of(text: object) -> Label | None:
    """None for what no label is called, which a damaged row may say."""
    return Label(text) if isinstance(text, str) and text in set(Label) else None


# --- gaps -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LostRun:
    """Consecutive seqs that will never come, `last` None for all that follow."""

    first: int
    last: int | None
    counts: tuple[int, int, int] = (0, 0, 0)  # motion, person, health


_GAP_COLUMNS = "epoch, reason, first, last, motion, person, health"


def runs_of(lost: Iterable[tuple[int, Label | None]]) -> list[LostRun]:
    """Join (seq, label) pairs, lowest first, into runs; a label may be unknown."""
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
    values = (epoch, reason, first, last, *counts)
    database.execute(
        f"INSERT INTO gap({_GAP_COLUMNS}, crc) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        (*values, crc_of(*values)),
    )


def read_gaps(database: Database, epoch: str, marks: Marks) -> GapReport:
    """Everything to announce, grouped into messages. `epoch` is the current one."""
    gaps: list[Gap] = []
    batch: list[Any] = []
    for row in _checked_gaps(database):
        if batch and (batch[0][:2] != row[:2] or len(batch) == RANGES_PER_MESSAGE):
            gaps.append(_gap(batch))
            batch = []
        batch.append(row)
    if batch:
        gaps.append(_gap(batch))
    if marks.lost is not None:
        gaps.append(Gap(epoch, "storage", unsequenced=marks.lost))
    return GapReport(marks.gap_revision, tuple(gaps))


def lost_ranges(database: Database, epoch: str) -> list[tuple[int, int]]:
    """The seqs of an epoch that were announced as lost, but for an open end."""
    return [
        (row[2], row[3])
        for row in _checked_gaps(database)
        if row[0] == epoch and row[3] is not None
    ]


def gap_epochs(database: Database) -> tuple[str, ...]:
    """Of which epochs something is announced as lost."""
    return tuple(dict.fromkeys(row[0] for row in _checked_gaps(database)))


def _checked_gaps(database: Database) -> list[tuple[Any, ...]]:
    """Raises DatabaseCorrupt: what was announced wrongly would never be asked for."""
    order = "ORDER BY epoch, reason, first"
    found = database.rows(f"SELECT {_GAP_COLUMNS}, crc FROM gap {order}")  # noqa: S608
    if any(row[-1] != crc_of(*row[:-1]) for row in found):
        raise DatabaseCorrupt(f"{database.path}: the list of gaps is damaged")
    return [row[:-1] for row in found]


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
    """Read every page, indexes too. Raises DatabaseCorrupt."""
    verdict = database.value("PRAGMA integrity_check(1)")
    if verdict != "ok":
        raise DatabaseCorrupt(f"{database.path}: {verdict}")


def begin(database: Database, beginning: Beginning) -> None:
    """Fill an empty database."""
    with database.transaction():
        put_epoch(database, Epoch(beginning.base, beginning.epoch))
        marks = Marks(last_row=beginning.base, first_row=beginning.base + 1)
        for lost in beginning.lost:
            add_gap(database, lost.epoch, lost.reason, LostRun(1, None))
            marks = replace(marks, gap_revision=1)
        write_all_marks(database, marks)
