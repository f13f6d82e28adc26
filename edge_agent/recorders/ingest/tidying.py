"""Forgets files of the ledger that recorders have deleted, so that it does not grow for years.

Only what is older than any clip would be taken: should it come back, it is too old. A few rows at
a time, while nothing else is to do; a file that still lies there is remembered.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.outbox import Also, Database
from edge_agent.recorders.ledger import LedgerReader, OldFile
from edge_agent.recorders.ledger import rows as ledger

#: A hundred thousand rows are looked through in some hours; a camera makes 1,440 a day.
ROWS = 250
EVERY_S = 30.0
#: Beyond the age at which clips are left out: clocks are wrong and time zones change.
MARGIN_S = 7 * 86400.0


class Tidying:
    """For the ingest thread."""

    def __init__(
        self, max_age_s: float, is_seen: Callable[[Path], bool], reader: LedgerReader, clock: Clock
    ) -> None:
        """`is_seen`: whether the folder of this path is there, so that a missing file is gone."""
        self._max_age_s = max_age_s
        self._is_seen = is_seen
        self._reader = reader
        self._clock = clock
        self._due_s = clock.mono_s() + EVERY_S
        self._after = -1  # the newest row that was looked at

    def due(self) -> Also | None:
        """What to store now; None: nothing is to be forgotten."""
        now_s = self._clock.mono_s()
        if now_s < self._due_s:
            return None
        self._due_s = now_s + EVERY_S
        before_s = self._clock.read().utc_s - self._max_age_s - MARGIN_S
        rows = self._reader.old_files(before_s, self._after, ROWS)
        self._after = rows[-1].key if len(rows) == ROWS else -1
        gone = [row for row in rows if self._is_gone(row)]
        return _forgetting(gone) if gone else None

    def _is_gone(self, row: OldFile) -> bool:
        return not os.path.lexists(row.path) and self._is_seen(row.path)


def _forgetting(files: Sequence[OldFile]) -> Also:
    def also(database: Database) -> None:
        ledger.forget(database, files)

    return also
