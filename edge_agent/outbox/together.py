"""Messages and rows of the guest's tables in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.outbox.outbox import Outbox
from edge_agent.outbox.row import Draft, Row, Unencodable
from edge_agent.outbox.store import Also, Store


def commit_together(outbox: Outbox, drafts: Sequence[Draft], also: Also) -> tuple[Row, ...] | None:
    """These messages and what `also` writes: all of it is stored, or nothing; durably where there
    are messages.

    None: storage refused, so the same must be tried again later; unlike messages of live
    cameras they do not wait in memory. A message that cannot be encoded is counted as lost
    and does not hold up the others. For the writer thread.
    """
    stored: list[Row] = []

    def work(store: Store) -> None:
        rows = store.append(drafts, None, also)
        stored[:] = rows

    while True:
        try:
            return tuple(stored) if outbox.tried(work) else None
        except Unencodable as error:
            outbox.count_lost(error.draft)
            drafts = [draft for draft in drafts if draft is not error.draft]
