"""Rows that this broker does not take for their size: kept, passed over, tried again.

A broker whose limit is below what the contract asks for is a person's mistake, as an ACL that
denies is: it must not cost an outbox. MQTT 5 says its limit; a broker of 3.1.1 breaks the
connection, each time, and what it broke over is found by sending one message at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.contract import MAX_MESSAGE_BYTES
from edge_agent.outbox import Row

#: Topic, properties and header of a PUBLISH, generously, beside its payload.
OVERHEAD_BYTES = 64

#: So often a message may break the connection before it is passed over.
_BREAKS = 3
#: Then it is tried again after so long, doubling, as after a denial.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 60.0, 1800.0
#: Messages taken one at a time after a connection broke with several under way.
_CAREFUL_MESSAGES = 20


def packet_bytes(topic: str, payload: bytes) -> int:
    """What a PUBLISH of this takes, at most."""
    return len(payload) + len(topic) + OVERHEAD_BYTES


@dataclass(frozen=True, slots=True)
class Holding:
    """What waits for a larger limit."""

    rows: int
    limit_bytes: int
    lowest_seq: int  # of `epoch`
    epoch: str

    def __str__(self) -> str:
        return (
            f"the broker takes packets of {self.limit_bytes} bytes at most, so that {self.rows} "
            f"events wait on this box: set its max_packet_size to {MAX_MESSAGE_BYTES} or more"
        )


class SizeLimit:
    """Belongs to the publisher thread; outlives connections. Seconds are monotonic."""

    def __init__(self) -> None:
        self._named: int | None = None  # by the broker of this connection
        self._learned: int | None = None  # from connections that broke
        self._learned_until_s = float("-inf")
        self._pause_s = _FIRST_PAUSE_S
        self._breaks: dict[int, int] = {}
        self._careful = 0
        self._held: dict[int, Row] = {}

    def begin(self, named: int | None, now_s: float) -> None:
        """A new connection, whose broker names this limit: everything is tried again."""
        self._named = named
        self._held.clear()
        if now_s >= self._learned_until_s:
            self._learned = None

    @property
    def most_bytes(self) -> int | None:
        """The largest packet that may be sent; None: as far as we know, any."""
        known = [limit for limit in (self._named, self._learned) if limit is not None]
        return min(known, default=None)

    def fits(self, size_bytes: int) -> bool:
        most = self.most_bytes
        return most is None or size_bytes <= most

    @property
    def is_as_agreed(self) -> bool:
        """The broker takes what the contract asks for: what is larger, no broker takes."""
        most = self.most_bytes
        return most is None or most >= MAX_MESSAGE_BYTES

    def window(self, limit: int) -> int:
        """How many may be under way."""
        return 1 if self._careful else limit

    def hold(self, row: Row) -> bool:
        """Pass this row over; True when it is the first."""
        first = not self._held
        self._held[row.row_id] = row
        return first

    def expired(self, now_s: float) -> bool:
        """True once, when what was learned should be tried again."""
        if self._learned is None or now_s < self._learned_until_s:
            return False
        self._learned = None
        return True

    def taken(self, row: Row) -> None:
        """The broker took this one."""
        self._breaks.pop(row.row_id, None)
        self._careful = max(0, self._careful - 1)
        if self._learned is None and self._breaks == {}:
            self._pause_s = _FIRST_PAUSE_S

    def broke(self, under_way: Sequence[Row], now_s: float) -> Row | None:
        """The connection broke with these rows unacknowledged; the row that is passed over from
        now on, if one broke it too often."""
        if len(under_way) != 1:
            self._careful = _CAREFUL_MESSAGES if under_way else self._careful
            return None
        self._careful = _CAREFUL_MESSAGES
        (row,) = under_way
        count = self._breaks.get(row.row_id, 0) + 1
        self._breaks = {row.row_id: count}
        if count < _BREAKS:
            return None
        self._breaks = {row.row_id: _BREAKS - 1}  # the next try, after the pause, is one try
        self._learned = packet_bytes(row.topic, row.payload) - 1
        self._learned_until_s = now_s + self._pause_s
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        return row

    def holding(self) -> Holding | None:
        most = self.most_bytes
        if not self._held or most is None:
            return None
        newest = self._held[max(self._held)].position.epoch
        seqs = [row.position.seq for row in self._held.values() if row.position.epoch == newest]
        return Holding(len(self._held), most, min(seqs), newest)
