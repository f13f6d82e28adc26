"""From a file to a healthy `Store`, as far as the file can be made healthy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge_agent.outbox import tables
from edge_agent.outbox.damage import find_damage
from edge_agent.outbox.database import Connect
from edge_agent.outbox.guest import Guest
from edge_agent.outbox.marks import read_marks
from edge_agent.outbox.opening import open_database
from edge_agent.outbox.store import Store

#: Reading every page and row of a bigger file at each start would take too long; damage there is
#: found when it is met, or by `Store.look_through`.
_CHECK_BELOW_BYTES = 16_000_000


def open_store(
    path: Path,
    connect: Connect,
    beginning: tables.Beginning,
    mono_s: Callable[[], float],
    guest: Guest,
) -> Store:
    """Open or create; a new file begins as `beginning` says. Damaged rows are put aside.

    Raises StorageError, DatabaseCorrupt, StateOfNewerAgent.
    """
    database = open_database(path, connect)
    try:
        small = path.stat().st_size < _CHECK_BELOW_BYTES
        if small:
            tables.check(database)
        epochs = tables.read_epochs(database)
        if not epochs:
            tables.begin(database, beginning)
        tables.gap_epochs(database)  # looks at each
        damage = find_damage(database, epochs, read_marks(database)) if small and epochs else None
        store = Store(database, mono_s, guest)
        if damage:
            store.put_aside(damage)
        store.mend_guest()
    except BaseException:
        database.close()
        raise
    return store
