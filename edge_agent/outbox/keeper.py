"""Keeps a healthy `Store` at hand: opens it, puts a damaged one aside, follows one that vanished.

Whatever is wrong with the file, the way back is the same: a new file, a new epoch in it, and a
gap for each epoch of which nothing can come any more.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from edge_agent.clock import Clock
from edge_agent.contract import UlidGenerator
from edge_agent.errors import InvariantBroken, StateDirLocked, StorageError
from edge_agent.outbox import quarantine, tables
from edge_agent.outbox.database import DATABASE, Connect, DatabaseCorrupt, DiskFull
from edge_agent.outbox.guest import Guest
from edge_agent.outbox.lock import StateDirLock
from edge_agent.outbox.log_check import (
    is_of_this_boot,
    is_of_this_round,
    is_shorter,
    log_state,
    note_boot,
)
from edge_agent.outbox.marks import read_marks
from edge_agent.outbox.opening import open_to_read
from edge_agent.outbox.row import Alarm, AlarmKind
from edge_agent.outbox.store import Store
from edge_agent.outbox.store_opening import open_store
from edge_agent.outbox.tables import Beginning, Lost

log = logging.getLogger(__name__)

T = TypeVar("T")

#: A file that is damaged again so soon, so often, lies on a card that fails: no more files are
#: made on it for a while, and what comes waits in RAM.
_ASIDE_LIMIT = 3
_ASIDE_WINDOW_S = 600.0

#: What reading a value that no agent wrote may raise.
_UNREADABLE = (ArithmeticError, LookupError, TypeError, ValueError)


class StoreKeeper:
    """For the writer thread. Everything raises StorageError; the next call tries again."""

    def __init__(
        self,
        state_dir: Path,
        lock: StateDirLock,
        clock: Clock,
        *,
        connect: Connect,
        guest: Guest,
        alarm: Callable[[AlarmKind, str], None],
        make_room: Callable[[Store], None],
    ) -> None:
        """`make_room` is asked when the disk is full, before the work is tried once more."""
        self._state_dir, self._lock, self._clock = state_dir, lock, clock
        self._connect, self._guest = connect, guest
        self._alarm, self._make_room = alarm, make_room
        self._ids = UlidGenerator()
        self._base = 0  # row ids of a new file go on above this one
        self._file: tuple[int, int] | None = None  # device and inode of the open file
        self._left: dict[str, str] = {}  # epoch -> reason: of files that are out of reach
        self._aside_s: deque[float] = deque()
        self._noted: tuple[str, ...] = ()  # in the file beside the database
        self._rewound = False
        self._damaged = 0  # rows that were put aside, as far as they were told
        self.log_bytes = 4_000_000
        self.store: Store | None = None

    def attempt(self, work: Callable[[Store], T]) -> T:
        """Run `work` on a healthy store; heal what can be healed, once."""
        store = self.ensure()
        try:
            return work(store)
        except DatabaseCorrupt as error:
            self._set_aside(str(error))
            return work(self.ensure())
        except DiskFull:
            self._make_room(store)
            return work(store)
        except StorageError:
            # The handle may be of a card that was mounted anew: open again next time.
            self.close_store()
            raise
        except _UNREADABLE as error:
            log.exception("outbox: something in it does not read")
            self._set_aside(f"what it holds does not read: {error}")
            return work(self.ensure())

    def ensure(self) -> Store:
        """The open store, in the right epoch."""
        store = self.store
        if store is None:
            store = self.store = self._open()
        if self._rewound or store.numbers_lost:
            reason = "rewound" if self._rewound else "corrupt"
            store.begin_epoch(self._new_epoch(), reason)
            self._rewound = False
            self._note_epochs(store)
        self._tell_damage(store)
        return store

    def rewind(self) -> None:
        """The server knows more of this epoch than we do: leave it at the next occasion."""
        self._rewound = True

    def examine(self, row_ids: Iterable[int], *, undecodable: bool = False) -> None:
        """A reader met damage: in these rows, or without any in the file itself."""
        wanted = tuple(row_ids)
        if not wanted:
            self.attempt(self._look_anew)
            return
        self.attempt(lambda store: store.examine(wanted, undecodable=undecodable))
        if self.store is not None:
            self._tell_damage(self.store)

    def look(self) -> str:
        """Whether others still find the file that we write; else what became of it."""
        path = self._state_dir / DATABASE
        if self.store is None:
            return ""
        try:
            found = path.stat()
        except OSError as error:
            why = f"{path}: {error.strerror}"
        else:
            if (found.st_dev, found.st_ino) == self._file:
                return ""
            why = f"{path}: another file lies there now"
        self._leave(self.store, "storage")
        self._base = self.store.last_row
        self.close_store()
        return why

    def note_epochs(self) -> None:
        """What the file beside the database says, when that changed."""
        store = self.store
        with contextlib.suppress(StorageError):
            if store is not None and store.epochs != self._noted:
                self._note_epochs(store)

    def close_store(self) -> None:
        if self.store is not None:
            self.store.close()
            self.store = None

    def close(self) -> None:
        self.close_store()
        self._lock.release()

    # --- inside ---------------------------------------------------------------------------

    def _new_epoch(self) -> str:
        return self._ids.next(self._clock.read().utc_s)

    def _open(self) -> Store:
        self._find_folder()
        path = self._state_dir / DATABASE
        for _ in range(2):
            quarantine.clear_the_way(self._state_dir)
            known = quarantine.read_epochs_file(self._state_dir)
            is_new = not path.exists() or not path.stat().st_size
            lost = dict.fromkeys(known, "corrupt") | self._left if is_new else self._left
            beginning = Beginning(
                self._new_epoch(), self._base, tuple(Lost(*each) for each in lost.items())
            )
            before = log_state(path)
            told = is_of_this_boot(self._state_dir)
            if before is not None and not (told and is_of_this_round(before, path)):
                before = None
            try:
                store = open_store(path, self._connect, beginning, self._clock.mono_s, self._guest)
            except (DatabaseCorrupt, InvariantBroken, *_UNREADABLE) as error:
                self._set_aside(str(error))
                continue
            if before is not None and is_shorter(before, log_state(path)):
                store.numbers_lost = True
                text = f"{path}: its log is damaged: the newest messages are lost, and announced"
                self._alarm(AlarmKind.CORRUPT, text)
            try:
                self._adopt(store, path, lost, known, is_new=is_new)
            except BaseException:
                store.close()
                raise
            note_boot(self._state_dir)
            return store
        raise StorageError(f"{path}: damaged again right after it was made anew")

    def _adopt(
        self,
        store: Store,
        path: Path,
        lost: dict[str, str],
        known: tuple[str, ...],
        *,
        is_new: bool,
    ) -> None:
        store.pages.limit_log(self.log_bytes)
        if is_new and lost:
            text = f"{path}: what was in epoch {' and '.join(lost)} is lost"
            self._alarm(AlarmKind.CORRUPT, text)
        if not is_new and known and not set(known) & set(store.epochs):
            lost = dict.fromkeys(known, "corrupt") | lost  # another file lies in its place
        if not is_new:
            # The card of before is back: what was written elsewhere meanwhile is out of reach.
            store.announce_lost(
                [Lost(name, why) for name, why in lost.items() if name not in store.epochs]
            )
        found = path.stat()
        self._file = (found.st_dev, found.st_ino)
        self._left.clear()
        self._damaged = 0
        self._noted = known
        if store.epochs != known:
            self._note_epochs(store)

    def _find_folder(self) -> None:
        """Another one may lie in its place, which others may lock. Where it is gone and the folder
        around it is there and ours, it is made again."""
        if not self._state_dir.exists() and self._state_dir.parent.is_dir():
            try:
                self._state_dir.mkdir(mode=0o700)
            except OSError as error:
                raise StorageError(
                    f"{self._state_dir}: is gone, and cannot be made again: {error.strerror}"
                ) from error
        try:
            self._lock = self._lock.renewed()
        except StateDirLocked as error:
            raise StorageError(str(error)) from error

    def _look_anew(self, store: Store) -> None:
        """With eyes that remember nothing. Raises DatabaseCorrupt."""
        del store
        database = open_to_read(self._state_dir / DATABASE, self._connect)
        try:
            tables.check(database)
            tables.read_epochs(database)
            read_marks(database)
            tables.gap_epochs(database)
        finally:
            database.close()

    def _tell_damage(self, store: Store) -> None:
        if store.damaged > self._damaged:
            self._damaged = store.damaged
            text = f"{store.damaged} damaged rows were put aside and announced: the card may fail"
            self._alarm(AlarmKind.DAMAGED_ROWS, text)

    def _set_aside(self, reason: str) -> None:
        """Rename the damaged file; the next `ensure` makes a new one with a gap for its epochs."""
        now_s = self._clock.mono_s()
        while self._aside_s and now_s - self._aside_s[0] > _ASIDE_WINDOW_S:
            self._aside_s.popleft()
        if len(self._aside_s) >= _ASIDE_LIMIT:
            self.close_store()
            raise StorageError(f"{reason}; damaged again and again: change the card")
        self._aside_s.append(now_s)
        if self.store is not None:
            self._base = max(self._base, self.store.last_row)
        self.close_store()
        kept = quarantine.put_aside(self._state_dir)
        self._alarm(AlarmKind.CORRUPT, f"{reason}; kept as {kept}, a new epoch begins")

    def _leave(self, store: Store, reason: str) -> None:
        try:
            epochs = store.epochs
        except StorageError:
            epochs = (store.epoch,)
        self._left |= dict.fromkeys(epochs, reason)

    def _note_epochs(self, store: Store) -> None:
        epochs = store.epochs
        quarantine.write_epochs_file(self._state_dir, epochs)
        self._noted = epochs


def alarm_of(kind: AlarmKind, text: str) -> Alarm:
    log.warning("outbox: %s", text)
    return Alarm(kind, text)
