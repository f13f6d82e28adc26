"""The publisher's view of the outbox: read-only, its own connection, no transaction that lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from edge_agent.outbox import tables
from edge_agent.outbox.database import (
    DATABASE,
    Connect,
    Database,
    DatabaseCorrupt,
    connect_sqlite,
)
from edge_agent.outbox.marks import Marks, read_marks
from edge_agent.outbox.ranges import RangeSet
from edge_agent.outbox.reopening import ReopenedDatabase
from edge_agent.outbox.row import GapReport, Head, Row
from edge_agent.outbox.tables import Epoch

T = TypeVar("T")

#: Above every row id.
_TOP = 2**62


class OutboxReader:
    """For one thread. Every method is one short read and raises StorageError when it fails.

    Two sources say what was sent: the ranges that the writer persisted (up to a minute old)
    and `note_sent`, which the publisher calls at each PUBACK.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        connect: Connect = connect_sqlite,
        damaged: Callable[[Sequence[int]], None] = lambda row_ids: None,
    ) -> None:
        """`damaged` hears of rows that are not what was written, which are passed over; of none
        when the bookkeeping or the file itself is damaged."""
        self._file = ReopenedDatabase(state_dir / DATABASE, connect)
        self._noted = RangeSet()
        self._damaged = damaged
        self._met: list[int] = []

    def __enter__(self) -> OutboxReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def head(self) -> Head:
        """Epoch, first and last seq, watermark, all of one moment."""
        return self._snapshot(
            lambda db: tables.read_head(db, tables.read_epochs(db), read_marks(db))
        )

    def note_sent(self, row_ids: Iterable[int]) -> None:
        """The broker acknowledged these; `undelivered` no longer gives them."""
        for row_id in row_ids:
            self._noted.add(row_id)

    def undelivered(
        self, after_row: int, limit: int, *, up_to_row: int | None = None, resend: bool = False
    ) -> tuple[Row, ...]:
        """At most `limit` rows with row_id > `after_row` (and <= `up_to_row`), in order.

        Live lane: `after_row` is the head's last_row_id when the connection came up. Backlog:
        `after_row` 0, `up_to_row` that same number, continued after the last row it gave.
        `resend` True also gives sent rows of the current epoch above the watermark, whether
        noted or not; use it only when `head().watermark` is not None.
        """

        def read(db: Database) -> tuple[Row, ...]:
            epochs, marks = tables.read_epochs(db), read_marks(db)
            last = tables.last_row_id(db, marks)
            last = last if up_to_row is None else min(last, up_to_row)
            sent = self._sent(marks)
            rows: list[Row] = []
            # Acknowledged rows that only stay for their open event are not to be sent.
            where = "row_id BETWEEN ? AND ? AND NOT row_id BETWEEN ? AND ?"
            kept = (epochs[-1].base + 1, marks.acked_row or 0)
            for low, high in _wanted(sent, after_row + 1, last, epochs[-1].base, resend):
                rows += self._sound(db, epochs, marks, where, (low, high, *kept), limit - len(rows))
                if len(rows) >= limit:
                    break
            return tuple(rows)

        return self._snapshot(read)

    def earlier_rows(self, row: Row) -> tuple[Row, ...]:
        """Unsent older rows of the same event, oldest first: they go out before `row`."""

        def read(db: Database) -> tuple[Row, ...]:
            epochs, marks = tables.read_epochs(db), read_marks(db)
            found = tables.select_rows(
                db,
                epochs,
                marks.unchecked_row,
                "row_id >= ? AND row_id < ? AND event_id = ? ORDER BY row_id",
                (row.event_row, row.row_id, row.event_id),
            )
            sent = self._sent(marks)
            acked = marks.acked_row or 0
            current = epochs[-1].base
            return tuple(
                old for old in found if old.row_id not in sent and not current < old.row_id <= acked
            )

        return self._snapshot(read)

    def rows_between(self, epoch: str, first: int, last: int, limit: int) -> tuple[Row, ...]:
        """At most `limit` rows of an epoch's seqs first..last, sent or not: for cmd/replay.

        What is missing among them was acknowledged, shed or never existed.
        """

        def read(db: Database) -> tuple[Row, ...]:
            epochs, marks = tables.read_epochs(db), read_marks(db)
            tops = [later.base for later in epochs[1:]] + [_TOP]
            for one, top in zip(epochs, tops, strict=True):
                if one.id == epoch and one.base + first <= top:
                    bounds = (one.base + first, min(one.base + last, top))
                    where = "row_id BETWEEN ? AND ?"
                    return tuple(self._sound(db, epochs, marks, where, bounds, limit))
            return ()

        return self._snapshot(read)

    def gaps(self) -> GapReport:
        """What must be announced on each connection, and again when its revision changes."""
        return self._snapshot(
            lambda db: tables.read_gaps(db, tables.read_epochs(db)[-1].id, read_marks(db))
        )

    def backlog(self) -> int:
        """Messages that were never sent, all epochs. Arithmetic on ranges, no scan."""

        def read(db: Database) -> int:
            marks, base = read_marks(db), tables.read_epochs(db)[-1].base
            first: int | None = db.value("SELECT min(row_id) FROM row")
            if first is None:
                return 0
            last = tables.last_row_id(db, marks)
            done = self._sent(marks)
            if marks.acked_row is not None and marks.acked_row > base:
                done.add(base + 1, marks.acked_row)
            for epoch in tables.read_epochs(db):
                for low, high in tables.lost_ranges(db, epoch.id):
                    done.add(epoch.base + low, epoch.base + high)
            return last - first + 1 - done.count(first, last)

        return self._snapshot(read)

    def _sent(self, marks: Marks) -> RangeSet:
        sent = marks.sent_rows
        for first, last in self._noted:
            sent.add(first, last)
        return sent

    def _sound(
        self,
        db: Database,
        epochs: Sequence[Epoch],
        marks: Marks,
        where: str,
        bounds: tuple[int, ...],
        limit: int,
    ) -> list[Row]:
        """At most `limit` rows; what is damaged among them is passed over, and told."""
        rows: list[Row] = []
        low, *others = bounds
        while len(rows) < limit:
            wanted = limit - len(rows)
            found = tables.find_rows(
                db,
                epochs,
                marks.unchecked_row,
                f"{where} ORDER BY row_id LIMIT ?",
                (low, *others, wanted),
            )
            rows += [each.row for each in found if each.row is not None]
            self._met += [each.row_id for each in found if each.row is None]
            if len(found) < wanted:
                break
            low = found[-1].row_id + 1
        return rows

    def _snapshot(self, read: Callable[[Database], T]) -> T:
        self._met = []
        try:
            return self._file.snapshot(read)
        except DatabaseCorrupt:
            self._damaged(())
            raise
        finally:
            if self._met:
                self._damaged(tuple(self._met))


def _wanted(
    sent: RangeSet, first: int, last: int, base: int, resend: bool
) -> Iterable[tuple[int, int]]:
    """The ranges of first..last to give: unsent ones, with `resend` all above `base`."""
    if not resend:
        return sent.holes(first, last)
    old = sent.holes(first, min(last, base))
    current = max(first, base + 1)
    return [*old, *([(current, last)] if current <= last else [])]
