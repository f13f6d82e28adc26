"""The SQLite file: how it is opened, what is in it, and what its errors mean.

WAL with synchronous=FULL: in a power-cut test NORMAL lost all 100 committed rows, FULL none.
No AUTOINCREMENT (a second table to write); the counter survives an empty table in `meta`.
Row ids never restart, also not with a new epoch: `seq = row_id - base of its epoch`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from edge_agent.errors import InvariantBroken, StateOfNewerAgent, StorageError

DATABASE = "outbox.db"

Value = str | bytes | int | float | None

_BUSY_TIMEOUT_MS = 5000
_WAL_LIMIT_BYTES = 4_000_000

_PRAGMAS = (
    # A row is then mostly pages of its own: deleting it frees them at once, though its neighbours
    # stay, and a commit writes 48 MiB a day where 4096 writes 63 to 76 (benchmarks/).
    "PRAGMA page_size=512",
    "PRAGMA auto_vacuum=INCREMENTAL",  # before the first table, or it has no effect
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    f"PRAGMA journal_size_limit={_WAL_LIMIT_BYTES}",
    f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}",
    "PRAGMA cache_size=-1024",
    "PRAGMA temp_store=MEMORY",
)

#: From user_version 0, 1, ... to the next. Never edit one that was released: add one.
_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE row(
            row_id INTEGER PRIMARY KEY,
            event_row INTEGER NOT NULL,
            message_id TEXT NOT NULL,
            event_id TEXT NOT NULL,
            camera TEXT NOT NULL,
            label TEXT NOT NULL,
            phase TEXT NOT NULL,
            live INTEGER NOT NULL,
            utc_ms INTEGER NOT NULL,
            quality TEXT NOT NULL,
            topic TEXT NOT NULL,
            payload BLOB NOT NULL)""",
        "CREATE TABLE epoch(base INTEGER PRIMARY KEY, id TEXT NOT NULL)",
        """CREATE TABLE gap(
            id INTEGER PRIMARY KEY,
            epoch TEXT NOT NULL,
            reason TEXT NOT NULL,
            first INTEGER NOT NULL,
            last INTEGER,
            motion INTEGER NOT NULL,
            person INTEGER NOT NULL,
            health INTEGER NOT NULL)""",
        "CREATE INDEX gap_by_first ON gap(epoch, reason, first)",
        "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    ),
    (  # the ledger of recorder files, see `ledger`
        """CREATE TABLE file(
            path_key INTEGER PRIMARY KEY,
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            clip INTEGER,
            camera TEXT,
            state TEXT,
            reason TEXT,
            path BLOB,
            at_s REAL)""",
        "CREATE INDEX file_left_out ON file(state, camera, mtime_ns) WHERE state IS NOT NULL",
        """CREATE TABLE clip(
            clip INTEGER PRIMARY KEY,
            camera TEXT NOT NULL,
            size INTEGER NOT NULL,
            digest BLOB NOT NULL,
            kind TEXT NOT NULL,
            start_s REAL NOT NULL,
            end_s REAL,
            time_source TEXT NOT NULL,
            offset_s REAL NOT NULL,
            err_s REAL NOT NULL,
            disputed INTEGER NOT NULL,
            path BLOB NOT NULL,
            mtime_ns INTEGER NOT NULL,
            found_s REAL NOT NULL,
            state TEXT NOT NULL,
            reason TEXT NOT NULL,
            told INTEGER NOT NULL,
            open_events BLOB NOT NULL)""",
        "CREATE INDEX clip_by_time ON clip(camera, state, start_s)",
        """CREATE TABLE run(
            clip INTEGER PRIMARY KEY,
            camera TEXT NOT NULL,
            start_s REAL NOT NULL,
            last_s REAL NOT NULL,
            end_s REAL NOT NULL,
            found_s REAL NOT NULL,
            carry BLOB NOT NULL,
            open_events BLOB NOT NULL)""",
    ),
)
_SCHEMA_VERSION = len(_MIGRATIONS)

_FULL = {sqlite3.SQLITE_FULL}
_FAILING = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_AUTH,
}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}


class DiskFull(StorageError):
    """There is no room for this transaction."""


class DatabaseCorrupt(StorageError):
    """The file is not a database, or a damaged one."""


class Connection(Protocol):
    """The part of sqlite3.Connection that is used; errors are sqlite3's, with their code."""

    def execute(self, sql: str, parameters: Sequence[Value] = (), /) -> Iterable[Any]: ...

    def close(self) -> None: ...


#: Opens a file; the second argument says read-only.
Connect = Callable[[Path, bool], Connection]


def connect_sqlite(path: Path, read_only: bool) -> Connection:
    """With Python's own sqlite3, transactions by hand. Used by one thread at a time."""
    mode = "ro" if read_only else "rwc"
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_BUSY_TIMEOUT_MS / 1000,
    )


class Database:
    """A connection whose errors are ours. Raises StorageError, DiskFull, DatabaseCorrupt."""

    def __init__(self, path: Path, connect: Connect, *, read_only: bool = False) -> None:
        self.path = path
        with _translated(path):
            self._connection = connect(path, read_only)

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> None:
        """Run a statement and ignore what it answers."""
        self.rows(sql, parameters)

    def rows(self, sql: str, parameters: Sequence[Value] = ()) -> list[Any]:
        """All rows of the answer, as tuples."""
        with _translated(self.path):
            return list(self._connection.execute(sql, parameters))

    def value(self, sql: str, parameters: Sequence[Value] = ()) -> Any:
        """The first column of the first row, or None when there is no row."""
        rows = self.rows(sql, parameters)
        return rows[0][0] if rows else None

    @contextlib.contextmanager
    def transaction(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        """Everything inside is committed, durably, or nothing is."""
        self.execute(f"BEGIN {kind}")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            # SQLite has already rolled back after some errors, and says so.
            with contextlib.suppress(StorageError, InvariantBroken):
                self.execute("ROLLBACK")
            raise

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _FULL:
            raise DiskFull(f"{path}: the disk is full") from error
        if code in _CORRUPT:
            raise DatabaseCorrupt(f"{path}: {error}") from error
        if code in _FAILING:
            raise StorageError(f"{path}: {error}") from error
        raise InvariantBroken(f"{path}: {error}") from error


def open_database(path: Path, connect: Connect) -> Database:
    """Open for writing, creating and migrating as needed.

    Raises StorageError, DatabaseCorrupt, and StateOfNewerAgent for a file of a newer agent.
    """
    database = Database(path, connect)
    try:
        for pragma in _PRAGMAS:
            database.execute(pragma)
        _migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def open_to_read(path: Path, connect: Connect) -> Database:
    """Open read-only; raises StorageError for a file that is not made, or of an older agent."""
    database = Database(path, connect, read_only=True)
    try:
        version = int(database.value("PRAGMA user_version"))
    except BaseException:
        database.close()
        raise
    if version < _SCHEMA_VERSION:
        database.close()
        raise StorageError(f"{path}: is not made or updated yet; start edge-agent once")
    return database


def _migrate(database: Database) -> None:
    version = int(database.value("PRAGMA user_version"))
    if version > _SCHEMA_VERSION:
        raise StateOfNewerAgent(
            f"{database.path}: was written by a newer edge-agent (format {version}, this one knows "
            f"{_SCHEMA_VERSION}); install that version again or move the file away"
        )
    for number in range(version, _SCHEMA_VERSION):
        with database.transaction():
            for statement in _MIGRATIONS[number]:
                database.execute(statement)
            database.execute(f"PRAGMA user_version={number + 1}")
