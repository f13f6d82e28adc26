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

from edge_agent.errors import InvariantBroken, StorageError

DATABASE = "outbox.db"

Value = str | bytes | int | float | None

_BUSY_TIMEOUT_MS = 5000
_WAL_LIMIT_BYTES = 4_000_000

PRAGMAS = (
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
_CORRUPT = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_FORMAT,
    # Keys that are there already, values of another kind than was ever written: what we keep
    # in mind is not what the file holds.
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
}
#: Of SQLITE_ERROR, which else is a bug of ours: a schema that lost a name.
_LOST_NAMES = ("no such table", "no such column", "no such index", "malformed")


class DiskFull(StorageError):
    """There is no room for this transaction."""


class DatabaseCorrupt(StorageError):
    """The file is not a database, or a damaged one."""


class SqlConnection(Protocol):
    """The part of sqlite3.Connection that is used; errors are sqlite3's, with their code."""

    def execute(self, sql: str, parameters: Sequence[Value] = (), /) -> Iterable[Any]: ...

    def close(self) -> None: ...


#: Opens a file; the second argument says read-only.
Connect = Callable[[Path, bool], SqlConnection]


def connect_sqlite(path: Path, read_only: bool) -> SqlConnection:
    """With Python's own sqlite3, transactions by hand. Used by one thread at a time."""
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_BUSY_TIMEOUT_MS / 1000,
    )
    connection.text_factory = _text
    return connection


def _text(data: bytes) -> str:
    """Also of a damaged text: its checksum tells."""
    return data.decode(errors="surrogateescape")


class Database:
    """A connection whose errors are ours. Raises StorageError, DiskFull, DatabaseCorrupt."""

    def __init__(self, path: Path, connect: Connect, *, read_only: bool = False) -> None:
        self.path = path
        with _translated(path):
            self._connection = connect(path, read_only)
        self._flushes = True  # as PRAGMAS set it

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
    def transaction(self, kind: str = "IMMEDIATE", *, durable: bool = True) -> Iterator[None]:
        """Everything inside is committed, or nothing is.

        `durable` False: it waits for no flush. A crash of the process loses nothing then; a power
        cut may lose it, but only together with all that was committed since.
        """
        if durable is not self._flushes:
            self.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._flushes = durable
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
        if code in _CORRUPT or any(words in str(error) for words in _LOST_NAMES):
            raise DatabaseCorrupt(f"{path}: {error}") from error
        if code in _FAILING:
            raise StorageError(f"{path}: {error}") from error
        raise InvariantBroken(f"{path}: {error}") from error
