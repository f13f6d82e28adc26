"""The small facts beside the rows, one `meta` entry each, under one checksum."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from edge_agent.contract import Unsequenced
from edge_agent.errors import StorageError
from edge_agent.outbox.checksum import crc_of
from edge_agent.outbox.database import Database, DatabaseCorrupt, Value
from edge_agent.outbox.ranges import RangeSet
from edge_agent.outbox.spill import merged

_CRC = "crc"
#: Row ids are counted from 1; SQLite's own limit is far beyond.
_MOST_ROWS = 2**62


@dataclass(frozen=True, slots=True)
class Marks:
    """What is true of the rows as a whole."""

    last_row: int = 0  # highest row_id ever given, when rows above it are gone
    first_row: int = 1  # rows below it are gone for good: acknowledged, shed or announced
    unchecked_row: int = 0  # rows up to it are of an agent that knew no checksums
    acked_row: int | None = None  # the watermark of the current epoch, as a row_id
    sent: str = ""  # RangeSet of row_ids
    open_floor: int = 1  # no live event that is still open has its newest row below this
    gap_revision: int = 0
    unsequenced: str = ""  # JSON [count, from_utc_s, to_utc_s]
    sync_marks: str = "[]"  # JSON [[row_id, utc_s], ...]: see retention
    damaged: int = 0  # rows that were put aside since the file was made

    @property
    def sent_rows(self) -> RangeSet:
        return RangeSet.load(self.sent)

    @property
    def lost(self) -> Unsequenced | None:
        if not self.unsequenced:
            return None
        count, first, last = _json(self.unsequenced, tuple[int, float, float])
        return Unsequenced(count, first, last)

    @property
    def crc(self) -> int:
        return crc_of(*(getattr(self, name) for name in Marks.__slots__))


def _json(text: str, kind: Any) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, ValueError) as error:
        raise StorageError(f"outbox: damaged entry {text[:60]!r}") from error


def read_marks(database: Database) -> Marks:
    """Raises DatabaseCorrupt when they are not what was written."""
    found = dict(database.rows("SELECT key, value FROM meta"))
    marks = _marks(database, found)
    if found.get(_CRC) != marks.crc:
        raise DatabaseCorrupt(f"{database.path}: the bookkeeping is damaged")
    return marks


def read_unchecked_marks(database: Database) -> Marks:
    """Of an agent that knew no checksums. Raises DatabaseCorrupt."""
    return _marks(database, dict(database.rows("SELECT key, value FROM meta")))


def _marks(database: Database, found: dict[Any, Any]) -> Marks:
    known = {name: found[name] for name in Marks.__slots__ if name in found}
    marks = replace(Marks(), **known)
    try:
        for name in Marks.__slots__:
            _check_kind(getattr(marks, name), getattr(Marks(), name))
        _ = marks.sent_rows, marks.lost
        _json(marks.sync_marks, list[tuple[int, float]])
    except (StorageError, TypeError, ValueError) as error:
        raise DatabaseCorrupt(f"{database.path}: the bookkeeping is damaged: {error}") from error
    return marks


def _check_kind(value: object, example: object) -> None:
    if isinstance(example, str):
        sound = isinstance(value, str)
    else:
        sound = isinstance(value, int) and 0 <= value <= _MOST_ROWS
        sound = sound or (value is None and example is None)
    if not sound:
        raise ValueError(f"{value!r:.60}")


def with_lost(marks: Marks, lost: Unsequenced | None) -> Marks:
    """With these messages counted that never got a number."""
    total = merged(marks.lost, lost)
    if lost is None or total is None:
        return marks
    dump = msgspec.json.encode([total.count, total.from_utc_s, total.to_utc_s]).decode()
    return replace(marks, unsequenced=dump, gap_revision=marks.gap_revision + 1)


def write_marks(database: Database, old: Marks, new: Marks) -> None:
    """Write what differs, so that an unchanged page is not written again."""
    if new == old:
        return
    for name in Marks.__slots__:
        value: Value = getattr(new, name)
        if value != getattr(old, name):
            database.execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", (name, value))
    database.execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", (_CRC, new.crc))


def write_all_marks(database: Database, marks: Marks) -> None:
    """Whatever is there."""
    for name in Marks.__slots__:
        database.execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", (name, getattr(marks, name)))
    database.execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", (_CRC, marks.crc))
