"""An outbox in a list, for the tests of what goes next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from edge_agent.contract import Gap, Position

EPOCH = "01KAQZ0000ZZ5Y0T7M2N9R6XBC"


@dataclass(frozen=True)
class ShelfRow:
    row_id: int
    event_row: int
    event_id: str
    position: Position
    topic: str = "t"
    payload: bytes = b"{}"


@dataclass(frozen=True)
class ShelfHead:
    epoch: str
    first_seq: int
    last_seq: int
    last_row_id: int
    watermark: int | None


@dataclass(frozen=True)
class ShelfGaps:
    revision: int
    gaps: Sequence[Gap]


@dataclass
class Shelf:
    """`rows` by row_id = seq, also in a later `epoch`; events are named by letters."""

    epoch: str = EPOCH
    rows: dict[int, ShelfRow] = field(default_factory=dict)
    sent: set[int] = field(default_factory=set)
    watermark: int | None = None
    report: ShelfGaps = field(default_factory=lambda: ShelfGaps(0, ()))

    def put(self, *event_ids: str) -> None:
        for event_id in event_ids:
            row_id = max(self.rows, default=0) + 1
            first = next((r.row_id for r in self.rows.values() if r.event_id == event_id), row_id)
            self.rows[row_id] = ShelfRow(row_id, first, event_id, Position(self.epoch, row_id))

    def head(self) -> ShelfHead:
        first, last = min(self.rows, default=1), max(self.rows, default=0)
        return ShelfHead(self.epoch, first, last, last, self.watermark)

    def note_sent(self, row_ids: Iterable[int]) -> None:
        self.sent.update(row_ids)

    def undelivered(
        self, after_row: int, limit: int, *, up_to_row: int | None = None, resend: bool = False
    ) -> list[ShelfRow]:
        found = [
            row
            for row in self.rows.values()
            if row.row_id > after_row
            and (up_to_row is None or row.row_id <= up_to_row)
            and (resend or row.row_id not in self.sent)
            and row.row_id > (self.watermark or 0)
        ]
        return found[:limit]

    def earlier_rows(self, row: ShelfRow, /) -> list[ShelfRow]:
        return [
            each
            for each in self.rows.values()
            if each.event_id == row.event_id
            and each.row_id < row.row_id
            and each.row_id not in self.sent
        ]

    def rows_between(self, epoch: str, first: int, last: int, limit: int) -> list[ShelfRow]:
        found = [row for row in self.rows.values() if first <= row.row_id <= last]
        return [row for row in found if row.position.epoch == epoch][:limit]

    def gaps(self) -> ShelfGaps:
        return self.report

    def backlog(self) -> int:
        return len(self.rows.keys() - self.sent)

    def close(self) -> None:
        pass
