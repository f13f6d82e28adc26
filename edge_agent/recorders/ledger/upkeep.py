"""What the ledger asks of the outbox, in whose database it lies."""

from __future__ import annotations

import logging
from collections.abc import Callable

from edge_agent.outbox import Database, Guest
from edge_agent.recorders.ledger import rows

log = logging.getLogger(__name__)

#: What a row takes in the database beside its texts, its index and half-filled pages included.
_FILE_BYTES, _CLIP_BYTES = 60, 220
#: Counting the ledger of a hundred thousand files takes a tenth of a second.
_MEASURE_EVERY_S = 60.0


class LedgerUpkeep(Guest):
    """Measures and mends the ledger; for the writer thread."""

    def __init__(self, mono_s: Callable[[], float]) -> None:
        self._mono_s = mono_s
        self._measured_s = float("-inf")
        self._size_bytes = 0

    def size_bytes(self, database: Database) -> int:
        """About what the ledger takes of the database."""
        if self._mono_s() >= self._measured_s + _MEASURE_EVERY_S:
            self._measured_s = self._mono_s()
            self._size_bytes = _measure(database)
        return self._size_bytes

    def mend(self, database: Database) -> None:
        """Forget what is damaged; it is found again."""
        dropped = rows.drop_damaged(database)
        if dropped:
            log.warning("%d entries of the recorders' ledger were damaged: found again", dropped)


def _measure(database: Database) -> int:
    ((files, reasons),) = database.rows(
        "SELECT count(*), total(ifnull(length(path), 0) + ifnull(length(reason), 0)) FROM file"
    )
    ((clips, texts),) = database.rows(
        "SELECT count(*), total(length(path) + length(reason) + length(open_events)) FROM clip"
    )
    carry = database.value("SELECT total(length(carry) + length(open_events)) FROM run")
    return int(files * _FILE_BYTES + reasons + clips * _CLIP_BYTES + texts + carry)
