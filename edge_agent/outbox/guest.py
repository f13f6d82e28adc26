"""Tables of others in this database."""

from __future__ import annotations

from edge_agent.outbox.database import Database


class Guest:
    """Whose tables lie in the outbox's database, so that a row of theirs and a message can be one
    transaction. This one has none. Called by the writer thread."""

    def size_bytes(self, database: Database) -> int:
        """What the tables take; no part of the outbox's quota."""
        return 0

    def mend(self, database: Database) -> None:
        """Forget what is damaged in them. Inside a transaction."""


NO_GUEST = Guest()
