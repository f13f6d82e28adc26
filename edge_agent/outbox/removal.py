"""What goes with rows that are deleted: gaps for those the server may lack, and the marks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from edge_agent.domain import Label
from edge_agent.outbox import tables
from edge_agent.outbox.database import Database
from edge_agent.outbox.marks import Marks
from edge_agent.outbox.ranges import RangeSet
from edge_agent.outbox.retention import Victim


def note_gaps(
    database: Database, epochs: Sequence[tables.Epoch], victims: Iterable[Victim], reason: str
) -> bool:
    """Announce these numbers as lost; True when there are any."""
    by_epoch: dict[str, list[tuple[int, Label | None]]] = {}
    for victim in sorted(victims, key=lambda one: one.row_id):
        position = tables.position_of(epochs, victim.row_id)
        by_epoch.setdefault(position.epoch, []).append((position.seq, victim.label))
    for epoch, lost in by_epoch.items():
        for run in tables.runs_of(lost):
            tables.add_gap(database, epoch, reason, run)
    return bool(by_epoch)


def marks_of_rest(database: Database, marks: Marks, sent: RangeSet) -> Marks:
    """After rows were deleted: from where on all that is missing was announced or sent."""
    first = database.value("SELECT min(row_id) FROM row")
    return replace(
        marks,
        first_row=marks.last_row + 1 if first is None else int(first),
        sent=sent.dump(),
    )


def delete_acknowledged(
    database: Database, open_rows: Iterable[int], base: int, acked_row: int
) -> None:
    """The rows above `base` up to the watermark, but for the newest of each open event."""
    low = base
    for row_id in (*(row for row in open_rows if row <= acked_row), acked_row + 1):
        database.execute("DELETE FROM row WHERE row_id > ? AND row_id < ?", (low, row_id))
        low = max(low, row_id)
