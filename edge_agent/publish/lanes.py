"""Which row goes next: what happens now before what happened while we were away.

    live      rows committed after this connection came up, at once, in order; older unsent
              rows of the same event go before them, so that no `end` comes without its `start`
    backlog   everything older, in order, at a limited rate, after a random wait

One object per connection. Pure but for the reader, which it asks in small batches.
"""

from __future__ import annotations

from collections import deque

from edge_agent.contract import Position
from edge_agent.outbox import Head, OutboxReader, Row
from edge_agent.publish.pacing import TokenBucket

_BATCH = 32


class Lanes:
    """Rows leave by `next_live` and `next_backlog`, each at most once per pass."""

    def __init__(
        self, reader: OutboxReader, head: Head, bucket: TokenBucket, *, backlog_from_s: float
    ) -> None:
        """`backlog_from_s`: monotonic; the backlog waits until then."""
        self._reader = reader
        self._bucket = bucket
        self._backlog_from_s = backlog_from_s
        self._floor = head.last_row_id
        self._watermark = None if head.watermark is None else Position(head.epoch, head.watermark)
        self._live: deque[Row] = deque()
        self._live_after = self._floor  # the newest row that was fetched
        self._live_sent = self._floor  # the newest row that went out
        self._live_may_have = False
        self._in_flight: set[int] = set()
        self._promoted: set[int] = set()
        self._promoted_events: set[str] = set()
        self._given_up: set[int] = set()
        self._backlog: deque[Row] = deque()
        self._begin_pass()

    def _begin_pass(self) -> None:
        self._backlog.clear()
        self._pass_after, self._pass_to = 0, self._live_sent
        self._pass_resends = self._watermark is not None
        self._pass_done = self._pass_to <= 0

    # --- what happened --------------------------------------------------------------------

    def committed(self) -> None:
        """There may be new rows."""
        self._live_may_have = True

    def acknowledged(self, watermark: Position) -> None:
        """The server has everything up to here. The first word of it in an epoch makes the
        rows above it be sent again."""
        first = self._watermark is None or self._watermark.epoch != watermark.epoch
        self._watermark = watermark
        if first:
            self._promoted.clear()
            self._begin_pass()

    def settled(self, row_id: int) -> None:
        """This row is no longer in flight."""
        self._in_flight.discard(row_id)

    def give_up(self, row_id: int) -> None:
        """The broker will never take this row, or not on this connection."""
        self._given_up.add(row_id)

    def send_again(self, backlog_from_s: float) -> None:
        """Go through the backlog from its beginning: after a pause, or without progress."""
        self._backlog_from_s = max(self._backlog_from_s, backlog_from_s)
        self._promoted.clear()
        # What went out live is backlog now: the end of such an event brings its start along.
        self._floor = max(self._floor, self._live_sent)
        self._promoted_events.clear()
        self._begin_pass()

    def try_again(self) -> None:
        """What was given up may be taken now."""
        self._given_up.clear()

    # --- what goes next -------------------------------------------------------------------

    def next_live(self) -> Row | None:
        """Raises StorageError."""
        while True:
            if not self._live and not self._fetch_live():
                return None
            row = self._live[0]
            if row.event_row <= self._floor and row.event_id not in self._promoted_events:
                self._promoted_events.add(row.event_id)
                self._promote_before(row)
                continue
            self._live.popleft()
            self._live_sent = max(self._live_sent, row.row_id)
            if self._skip(row):
                continue
            if row.row_id <= self._floor:
                self._promoted.add(row.row_id)
            self._in_flight.add(row.row_id)
            return row

    def next_backlog(self, now_s: float) -> Row | None:
        """Raises StorageError."""
        if now_s < self._backlog_from_s:
            return None
        while True:
            if not self._backlog and not self._fetch_backlog():
                return None
            row = self._backlog[0]
            if self._skip(row) or row.row_id in self._promoted:
                self._backlog.popleft()
                continue
            if not self._bucket.take(now_s):
                return None
            self._backlog.popleft()
            self._in_flight.add(row.row_id)
            return row

    def wait_s(self, now_s: float) -> float | None:
        """Until `next_backlog` may give something; None: nothing waits there."""
        if not self.backlog_runs:
            return None
        return max(self._backlog_from_s - now_s, self._bucket.wait_s(now_s), 0.0)

    @property
    def live_waits(self) -> bool:
        """Something live is to be sent, or may be."""
        return self._live_may_have or bool(self._live)

    @property
    def backlog_runs(self) -> bool:
        """A walk through the backlog is not at its end."""
        return not self._pass_done or bool(self._backlog)

    # --- inside ---------------------------------------------------------------------------

    def _fetch_live(self) -> bool:
        if not self._live_may_have:
            return False
        rows = self._reader.undelivered(self._live_after, _BATCH)
        self._live.extend(rows)
        if rows:
            self._live_after = rows[-1].row_id
        self._live_may_have = len(rows) == _BATCH
        return bool(rows)

    def _promote_before(self, row: Row) -> None:
        older = self._reader.earlier_rows(row)
        self._live.extendleft(each for each in reversed(older) if each.row_id <= self._floor)

    def _fetch_backlog(self) -> bool:
        if self._pass_done:
            return False
        rows = self._reader.undelivered(
            self._pass_after, _BATCH, up_to_row=self._pass_to, resend=self._pass_resends
        )
        self._backlog.extend(rows)
        if rows:
            self._pass_after = rows[-1].row_id
        self._pass_done = len(rows) < _BATCH
        return bool(rows)

    def _skip(self, row: Row) -> bool:
        if row.row_id in self._in_flight or row.row_id in self._given_up:
            return True
        mark = self._watermark
        here = row.position
        return mark is not None and here.epoch == mark.epoch and here.seq <= mark.seq
