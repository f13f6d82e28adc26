"""The database as pages on a disk: how much of it is the outbox's, and when to give some back."""

from __future__ import annotations

from edge_agent.outbox.database import Database
from edge_agent.outbox.guest import Guest

#: Longer logs write less, because a page that changes often is copied only once.
_LOG_BYTES = 4_000_000

#: Free pages worth giving back to the disk.
_VACUUM_ABOVE_PAGES = 8192
_VACUUM_PAGES = 2048


class Pages:
    """For the writer thread. Raises StorageError, DatabaseCorrupt."""

    def __init__(self, database: Database, guest: Guest) -> None:
        self._database, self._guest = database, guest

    def used_bytes(self) -> int:
        """Bytes of pages that hold something of the outbox: all but the guest's."""
        pages, free = self._pragma("page_count"), self._pragma("freelist_count")
        guest_bytes = self._guest.size_bytes(self._database)
        return max(0, (pages - free) * self._pragma("page_size") - guest_bytes)

    def vacuum(self) -> None:
        """Give some free pages back to the disk, when there are many."""
        if self._pragma("freelist_count") > _VACUUM_ABOVE_PAGES:
            self._database.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")

    def limit_log(self, size_bytes: int) -> None:
        """Copy the write-ahead log into the table whenever it is this long, at most 4 MB."""
        pages = max(min(size_bytes, _LOG_BYTES) // self._pragma("page_size"), 16)
        self._database.execute(f"PRAGMA wal_autocheckpoint={pages}")

    def checkpoint(self) -> None:
        """Empty the write-ahead log, so that its space is free for others."""
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _pragma(self, name: str) -> int:
        return int(self._database.value(f"PRAGMA {name}"))
