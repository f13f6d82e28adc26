"""`cmd/replay`: send a range again, and say of what is no longer here that it never comes."""

from __future__ import annotations

from collections import deque

from edge_agent.contract import Gap, GapRange, ReplayRange, is_ulid
from edge_agent.outbox import OutboxReader, Row

_BATCH = 32
_MAX_RANGES = 500  # of one `_gap`: about 20 kB

NOT_KEPT = "not_kept"


class Replay:
    """One range of one epoch, walked once in order. `last` of the current epoch is clipped to
    what exists, so that the future is never announced as lost."""

    def __init__(self, cmd_id: str, wanted: ReplayRange, reader: OutboxReader) -> None:
        """Raises StorageError."""
        self.cmd_id = cmd_id
        self.sent = 0
        self._epoch = wanted.epoch
        head = reader.head()
        last = min(wanted.last, head.last_seq) if wanted.epoch == head.epoch else wanted.last
        self._next_seq, self._last = wanted.first, last
        self._reader = reader
        self._rows: deque[Row] = deque()
        self._missing: list[GapRange] = []
        self._in_flight: set[int] = set()

    def peek(self) -> Row | None:
        """The next row, which stays next until `take`. Raises StorageError."""
        if not self._rows and self._next_seq <= self._last:
            rows = self._reader.rows_between(self._epoch, self._next_seq, self._last, _BATCH)
            for row in rows:
                self._miss_until(row.position.seq)
                self._next_seq = row.position.seq + 1
            self._rows.extend(rows)
            if len(rows) < _BATCH:
                self._miss_until(self._last + 1)
        return self._rows[0] if self._rows else None

    def take(self) -> None:
        self._in_flight.add(self._rows.popleft().row_id)
        self.sent += 1

    def skip(self) -> None:
        """The row of `peek` cannot be sent, now or soon: it counts as not kept."""
        seq = self._rows.popleft().position.seq
        self._missing.append(GapRange(seq, seq))

    @property
    def not_kept(self) -> int:
        """How many of the range were not sent."""
        return sum(span.last - span.first + 1 for span in self._missing if span.last is not None)

    def settled(self, row_id: int) -> None:
        """The broker acknowledged this one."""
        self._in_flight.discard(row_id)

    @property
    def walked(self) -> bool:
        """Everything was sent; `gaps` is complete."""
        return not self._rows and self._next_seq > self._last

    @property
    def finished(self) -> bool:
        return self.walked and not self._in_flight

    def gaps(self) -> list[Gap]:
        """What of the range is not here; nothing of an epoch that can be none."""
        if not is_ulid(self._epoch):
            return []
        self._missing.sort(key=lambda span: span.first)
        return [
            Gap(self._epoch, NOT_KEPT, tuple(self._missing[at : at + _MAX_RANGES]))
            for at in range(0, len(self._missing), _MAX_RANGES)
        ]

    def _miss_until(self, seq: int) -> None:
        if seq > self._next_seq:
            self._missing.append(GapRange(self._next_seq, seq - 1))
            self._next_seq = seq
