"""The writer's side of a healthy database: every method is one transaction or none.

What the publisher reports (PUBACKs, watermarks) is kept in RAM and rides in the next commit: a
commit of its own for each would write four times as much. Losing it costs a resend, no message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from edge_agent.clock import ClockReading, is_trusted
from edge_agent.contract import Position, Unsequenced
from edge_agent.domain import EventId
from edge_agent.outbox import removal, tables
from edge_agent.outbox.damage import Damage
from edge_agent.outbox.database import Database
from edge_agent.outbox.guest import Guest
from edge_agent.outbox.marks import Marks, read_marks, with_lost, write_marks
from edge_agent.outbox.open_events import OpenEvents
from edge_agent.outbox.pages import Pages
from edge_agent.outbox.retention import (
    Demand,
    Shedder,
    SyncMarks,
    Victim,
    newest_undated,
    too_old,
)
from edge_agent.outbox.row import AckOutcome, Draft, Head, OrphanedEvent, Row

#: Deletes up to the watermark ride in a commit at most this often. More often rewrites `meta` each
#: time; less often spreads the rows over more pages.
SETTLE_EVERY_S = 10.0
#: Sent ranges alone can wait longer: losing them costs resends, and keeping them frees nothing.
SETTLE_SENT_EVERY_S = 60.0
#: A commit of their own when nothing else happens for this long.
_SETTLE_IDLE_S = 60.0
_SETTLE_SENT_IDLE_S = 300.0

_LOOKED_AT_ONCE = 2000
_BEFORE_ALL = -(2**63)

Also = Callable[[Database], None]


class Store:
    """For one thread. Raises StorageError, DiskFull, DatabaseCorrupt; then nothing has changed."""

    def __init__(self, database: Database, mono_s: Callable[[], float], guest: Guest) -> None:
        self._database, self._guest = database, guest
        self._mono_s = mono_s
        self._epochs = tables.read_epochs(database)
        self._marks = read_marks(database)
        self._last_row = tables.last_row_id(database, self._marks)
        self._sent = self._marks.sent_rows
        self._acked_row = self._marks.acked_row
        self._open = OpenEvents.read(database, self._marks.open_floor)
        self._shedder = Shedder()
        self._has_gaps = bool(database.value("SELECT EXISTS(SELECT 1 FROM gap)"))
        self._announced: tuple[int, int] | None = None  # (gap revision, last row then)
        self._undated_row: int | None = None  # newest row of an unset clock; None: not looked yet
        self._dirty_since_s: float | None = None
        self._settled_s = float("-inf")
        self.pages = Pages(database, guest)
        self._looked_row = _BEFORE_ALL  # so far, see `look_through`
        self.numbers_lost = False  # higher ones may have been given: begin a new epoch

    def close(self) -> None:
        self._database.close()

    # --- facts ---

    @property
    def epoch(self) -> str:
        return self._epochs[-1].id

    @property
    def last_seq(self) -> int:
        return self._last_row - self._epochs[-1].base

    @property
    def last_row(self) -> int:
        return self._last_row

    @property
    def damaged(self) -> int:
        """Rows that were put aside since the file was made."""
        return self._marks.damaged

    @property
    def epochs(self) -> tuple[str, ...]:
        """Every epoch of which something may still be told, the current one first."""
        ours = [epoch.id for epoch in reversed(self._epochs)]
        return tuple(dict.fromkeys([*ours, *tables.gap_epochs(self._database)]))

    @property
    def sent(self) -> str:
        """What the broker took, as RangeSet.dump of row ids."""
        return self._sent.dump()

    def head(self) -> Head:
        marks = replace(self._marks, acked_row=self._acked_row)
        return tables.read_head(self._database, self._epochs, marks)

    def open_events(self) -> tuple[OrphanedEvent, ...]:
        found = []
        for event_id, row_id in self._open.events():
            for row in self._rows("row_id = ?", row_id):
                found.append(OrphanedEvent(event_id, row.camera, row.label, row))
        return tuple(found)

    def _rows(self, where: str, *parameters: int) -> list[Row]:
        return [each.row for each in self._found(where, *parameters) if each.row is not None]

    def _found(self, where: str, *parameters: int) -> list[tables.FoundRow]:
        unchecked = self._marks.unchecked_row
        return tables.find_rows(self._database, self._epochs, unchecked, where, parameters)

    @property
    def settle_deadline_s(self) -> float | None:
        """When the marks that wait should have a commit of their own; None: nothing waits."""
        if self._dirty_since_s is None:
            return None
        acked = self._acked_row != self._marks.acked_row
        return self._dirty_since_s + (_SETTLE_IDLE_S if acked else _SETTLE_SENT_IDLE_S)

    # --- what the publisher reported ---

    def mark_sent(self, row_ids: Iterable[int]) -> None:
        for row_id in row_ids:
            self._sent.add(row_id)
            self._dirty()

    def acknowledge(self, watermark: Position) -> AckOutcome:
        """AHEAD changes nothing: the caller begins a new epoch."""
        base = self._epochs[-1].base
        if watermark.epoch != self.epoch:
            return AckOutcome.IGNORED
        row_id = base + watermark.seq
        if row_id > self._last_row:
            return AckOutcome.AHEAD
        if self._acked_row is not None and row_id <= self._acked_row:
            return AckOutcome.IGNORED
        self._acked_row = row_id
        self._dirty()
        return AckOutcome.ADVANCED

    def gaps_announced(self, revision: int) -> None:
        if revision == self._marks.gap_revision:
            self._announced = (revision, self._last_row)

    def _dirty(self) -> None:
        if self._dirty_since_s is None:
            self._dirty_since_s = self._mono_s()

    # --- transactions ---

    def append(
        self, drafts: Sequence[Draft], lost: Unsequenced | None, also: Also | None = None
    ) -> tuple[Row, ...]:
        """Store all drafts in one durable commit, and note what was lost before them.

        `also` writes what belongs to these drafts into other tables, in the same transaction.
        Alone it is not flushed: what no message was told of, its owner finds again.
        """
        started: dict[EventId, int] = {}
        rows: list[Row] = []
        durable = bool(drafts) or lost is not None
        with self._database.transaction(durable=durable):
            last = tables.last_row_id(self._database, self._marks)
            for row_id, draft in enumerate(drafts, start=last + 1):
                first = started.setdefault(
                    draft.event_id, self._open.first_row(draft.event_id, row_id)
                )
                rows.append(self._insert(draft, row_id, first))
            if also is not None:
                also(self._database)
            marks = with_lost(self._marks, lost)
            due = self._settle_due()
            marks = self._settle(marks, last) if due else marks
            write_marks(self._database, self._marks, marks)
        self._committed(marks, settled=due)
        self._last_row = last + len(rows)
        for row, draft in zip(rows, drafts, strict=True):
            self._open.note(row.event_id, row.phase, row.row_id, row.event_row, live=draft.live)
            if self._undated_row is not None and not is_trusted(draft.created.quality):
                self._undated_row = row.row_id
        return tuple(rows)

    def settle(self, lost: Unsequenced | None) -> None:
        """Commit the waiting marks and deletes now."""
        with self._database.transaction():
            marks = self._settle(with_lost(self._marks, lost), self._last_row)
            write_marks(self._database, self._marks, marks)
        self._committed(marks, settled=True)

    def begin_epoch(self, epoch: str, reason: str) -> None:
        """Others may know more of the current epoch than we do: leave it, delete nothing."""
        old, fresh = self._epochs[-1], tables.Epoch(self._last_row, epoch)
        if self._acked_row is not None and self._acked_row > old.base:
            self._sent.add(old.base + 1, self._acked_row)  # the server has them, under this epoch
        with self._database.transaction():
            run = tables.LostRun(fresh.base - old.base + 1, None)
            tables.add_gap(self._database, old.id, reason, run)
            tables.put_epoch(self._database, fresh)
            marks = replace(
                self._marks,
                gap_revision=self._marks.gap_revision + 1,
                last_row=fresh.base,
                acked_row=None,
                sent=self._sent.dump(),
            )
            write_marks(self._database, self._marks, marks)
        older = self._epochs if old.base < fresh.base else self._epochs[:-1]
        self._epochs = (*older, fresh)
        self._acked_row = None
        self._has_gaps = True
        self.numbers_lost = False
        self._committed(marks, settled=False)

    def announce_lost(self, lost: Iterable[tables.Lost]) -> None:
        """Epochs of other files, which will not come."""
        with self._database.transaction():
            for one in lost:
                tables.add_gap(self._database, one.epoch, one.reason, tables.LostRun(1, None))
            marks = replace(self._marks, gap_revision=self._marks.gap_revision + 1)
            write_marks(self._database, self._marks, marks)
        self._has_gaps = True
        self._committed(marks, settled=False)

    # --- damage ---

    def put_aside(self, damage: Damage) -> None:
        """Delete what is damaged, announce what is lost by it, and count it."""
        with self._database.transaction():
            for row_id in damage.rows:
                self._database.execute("DELETE FROM row WHERE row_id = ?", (row_id,))
            lost = [Victim(row_id, None, 0) for row_id in damage.lost if self._may_lack(row_id)]
            announced = self._note_gaps(lost, "corrupt")
            marks = self._rest(
                replace(
                    self._marks,
                    gap_revision=self._marks.gap_revision + int(announced),
                    last_row=damage.last_row,
                    damaged=self._marks.damaged + len(set(damage.rows) | set(damage.lost)),
                )
            )
            write_marks(self._database, self._marks, marks)
        for row_id in damage.rows:
            self._open.forget(row_id)
        self._last_row = marks.last_row
        self._has_gaps = self._has_gaps or announced
        self.numbers_lost = self.numbers_lost or damage.numbers_lost
        self._committed(marks, settled=False)

    def examine(self, row_ids: Iterable[int], *, undecodable: bool) -> None:
        """Somebody could not read these: put aside what is damaged.
        `undecodable`: they say nothing, whatever their checksum is."""
        found = [each for row_id in row_ids for each in self._found("row_id = ?", row_id)]
        self._put_rows_aside([each for each in found if undecodable or each.row is None])

    def look_through(self) -> None:
        """Read on through the rows of a file too large for the start."""
        where = f"row_id > ? ORDER BY row_id LIMIT {_LOOKED_AT_ONCE}"
        unchecked = self._marks.unchecked_row
        found = tables.find_rows(
            self._database, self._epochs, unchecked, where, (self._looked_row,)
        )
        self._looked_row = found[-1].row_id if len(found) == _LOOKED_AT_ONCE else _BEFORE_ALL
        self._put_rows_aside([each for each in found if each.row is None])

    def _put_rows_aside(self, found: Sequence[tables.FoundRow]) -> None:
        if found:
            rows = tuple(each.row_id for each in found)
            self.put_aside(Damage(rows, rows, self._last_row))

    def mend_guest(self) -> None:
        """Forget what is damaged in the guest's tables."""
        with self._database.transaction():
            self._guest.mend(self._database)

    def shed(self, demand: Demand) -> int:
        """Shed what this demand asks for; how many rows went."""
        keep = set(self._open.newest_rows())
        victims = self._shedder.pick(self._database, demand, self._sent, keep)
        return self._remove(victims, "quota")

    def shed_old(self, now: ClockReading, max_age_s: float) -> int:
        """Shed rows that outlived `max_age_s`; how many went. Notes that the clock is right."""
        if not is_trusted(now.quality):
            return 0
        first = self._database.value("SELECT min(row_id) FROM row")
        if first is None:
            return 0
        sync = SyncMarks(self._marks.sync_marks)
        if self._undated(sync):
            sync.note(self._last_row, first, now)
            marks = replace(self._marks, sync_marks=sync.dump())
            with self._database.transaction():
                write_marks(self._database, self._marks, marks)
            self._committed(marks, settled=False)
        keep = set(self._open.newest_rows())
        victims = too_old(self._database, sync, now, max_age_s)
        return self._remove([victim for victim in victims if victim.row_id not in keep], "age")

    def refuse(self, row_ids: Iterable[int]) -> int:
        """The broker will never take these; how many went."""
        victims = []
        for row_id in row_ids:
            for (label,) in self._database.rows(
                "SELECT label FROM row WHERE row_id = ?", (row_id,)
            ):
                victims.append(Victim(row_id, tables.label_of(label), 0))
        return self._remove(victims, "refused")

    # --- inside a transaction ---

    def _settle_due(self) -> bool:
        if self._dirty_since_s is None:
            return False
        acked = self._acked_row != self._marks.acked_row
        every_s = SETTLE_EVERY_S if acked else SETTLE_SENT_EVERY_S
        return self._mono_s() >= self._settled_s + every_s

    def _insert(self, draft: Draft, row_id: int, event_row: int) -> Row:
        row = draft.row(row_id, tables.position_of(self._epochs, row_id), event_row)
        tables.insert(self._database, row, draft)
        return row

    def _settle(self, marks: Marks, last_row: int) -> Marks:
        """Delete what is acknowledged, clear announced gaps; the marks to write."""
        if self._acked_row is not None:
            removal.delete_acknowledged(
                self._database, self._open.newest_rows(), self._epochs[-1].base, self._acked_row
            )
            marks = self._clear_gaps(marks)
        first = self._database.value("SELECT min(row_id) FROM row")
        self._sent.discard_through(last_row if first is None else int(first) - 1)
        return replace(
            marks,
            last_row=last_row,
            first_row=last_row + 1 if first is None else int(first),
            acked_row=self._acked_row,
            sent=self._sent.dump(),
            open_floor=self._open.floor(last_row),
        )

    def _clear_gaps(self, marks: Marks) -> Marks:
        if not self._has_gaps and not marks.unsequenced:
            return marks
        acked_row = self._acked_row or 0
        seq = acked_row - self._epochs[-1].base
        self._database.execute("DELETE FROM gap WHERE epoch = ? AND last <= ?", (self.epoch, seq))
        if self._announced is None or self._announced[0] != marks.gap_revision:
            return marks
        if acked_row <= self._announced[1]:
            return marks
        # The server has something that was sent after the announcement, so it has that too.
        self._database.execute("DELETE FROM gap WHERE epoch <> ? OR last IS NULL", (self.epoch,))
        return replace(marks, unsequenced="")

    def _remove(self, victims: Sequence[Victim], reason: str) -> int:
        """Delete rows and note as a gap those that the server may lack."""
        if not victims:
            return 0
        with self._database.transaction():
            for victim in victims:
                self._database.execute("DELETE FROM row WHERE row_id = ?", (victim.row_id,))
            announced = self._note_gaps([v for v in victims if self._may_lack(v.row_id)], reason)
            revision = self._marks.gap_revision + int(announced)
            marks = self._rest(replace(self._marks, gap_revision=revision, last_row=self._last_row))
            write_marks(self._database, self._marks, marks)
        self._has_gaps = self._has_gaps or announced
        self._committed(marks, settled=False)
        return len(victims)

    def _may_lack(self, row_id: int) -> bool:
        """False for what the server has, and for what only a server without ackpos was sent."""
        if row_id <= self._epochs[-1].base or self._acked_row is None:
            return row_id not in self._sent
        return row_id > self._acked_row

    def _rest(self, marks: Marks) -> Marks:
        return removal.marks_of_rest(self._database, marks, self._sent)

    def _note_gaps(self, victims: Iterable[Victim], reason: str) -> bool:
        return removal.note_gaps(self._database, self._epochs, victims, reason)

    def _undated(self, sync: SyncMarks) -> bool:
        """Whether a row of an unset clock still has no moment from which it ages."""
        if self._undated_row is None:
            self._undated_row = newest_undated(self._database)
        return self._undated_row > 0 and sync.dated(self._undated_row) is None

    def _committed(self, marks: Marks, *, settled: bool) -> None:
        self._marks = marks
        if settled:
            self._settled_s = self._mono_s()
            self._dirty_since_s = None
