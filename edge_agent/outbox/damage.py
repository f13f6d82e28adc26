"""Which rows are not what was written, and which are missing without a word.

Damage that SQLite notices costs the whole file, see `quarantine`. What it does not notice is
found here: a row whose checksum is wrong, or whose number leads nowhere, and numbers that were
given, and neither are there nor were acknowledged, sent or announced.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_agent.outbox import tables
from edge_agent.outbox.database import Database
from edge_agent.outbox.marks import Marks
from edge_agent.outbox.ranges import RangeSet
from edge_agent.outbox.tables import Epoch

_ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Damage:
    """What a walk through all rows found."""

    rows: tuple[int, ...] = ()  # to be deleted
    lost: tuple[int, ...] = ()  # numbers to be announced: of these rows, and missing ones
    last_row: int = 0  # the highest number that was given, as far as one can tell
    numbers_lost: bool = False  # higher ones may have been given: this epoch must not go on

    def __bool__(self) -> bool:
        return bool(self.rows or self.lost or self.numbers_lost)


def find_damage(database: Database, epochs: Sequence[Epoch], marks: Marks) -> Damage:
    """Read every row. For databases that are small enough for that."""
    present, bad = RangeSet(), []
    top = max(marks.last_row, epochs[-1].base)
    for found in _all_rows(database, epochs, marks.unchecked_row):
        if found.row is not None:
            present.add(found.row_id)
            top = max(top, found.row_id)
        else:
            bad.append(found.row_id)
    credible = []
    for row_id in bad:
        # A damaged row that stands right behind the others was probably given that number.
        if row_id <= top + 1:
            top = max(top, row_id)
            credible.append(row_id)
    lost = RangeSet((row_id, row_id) for row_id in credible if row_id > epochs[0].base)
    for first, last in _unexplained(database, epochs, marks, present, top):
        lost.add(first, last)
    return Damage(
        rows=tuple(bad),
        lost=tuple(row_id for first, last in lost for row_id in range(first, last + 1)),
        last_row=top,
        numbers_lost=len(credible) < len(bad),
    )


def _all_rows(
    database: Database, epochs: Sequence[Epoch], unchecked_row: int
) -> Iterator[tables.FoundRow]:
    after = -(2**63)
    while True:
        found = tables.find_rows(
            database,
            epochs,
            unchecked_row,
            f"row_id > ? ORDER BY row_id LIMIT {_ROWS_AT_ONCE}",
            (after,),
        )
        yield from found
        if len(found) < _ROWS_AT_ONCE:
            return
        after = found[-1].row_id


def _unexplained(
    database: Database, epochs: Sequence[Epoch], marks: Marks, present: RangeSet, top: int
) -> Iterator[tuple[int, int]]:
    """Numbers up to `top` that are neither there nor known to be gone."""
    known = RangeSet(present)
    for first, last in marks.sent_rows:
        known.add(first, last)
    if marks.acked_row is not None and marks.acked_row > epochs[-1].base:
        known.add(epochs[-1].base + 1, marks.acked_row)
    for epoch in epochs:
        for first, last in tables.lost_ranges(database, epoch.id):
            known.add(epoch.base + first, epoch.base + last)
    # Before there were checksums, what was sent and shed was not always written down.
    begin = max(marks.first_row, marks.unchecked_row + 1, epochs[0].base + 1)
    return known.holes(begin, top)
