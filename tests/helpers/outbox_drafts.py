"""Ready-made drafts and outboxes for tests of the outbox and of its power cuts."""

from __future__ import annotations

import itertools
import sqlite3
from pathlib import Path
from typing import Any

from edge_agent.clock import ClockQuality, ManualClock
from edge_agent.config import OutboxConfig
from edge_agent.contract import Position, new_ulid
from edge_agent.domain import CameraId, EventId, Label, Phase
from edge_agent.outbox import Draft, Outbox

ROOMY = OutboxConfig(max_mb=256, max_disk_frac=1.0)

_numbers = itertools.count(1)


def ulid() -> str:
    return new_ulid(1.0, next(_numbers).to_bytes(10, "big"))


def draft(
    clock: ManualClock,
    label: Label = Label.PERSON,
    phase: Phase = Phase.START,
    *,
    event_id: str | None = None,
    size: int = 900,
    live: bool = True,
) -> Draft:
    """A draft whose payload begins with its position and has this size."""
    message_id = ulid()

    def encode(position: Position) -> tuple[str, bytes]:
        text = f"{position.epoch} {position.seq} {message_id} "
        return f"ea/v1/w/b/ev/yard/{label}", text.encode().ljust(size, b".")

    return Draft(
        message_id,
        EventId(event_id or ulid()),
        CameraId("yard"),
        label,
        phase,
        clock.read(),
        encode,
        live,
    )


def single(clock: ManualClock, label: Label = Label.PERSON, **options: Any) -> Draft:
    """A message that leaves no event open."""
    return draft(clock, label, Phase.END, **options)


def open_outbox(folder: Path, clock: ManualClock | None = None, **options: Any) -> Outbox:
    limits = options.pop("limits", ROOMY)
    return Outbox.open(folder, limits=limits, clock=clock or ManualClock(), **options)


def unset_clock() -> ManualClock:
    return ManualClock(utc_s=100.0, quality=ClockQuality.UNSET)


def stored(folder: Path) -> list[tuple[int, str]]:
    """(row_id, message_id) of every row, read behind the outbox's back."""
    database = sqlite3.connect(folder / "outbox.db")
    try:
        return list(database.execute("SELECT row_id, message_id FROM row ORDER BY row_id"))
    finally:
        database.close()


class Dispatch:
    """A Connect whose connections can be told to fail: `error` is raised by every change."""

    def __init__(self) -> None:
        self.error_code: int | None = None

    def __call__(self, path: Path, read_only: bool) -> Failing:
        if self.error_code == sqlite3.SQLITE_CANTOPEN:
            raise sqlite_error(self.error_code)
        from edge_agent.outbox import connect_sqlite

        return Failing(self, connect_sqlite(path, read_only))


class Failing:
    def __init__(self, owner: Dispatch, inner: Any) -> None:
        self._owner, self._inner = owner, inner

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        code = self._owner.error_code
        if code is not None and sql.startswith(("BEGIN", "PRAGMA wal_checkpoint")):
            raise sqlite_error(code)
        return self._inner.execute(sql, parameters)

    def close(self) -> None:
        self._inner.close()


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(f"injected error {code}")
    error.sqlite_errorcode = code
    return error
