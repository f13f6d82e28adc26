"""What is shed when space or time runs out, and in which order.

    sent, motion.update, motion, person.update (and health.update), person and health start/end

Each oldest first; the last class only when the whole quota is used, the others already in its
last 5 %. Rows that the broker has taken go without a word while the server never writes ackpos;
everything else is announced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_agent.clock import ClockReading, is_trusted
from edge_agent.config.storage import OutboxConfig
from edge_agent.domain import Label
from edge_agent.outbox.database import Database
from edge_agent.outbox.ranges import RangeSet
from edge_agent.outbox.tables import label_of

#: Above this share of the quota everything but person start/end is shed.
SOFT_SHARE = 0.95

#: One transaction sheds at most this many rows: half a second on a slow card.
MAX_ROWS_PER_STEP = 512

#: So that a tiny disk still keeps a few hundred messages.
MIN_QUOTA_BYTES = 256 * 1024

#: What a row takes beside its topic and payload.
_ROW_OVERHEAD_BYTES = 170

_MAX_SYNC_MARKS = 64

_CLASSES = (
    "label = 'motion' AND phase = 'update'",
    "label = 'motion' AND phase <> 'update'",
    "label <> 'motion' AND phase = 'update'",
    "label <> 'motion' AND phase <> 'update'",
)
_LAST_CLASS = len(_CLASSES) - 1


@dataclass(frozen=True, slots=True)
class Victim:
    """A row to shed."""

    row_id: int
    label: Label | None  # None: of a damaged row
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Demand:
    """How much must go, and how far down the order it may reach."""

    size_bytes: int
    spare_persons: bool


class Shedder:
    """Picks victims. Remembers where it found none, so that a big table is scanned only once."""

    def __init__(self) -> None:
        self._floors = [0] * len(_CLASSES)

    def pick(
        self, database: Database, demand: Demand, sent: RangeSet, keep: AbstractSet[int]
    ) -> list[Victim]:
        """At most MAX_ROWS_PER_STEP rows, the least important first; `keep` is never among them."""
        picked: list[Victim] = []
        seen: set[int] = set(keep)
        need_bytes = demand.size_bytes
        for victim in self._candidates(database, demand, sent, keep):
            if need_bytes <= 0 or len(picked) >= MAX_ROWS_PER_STEP:
                break
            if victim.row_id not in seen:
                seen.add(victim.row_id)
                picked.append(victim)
                need_bytes -= victim.size_bytes
        return picked

    def _candidates(
        self, database: Database, demand: Demand, sent: RangeSet, keep: AbstractSet[int]
    ) -> Iterator[Victim]:
        for first, last in sent:
            yield from _select(database, "row_id BETWEEN ? AND ?", (first, last))
        classes = _LAST_CLASS if demand.spare_persons else len(_CLASSES)
        for number in range(classes):
            yield from self._of_class(database, number, keep)

    def _of_class(self, database: Database, number: int, keep: AbstractSet[int]) -> list[Victim]:
        floor = self._floors[number]
        found = _select(database, f"row_id >= ? AND {_CLASSES[number]}", (floor,))
        if found:
            self._floors[number] = min(found[0].row_id, *keep) if keep else found[0].row_id
        elif not keep:
            self._floors[number] = (database.value("SELECT max(row_id) FROM row") or 0) + 1
        return found


def _select(database: Database, where: str, parameters: Sequence[int]) -> list[Victim]:
    rows = database.rows(
        # `where` is always a fixed text of this module.
        "SELECT row_id, label, length(topic) + length(payload) FROM row"  # noqa: S608
        f" WHERE {where} ORDER BY row_id LIMIT {MAX_ROWS_PER_STEP}",
        parameters,
    )
    return [Victim(row[0], label_of(row[1]), row[2] + _ROW_OVERHEAD_BYTES) for row in rows]


def demand_of(used_bytes: int, quota_bytes: int) -> Demand | None:
    """What a table of this size must give up; None when it fits."""
    soft_bytes = int(quota_bytes * SOFT_SHARE)
    if used_bytes <= soft_bytes:
        return None
    # One percent more, so that the next row does not shed again.
    return Demand(
        used_bytes - soft_bytes + quota_bytes // 100, spare_persons=used_bytes <= quota_bytes
    )


def quota_of(state_dir: Path, limits: OutboxConfig) -> int:
    """The smaller of `max_mb` and the share of the disk, in bytes."""
    quota_bytes = limits.max_mb * 1_000_000
    try:
        disk = os.statvfs(state_dir)
    except OSError:
        return quota_bytes
    share_bytes = int(disk.f_blocks * disk.f_frsize * limits.max_disk_frac)
    return max(min(quota_bytes, share_bytes), MIN_QUOTA_BYTES)


# --- age --------------------------------------------------------------------------------


class SyncMarks:
    """From when rows dated by an unset clock age: from the first sync after them.

    Otherwise the arrival of NTP would make a row of 1970 56 years old at once.
    """

    def __init__(self, dump: str) -> None:
        marks: list[tuple[int, float]] = msgspec.json.decode(dump, type=list[tuple[int, float]])
        self._marks = marks

    def note(self, last_row: int, first_row: int, now: ClockReading) -> None:
        """The clock is right now, and rows up to `last_row` exist."""
        marks = [mark for mark in self._marks if mark[0] >= first_row]
        if not marks or marks[-1][0] < last_row:
            marks.append((last_row, round(now.utc_s, 3)))
        if len(marks) > _MAX_SYNC_MARKS:
            del marks[1]  # rows of this mark then count as younger than they are
        self._marks = marks

    def dated(self, row_id: int) -> float | None:
        """The UTC from which this undated row ages; None while it does not."""
        return next((utc_s for last, utc_s in self._marks if row_id <= last), None)

    def dump(self) -> str:
        return msgspec.json.encode(self._marks).decode()


def newest_undated(database: Database) -> int:
    """The newest row of an unset clock; 0: there is none."""
    newest = database.value(
        "SELECT max(row_id) FROM row WHERE quality NOT IN ('synced', 'holdover')"
    )
    return int(newest or 0)


def too_old(
    database: Database, marks: SyncMarks, now: ClockReading, max_age_s: float
) -> list[Victim]:
    """The oldest rows, as far as they have outlived their time; none while now is not known."""
    if not is_trusted(now.quality):
        return []
    victims: list[Victim] = []
    for row_id, label, utc_ms, quality in database.rows(
        "SELECT row_id, label, utc_ms, quality FROM row ORDER BY row_id LIMIT ?",
        (MAX_ROWS_PER_STEP,),
    ):
        if not isinstance(utc_ms, int):
            continue  # damaged: found when it is read
        known = is_trusted(quality)
        since_s = utc_ms / 1000 if known else marks.dated(row_id)
        if since_s is not None and now.utc_s - since_s > max_age_s:
            victims.append(Victim(row_id, label_of(label), 0))
    return victims
