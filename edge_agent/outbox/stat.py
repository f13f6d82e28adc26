"""`edge-agent outbox stat`: what is in the queue. Reads only, also while the agent runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_agent.contract import Gap, Unsequenced
from edge_agent.outbox import tables
from edge_agent.outbox.database import DATABASE, Connect, Database, connect_sqlite
from edge_agent.outbox.live_marks import read_live_marks
from edge_agent.outbox.marks import read_marks
from edge_agent.outbox.open_events import OpenEvents
from edge_agent.outbox.opening import open_to_read
from edge_agent.outbox.row import Head


@dataclass(frozen=True, slots=True)
class OutboxStat:
    """Figures of one moment. Bytes are those of the files; counts are rows.

    `sent` are those that the broker acknowledged, also a moment ago.
    """

    head: Head
    unsent: int
    sent: int
    by_kind: tuple[tuple[str, str, int], ...]  # (label, phase, rows)
    payload_bytes: int
    file_bytes: int  # database and its write-ahead log
    oldest_utc_s: float | None
    oldest_quality: str | None  # of the clock that dated the oldest row
    open_events: int
    gaps: tuple[Gap, ...]
    unsequenced: Unsequenced | None
    damaged: int  # put aside since the file was made
    earlier_epochs: tuple[str, ...]


def outbox_stat(state_dir: Path, *, connect: Connect = connect_sqlite) -> OutboxStat:
    """Raises StorageError when there is no outbox, or when it cannot be read."""
    path = state_dir / DATABASE
    database = open_to_read(path, connect)
    try:
        with database.transaction("DEFERRED"):
            return _read(database, path)
    finally:
        database.close()


def _read(database: Database, path: Path) -> OutboxStat:
    epochs, marks = tables.read_epochs(database), read_marks(database)
    head = tables.read_head(database, epochs, marks)
    kinds = database.rows(
        "SELECT label, phase, count(*), sum(length(payload)) FROM row"
        " GROUP BY label, phase ORDER BY label, phase"
    )
    total = sum(kind[2] for kind in kinds)
    taken = marks.sent_rows
    for first, last in read_live_marks(path.parent, head.epoch):
        taken.add(first, last)
    sent = sum(
        database.value("SELECT count(*) FROM row WHERE row_id BETWEEN ? AND ?", span)
        for span in taken
    )
    oldest = database.rows("SELECT utc_ms, quality FROM row ORDER BY row_id LIMIT 1")
    still_open = OpenEvents.read(database, marks.open_floor).newest_rows()
    acked = marks.acked_row or 0
    kept = sum(row <= acked and row not in taken for row in still_open)
    return OutboxStat(
        head=head,
        unsent=total - sent - kept,
        sent=sent,
        by_kind=tuple((kind[0], kind[1], kind[2]) for kind in kinds),
        payload_bytes=sum(kind[3] for kind in kinds),
        file_bytes=sum(
            file.stat().st_size
            for file in (path, path.with_name(f"{path.name}-wal"))
            if file.exists()
        ),
        oldest_utc_s=oldest[0][0] / 1000 if oldest else None,
        oldest_quality=oldest[0][1] if oldest else None,
        open_events=len(still_open),
        gaps=tables.read_gaps(database, head.epoch, marks).gaps,
        unsequenced=marks.lost,
        damaged=marks.damaged,
        earlier_epochs=tuple(epoch.id for epoch in epochs[:-1]),
    )
