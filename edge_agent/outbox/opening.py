"""Opens outbox.db: made, brought up to date, or refused in words."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import replace
from pathlib import Path

from edge_agent.errors import InvariantBroken, StateOfNewerAgent, StorageError
from edge_agent.outbox import tables
from edge_agent.outbox.database import PRAGMAS, Connect, Database, DatabaseCorrupt
from edge_agent.outbox.marks import read_unchecked_marks, write_all_marks
from edge_agent.outbox.schema import (
    CHECKED_VERSION,
    MOST_PLAUSIBLE_VERSION,
    SCHEMA_VERSION,
    migrate_step,
)
from edge_agent.outbox.writable import why_not_writable

_PRIVATE = 0o600


def open_database(path: Path, connect: Connect) -> Database:
    """Open for writing, creating and migrating as needed; nobody else may read the file.

    Raises StorageError, DatabaseCorrupt, and StateOfNewerAgent for a newer agent's file.
    """
    _make_private(path)
    try:
        database = Database(path, connect)
    except DatabaseCorrupt:
        raise
    except StorageError as error:
        raise StorageError(f"{error}{why_not_writable(path.parent)}") from error
    try:
        for pragma in PRAGMAS:
            database.execute(pragma)
        _migrate(database)
    except InvariantBroken as error:
        # Of our own statements, on a file that says it has our format: it is not what it says.
        database.close()
        raise DatabaseCorrupt(f"{path}: {error.__cause__}") from error
    except DatabaseCorrupt:
        database.close()
        raise
    except StorageError as error:
        database.close()
        raise StorageError(f"{error}{why_not_writable(path.parent)}") from error
    except BaseException:
        database.close()
        raise
    return database


def open_to_read(path: Path, connect: Connect) -> Database:
    """Open read-only; raises StorageError for a file that is not made, or of an older agent."""
    database = Database(path, connect, read_only=True)
    try:
        version = _version(database)
    except BaseException:
        database.close()
        raise
    if version < SCHEMA_VERSION:
        database.close()
        raise StorageError(f"{path}: is not made or updated yet; start edge-agent once")
    return database


def _version(database: Database) -> int:
    return int(database.value("PRAGMA user_version"))


def _make_private(path: Path) -> None:
    """Whatever the umask: SQLite gives its log and index the mode of the file itself.

    A file that is there is not opened: closing it would drop the locks of this process's readers.
    """
    with contextlib.suppress(OSError):
        try:
            if stat.S_IMODE(path.stat().st_mode) != _PRIVATE:
                path.chmod(_PRIVATE)
        except FileNotFoundError:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            os.close(os.open(path, flags, _PRIVATE))
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).chmod(_PRIVATE)


def _migrate(database: Database) -> None:
    version = _version(database)
    if version > MOST_PLAUSIBLE_VERSION or version < 0:
        raise DatabaseCorrupt(f"{database.path}: says it has format {version}")
    if version > SCHEMA_VERSION:
        raise StateOfNewerAgent(
            f"{database.path}: was written by a newer edge-agent (format {version}, this one knows "
            f"{SCHEMA_VERSION}); install that version again or move the file away"
        )
    for number in range(version, SCHEMA_VERSION):
        with database.transaction():
            migrate_step(database, number)
            if number + 1 == CHECKED_VERSION and version:
                _add_checksums(database)


def _add_checksums(database: Database) -> None:
    """The bookkeeping gets its checksums now. The rows would take too long, and more room than a
    full disk has: they go without, and are known by their numbers."""
    marks = read_unchecked_marks(database)
    epochs = tables.read_unchecked_epochs(database)
    if not epochs:
        return
    last = tables.last_row_id(database, marks)
    first = database.value("SELECT min(row_id) FROM row")
    fresh = replace(
        marks, last_row=last, unchecked_row=last, first_row=last + 1 if first is None else first
    )
    tables.write_checksums(database, epochs)
    write_all_marks(database, fresh)
