"""A read-only connection that follows the writer when it puts a new file in the old one's place."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from edge_agent.errors import StorageError
from edge_agent.outbox.database import Connect, Database, Value
from edge_agent.outbox.opening import open_to_read

T = TypeVar("T")


class ReopenedDatabase:
    """For one thread. Opened when first used; raises StorageError when there is none."""

    def __init__(self, path: Path, connect: Connect) -> None:
        self._path = path
        self._connect = connect
        self._database: Database | None = None
        self._inode = 0

    def rows(self, sql: str, parameters: Sequence[Value] = ()) -> list[Any]:
        """The answer to one statement."""
        return self.read(lambda database: database.rows(sql, parameters))

    def read(self, read: Callable[[Database], T]) -> T:
        """For one statement, which is a snapshot by itself."""
        database = self._open()
        try:
            return read(database)
        except StorageError:
            self.close()
            raise

    def snapshot(self, read: Callable[[Database], T]) -> T:
        """Run `read` inside one short read transaction."""

        def inside(database: Database) -> T:
            with database.transaction("DEFERRED"):
                return read(database)

        return self.read(inside)

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _open(self) -> Database:
        try:
            inode = self._path.stat().st_ino
        except OSError as error:
            self.close()
            raise StorageError(f"{self._path}: {error.strerror}") from error
        if self._database is None or inode != self._inode:
            self.close()
            self._database, self._inode = open_to_read(self._path, self._connect), inode
            with contextlib.suppress(StorageError):
                self._database.execute("PRAGMA cache_size=-512")
        return self._database
