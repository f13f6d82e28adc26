"""The writer of the outbox, and what it does when storage does not obey.

A healthy database is `Store`'s business. Here: drafts wait in RAM while the disk is full,
read-only or failing; a damaged file is put aside and a new epoch begins; a server that knows
more than we do begins a new epoch too; and the quota is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType

from edge_agent.clock import Clock
from edge_agent.config.storage import OutboxConfig
from edge_agent.contract import Position, Unsequenced
from edge_agent.errors import AgentError, StorageError
from edge_agent.outbox.database import Connect, connect_sqlite
from edge_agent.outbox.guest import NO_GUEST, Guest
from edge_agent.outbox.keeper import StoreKeeper, alarm_of
from edge_agent.outbox.live_marks import LiveMarks
from edge_agent.outbox.lock import StateDirLock
from edge_agent.outbox.reserve import Reserve
from edge_agent.outbox.retention import Demand, demand_of, quota_of
from edge_agent.outbox.row import (
    AckOutcome,
    Alarm,
    AlarmKind,
    Draft,
    Head,
    OrphanedEvent,
    Row,
    Unencodable,
)
from edge_agent.outbox.spill import CAPACITY, Spill
from edge_agent.outbox.store import Store

log = logging.getLogger(__name__)

_MAINTAIN_EVERY_S = 60.0
_RETRY_EVERY_S = 5.0
_DRAFTS_PER_COMMIT = 64
_SHED_STEPS = 4

#: Below this share of the quota the shortage is over; the next one is told again.
_RELAXED_SHARE = 0.8

#: What a full disk must give up for a group of new rows.
_ROOM_BYTES = 128 * 1024


class Outbox:
    """Owned by the writer thread: every method is called by one thread at a time.

    Only `open`, `head` and `close` raise; all others keep what they cannot store and try again.
    Rows that waited may be returned by any later `append`, `flush` or `maintain`.
    """

    def __init__(
        self,
        state_dir: Path,
        lock: StateDirLock,
        limits: OutboxConfig,
        clock: Clock,
        connect: Connect,
        guest: Guest,
    ) -> None:
        """Use `open`."""
        self._state_dir = state_dir
        self._limits, self._clock = limits, clock
        self._spill = Spill(CAPACITY)
        self._quota_bytes = quota_of(state_dir, limits)
        self._reserve = Reserve(state_dir, self._quota_bytes)
        self._alarms: list[Alarm] = []
        self._failed_s: float | None = None
        self._live_marks = LiveMarks()
        self.shedding = False  # since the quota was reached, until there is room again
        self._maintained_s = clock.mono_s()
        self._keeper = StoreKeeper(
            state_dir,
            lock,
            clock,
            connect=connect,
            guest=guest,
            alarm=self._alarm,
            make_room=self._make_room,
        )
        self._keeper.log_bytes = self._quota_bytes // 8

    @classmethod
    def open(
        cls,
        state_dir: Path,
        *,
        limits: OutboxConfig,
        clock: Clock,
        connect: Connect = connect_sqlite,
        guest: Guest = NO_GUEST,
    ) -> Outbox:
        """Lock the directory, then open or create the database.

        Raises StateDirLocked (naming the pid), StorageError for a missing directory,
        StateOfNewerAgent. A disk that cannot be written is none: drafts wait in RAM.
        """
        outbox = cls(state_dir, StateDirLock(state_dir), limits, clock, connect, guest)
        try:
            outbox._keeper.ensure()
            outbox._reserve.ensure()
        except StorageError as error:
            outbox._fail(error)
        except AgentError:
            outbox._keeper.close()
            raise
        return outbox

    def __enter__(self) -> Outbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Store what waits, as far as that is possible, and let the directory go."""
        self._failed_s = None
        self.flush()
        if len(self._spill):
            log.error("outbox: %d messages that could not be stored are lost", len(self._spill))
        self._live_marks.close()
        self._keeper.close()

    @property
    def _store(self) -> Store | None:
        return self._keeper.store

    # --- facts ---

    def head(self) -> Head:
        """Raises StorageError while there is no database."""
        return self._keeper.attempt(Store.head)

    @property
    def epoch(self) -> str:
        return self.head().epoch

    @property
    def first_seq(self) -> int:
        return self.head().first_seq

    @property
    def last_seq(self) -> int:
        return self.head().last_seq

    @property
    def waiting(self) -> int:
        """Drafts that storage has refused so far; they are in RAM only."""
        return len(self._spill)

    @property
    def failing(self) -> bool:
        """Whether storage refused the last attempt."""
        return self._failed_s is not None

    def take_alarms(self) -> tuple[Alarm, ...]:
        """What a person should hear, once each."""
        alarms, self._alarms = self._alarms, []
        return tuple(alarms)

    def open_events(self) -> tuple[OrphanedEvent, ...]:
        """Live events without an `end`. Asked at start-up, before the first append."""
        try:
            return self._keeper.attempt(Store.open_events)
        except StorageError as error:
            self._fail(error)
            return ()

    def next_deadline_s(self) -> float:
        """The monotonic moment at which `maintain` wants to be called."""
        if self._failed_s is not None:
            return self._failed_s + _RETRY_EVERY_S
        deadline_s = self._maintained_s + _MAINTAIN_EVERY_S
        settle_s = None if self._store is None else self._store.settle_deadline_s
        return deadline_s if settle_s is None else min(deadline_s, settle_s)

    # --- changes ---

    def append(self, drafts: Iterable[Draft]) -> tuple[Row, ...]:
        """One group commit. What is returned is durable; hand it to the publisher.

        While storage fails nothing is returned, and the drafts wait in RAM.
        """
        self._spill.extend(drafts)
        return self._drain()

    def count_lost(self, draft: Draft) -> None:
        """This draft never reached the outbox; it is announced as unsequenced."""
        self._spill.count_lost(draft)

    def mark_sent(self, row_ids: Iterable[int]) -> None:
        """The broker acknowledged these. Made durable with a later commit."""
        if self._store is not None:
            self._store.mark_sent(row_ids)

    def acknowledge(self, epoch: str, seq: int) -> AckOutcome:
        """The server has everything up to `seq`: deleted with a later commit.

        AHEAD when the server knows more of this epoch than we do: the card was restored or
        cloned. Nothing is deleted; a new epoch begins before the next message is stored.
        """
        if self._store is None:
            return AckOutcome.IGNORED
        outcome = self._store.acknowledge(Position(epoch, seq))
        if outcome is AckOutcome.AHEAD:
            self._alarm(
                AlarmKind.REWOUND,
                f"the server knows seq {seq} of {epoch}, this box only {self._store.last_seq}: "
                "the card was restored or cloned; a new epoch begins and nothing is deleted",
            )
            self._keeper.rewind()
            self.tried(lambda _: None)
        return outcome

    def gaps_announced(self, revision: int) -> None:
        """The broker acknowledged every `_gap` of this GapReport."""
        if self._store is not None:
            self._store.gaps_announced(revision)

    def refuse(self, row_ids: Iterable[int]) -> None:
        """The broker will never take these rows (0x90, 0x95, 0x99): shed them, with a gap."""
        wanted = tuple(row_ids)
        self.tried(lambda store: store.refuse(wanted))

    def damaged(self, row_ids: Iterable[int], *, undecodable: bool = False) -> None:
        """A reader could not read these rows; without any, the bookkeeping or the file.

        What is damaged is put aside and announced, the file as a whole if need be.
        `undecodable`: these rows say nothing, though they are as they were written.
        """
        try:
            self._keeper.examine(row_ids, undecodable=undecodable)
        except StorageError as error:
            self._fail(error)

    def look(self) -> None:
        """Notice a file that vanished under us, and tell `outbox stat` what was sent. Cheap: call
        it once a second."""
        why = self._keeper.look()
        if why:
            self._fail(StorageError(why))
        if self._store is not None:
            self._live_marks.write(self._store.epoch, self._store.sent)

    def flush(self) -> tuple[Row, ...]:
        """Store everything that waits, marks and deletes too."""
        rows = self._drain()
        lost = self._spill.lost
        if self.tried(lambda store: store.settle(lost)):
            self._spill.announced()
        return rows

    def maintain(self) -> tuple[Row, ...]:
        """Keep the quota and the age limit, try again what failed. Call at `next_deadline_s`."""
        rows = self._drain()
        now_s = self._clock.mono_s()
        if self._failed_s is not None:
            return rows
        if now_s >= self._maintained_s + _MAINTAIN_EVERY_S:
            self._maintained_s = now_s
            self._quota_bytes = quota_of(self._state_dir, self._limits)
            self._keep_quota()
            now, max_age_s = self._clock.read(), self._limits.max_age_days * 86400
            self.tried(lambda store: store.shed_old(now, max_age_s))
            self.tried(lambda store: store.pages.vacuum())
            self.tried(Store.mend_guest)
            self.tried(Store.look_through)
            self._keeper.note_epochs()
            self._reserve.ensure()
        settle_s = None if self._store is None else self._store.settle_deadline_s
        if settle_s is not None and now_s >= settle_s:
            self.tried(lambda store: store.settle(None))
        return rows

    # --- storage that fails ---

    def _drain(self) -> tuple[Row, ...]:
        """Turn the drafts that wait into rows, as far as storage lets us."""
        rows: list[Row] = []
        now_s = self._clock.mono_s()
        if self._failed_s is not None and now_s < self._failed_s + _RETRY_EVERY_S:
            self._spill.trim()
            return ()
        while (drafts := self._spill.waiting()[:_DRAFTS_PER_COMMIT]) or self._failed_s is not None:
            lost = self._spill.lost
            try:
                rows += self._keeper.attempt(partial(_store, drafts, lost))
            except Unencodable as error:
                self._drop(error)
                continue
            except StorageError as error:
                self._fail(error)
                self._spill.trim()
                return tuple(rows)
            self._spill.stored(len(drafts))
            self._spill.announced()
            self._heal()
        if rows:
            self._keep_quota()
        return tuple(rows)

    def tried(self, work: Callable[[Store], object]) -> bool:
        """Run `work`; False when storage refused it, which is then noted."""
        try:
            self._keeper.attempt(work)
        except StorageError as error:
            self._fail(error)
            return False
        return True

    def _make_room(self, store: Store) -> None:
        """On a full disk: give up the reserve, then what matters least."""
        released = self._reserve.release()
        store.pages.checkpoint()
        gone = store.shed(Demand(_ROOM_BYTES, spare_persons=True))
        store.pages.checkpoint()
        log.warning("outbox: disk full: reserve released: %s, %d rows shed", released, gone)

    def _fail(self, error: StorageError) -> None:
        if self._failed_s is None:
            self._alarm(AlarmKind.STORAGE, f"{error}; up to {CAPACITY} messages wait in memory")
        self._failed_s = self._clock.mono_s()

    def _heal(self) -> None:
        if self._failed_s is not None:
            self._failed_s = None
            self._alarm(AlarmKind.STORAGE_CLEARED, "storage works again")

    def _drop(self, error: Unencodable) -> None:
        """A draft that no payload can be made of must not hold up the others."""
        self._spill.remove(error.draft)
        self._spill.count_lost(error.draft)
        self._alarm(AlarmKind.UNENCODABLE, f"{error}: {error.__cause__}")

    # --- quota ---

    def _keep_quota(self) -> None:
        for _ in range(_SHED_STEPS):
            store = self._store
            if store is None:
                return
            try:
                used_bytes = store.pages.used_bytes()
                demand = demand_of(used_bytes, self._quota_bytes)
                gone = store.shed(demand) if demand is not None else 0
            except StorageError as error:
                self._fail(error)
                return
            if used_bytes < self._quota_bytes * _RELAXED_SHARE:
                self.shedding = False
            if not gone:
                return
            if not self.shedding:
                self.shedding = True
                self._alarm(
                    AlarmKind.SHEDDING,
                    f"the outbox is full ({self._quota_bytes // 1_000_000} MB): the least "
                    "important messages are shed and announced",
                )

    def _alarm(self, kind: AlarmKind, text: str) -> None:
        self._alarms.append(alarm_of(kind, text))


def _store(drafts: Sequence[Draft], lost: Unsequenced | None, store: Store) -> tuple[Row, ...]:
    """Store the drafts; without any, the marks that wait: it shows whether storage works again."""
    if drafts:
        return store.append(drafts, lost)
    store.settle(lost)
    return ()
