"""One connection's work: what is sent in which order, and what the broker's answers mean."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from edge_agent.contract import CONTENT_TYPE, Gap, Position, decode_ackpos, encode_gap
from edge_agent.errors import ContractError, StorageError
from edge_agent.mqtt import Acked, Connection, Incoming
from edge_agent.outbox import Head, Row
from edge_agent.publish.announcements import Announcements
from edge_agent.publish.bench import Bench
from edge_agent.publish.complaints import Complaints
from edge_agent.publish.control import ControlQueue
from edge_agent.publish.doubt import BrokerDoubt
from edge_agent.publish.fitting import fitted, fitting
from edge_agent.publish.held import packet_bytes
from edge_agent.publish.lanes import Lanes
from edge_agent.publish.pacing import TokenBucket
from edge_agent.publish.replays import ReplayQueue
from edge_agent.publish.status import BoxIdentity
from edge_agent.publish.status_feed import StatusFeed
from edge_agent.publish.window import (
    TOO_LARGE,
    ControlParcel,
    GapParcel,
    PubackVerdict,
    RowParcel,
    SendWindow,
    impossible_reason,
    verdict_of,
)

log = logging.getLogger(__name__)

#: How long the outbox is left alone after it could not be read.
_STORAGE_RETRY_S = 2.0

#: Rows are looked for this often even when nobody said that there are new ones.
_LOOK_EVERY_S = 5.0


class Delivery:
    """Lives as long as its connection. Raises BrokerUnreachable and BrokerRefused."""

    def __init__(
        self,
        connection: Connection,
        bench: Bench,
        identity: BoxIdentity,
        *,
        head: Head,
        window: int,
        backlog_per_s: float,
        backlog_wait_s: float,
    ) -> None:
        now_s = bench.clock.mono_s()
        self._connection, self._bench = connection, bench
        self._head = head
        self._watermark = head.watermark
        self._window = SendWindow(min(window, connection.receive_maximum))
        bucket = TokenBucket(backlog_per_s, now_s)
        self._bucket = bucket
        self._lanes = Lanes(bench.reader, head, bucket, backlog_from_s=now_s + backlog_wait_s)
        self._announcements = Announcements()
        self._doubt = BrokerDoubt()
        bench.sizes.begin(connection.max_packet_bytes, now_s)
        self._feed = StatusFeed(bench, identity, now_s)
        self._control = ControlQueue(connection, bench, self._feed)
        self._replays = ReplayQueue(bench.reader, bench.desk)
        self._replay_gaps: deque[Gap] = deque()
        self._answered_last = False
        self._top_sent_seq = 0  # of the head's epoch, that a broker has on this connection
        self._look_at_s = now_s
        self._unseen = True  # rows that were committed, but not looked at yet
        self._storage_at_s = float("-inf")
        self._bad_ackpos = Complaints(bench.clock)
        connection.subscribe((bench.topics.commands_filter,))

    # --- one turn -------------------------------------------------------------------------

    def turn(self, *, committed: bool, timeout_s: float = 1.0) -> None:
        """Send what may go, then take what comes, waiting at most `timeout_s` for it.

        `committed`: new rows were announced since the last turn.
        """
        now_s = self._bench.clock.mono_s()
        self._unseen = self._unseen or committed
        readable = self._try_outbox(lambda: self._look(now_s), now_s)
        self._feed.update(now_s, self._head, self._connection)
        self._control.add(self._bench.desk.take_finished())
        # Where the broker takes one message at a time, answers and events take turns.
        events_first = self._window.limit == 1 and self._answered_last
        if not events_first:
            self._control.send(self._window)
        if readable:
            self._try_outbox(lambda: self._send_rows(now_s), now_s)
        self._control.send(self._window)
        self._answered_last = not events_first
        self._receive(min(timeout_s, self._wait_s(self._bench.clock.mono_s())))

    def _try_outbox(self, work: Callable[[], None], now_s: float) -> bool:
        """False while the outbox cannot be read; everything else goes on."""
        if now_s < self._storage_at_s:
            return False
        try:
            work()
        except StorageError as error:
            self._bench.unreadable.say("the outbox cannot be read", error)
            self._storage_at_s = now_s + _STORAGE_RETRY_S
            return False
        return True

    @property
    def idle(self) -> bool:
        """Nothing live is left to send or unacknowledged: a good moment to stop."""
        if len(self._window) or self._control.waiting:
            return False
        return not self._lanes.live_waits or self._bench.pause.active(self._bench.clock.mono_s())

    @property
    def in_flight(self) -> int:
        return len(self._window)

    def broke(self) -> None:
        """The connection ended by itself: what was under way may be why."""
        self._control.broke()
        row = self._bench.sizes.broke(self._window.rows(), self._bench.clock.mono_s())
        if row is not None:
            log.error(
                "event %s seq %d (%d bytes) broke the connection again and again: it is passed "
                "over, kept, and tried again later; does the broker limit its packets "
                "(max_packet_size)?",
                row.event_id,
                row.position.seq,
                len(row.payload),
            )

    def leave(self) -> None:
        """Say `offline` instead of the will."""
        self._feed.leave(self._head)

    # --- what there is to send --------------------------------------------------------------

    def _look(self, now_s: float) -> None:
        """Is there anything new in the outbox? Raises StorageError; then it is still unseen."""
        if not self._unseen and now_s < self._look_at_s:
            return
        head = self._bench.reader.head()
        most = self._bench.sizes.most_bytes
        self._announcements.update(fitted(self._bench.reader.gaps(), most, self._bench.topics.gap))
        if head.epoch != self._head.epoch:
            self._watermark, self._top_sent_seq = head.watermark, 0
            self._bench.resend.progress()
            self._bench.board.mark_all_changed()
        self._head = head
        self._lanes.committed()
        self._unseen, self._look_at_s = False, now_s + _LOOK_EVERY_S

    # --- sending ------------------------------------------------------------------------------

    def _send_rows(self, now_s: float) -> None:
        """Raises StorageError."""
        pause = self._bench.pause
        if pause.active(now_s):
            return
        if self._bench.resend.due(now_s, outstanding=self._owes_progress()):
            log.info("no progress of the server's watermark %s: sending again", self._watermark)
            self._announcements.send_again()
            self._lanes.send_again(now_s)
        if self._bench.sizes.expired(now_s):
            self._lanes.try_again()
            self._lanes.send_again(now_s)
        limit = min(pause.window(self._window.limit), self._bench.sizes.window(self._window.limit))
        while self._window.room(limit) and self._send_one(now_s):
            pass

    def _owes_progress(self) -> bool:
        """The server lacks something that the broker took. While the backlog still runs nobody
        can be late: beginning again would starve its end."""
        watermark = self._watermark
        if watermark is None or self._lanes.backlog_runs:
            return False
        epoch, holding = self._head.epoch, self._bench.sizes.holding()
        if holding is not None and (holding.epoch, holding.lowest_seq) <= (epoch, watermark + 1):
            return False  # the server waits for what the broker does not take
        return self._top_sent_seq > watermark or self._announcements.outstanding(epoch, watermark)

    def _send_one(self, now_s: float) -> bool:
        """The most urgent message, if there is one."""
        row = self._lanes.next_live()
        if row is not None:
            self._send_row(RowParcel(row))
            return True
        gap = self._announcements.peek()
        if gap is not None:
            self._send_gap(gap, self._announcements.take())
            return True
        if self._send_replay(now_s):
            return True
        row = self._lanes.next_backlog(now_s)
        if row is not None:
            self._send_row(RowParcel(row))
        return row is not None

    def _send_row(self, parcel: RowParcel) -> None:
        row = parcel.row
        if not self._bench.sizes.fits(packet_bytes(row.topic, row.payload)):
            self._too_large(row)
            return
        mid = self._connection.publish(row.topic, row.payload, content_type=CONTENT_TYPE)
        self._window.add(mid, parcel)

    def _too_large(self, row: Row) -> None:
        """For this broker; kept until it takes more, unless no broker ever would."""
        sizes = self._bench.sizes
        if sizes.is_as_agreed:
            self._give_up(row, TOO_LARGE)
            return
        self._lanes.settled(row.row_id)
        self._lanes.give_up(row.row_id)
        if sizes.hold(row):
            log.error("%s", sizes.holding())

    def _send_gap(self, gap: Gap, revision: int | None) -> None:
        topic, payload = self._bench.topics.gap, encode_gap(gap)
        if not self._bench.sizes.fits(packet_bytes(topic, payload)):
            log.error("a _gap of %d bytes is more than the broker takes", len(payload))
            return
        mid = self._connection.publish(topic, payload)
        self._window.add(mid, GapParcel(revision))
        self._bench.tally.gaps_sent += 1

    def _send_replay(self, now_s: float) -> bool:
        """Replays share the backlog's rate: a server that lost everything must not be flooded."""
        if self._replay_gaps:
            self._send_gap(self._replay_gaps.popleft(), None)
            return True
        row = self._replays.peek()
        if row is not None:
            if not self._bench.sizes.fits(packet_bytes(row.topic, row.payload)):
                self._replays.skip()
                return True
            if not self._bucket.take(now_s):
                return False
            self._replays.take()
            self._send_row(RowParcel(row))
            return True
        finished = self._replays.finish()
        if finished is None:
            return False
        gaps, answer = finished
        for gap in gaps:
            self._replay_gaps.extend(
                fitting(gap, self._bench.sizes.most_bytes, self._bench.topics.gap)
            )
        self._control.add((answer,))
        return bool(gaps)

    # --- receiving ----------------------------------------------------------------------------

    def _wait_s(self, now_s: float) -> float:
        """Until this connection has something to do by itself."""
        if self._control.ready(self._window):
            return 0.0 if self._window.room() else 1.0
        if not self._window.room() or self._bench.pause.active(now_s):
            return 1.0
        wait_s = self._lanes.wait_s(now_s)
        if self._replays.sending:
            return self._bucket.wait_s(now_s)
        return 1.0 if wait_s is None else wait_s

    def _receive(self, timeout_s: float) -> None:
        sent: list[int] = []
        for signal in self._connection.poll(timeout_s):
            if isinstance(signal, Acked):
                self._acked(signal, sent)
            elif signal.topic == self._bench.topics.ackpos:
                self._ackpos(signal)
            else:
                self._command(signal)
        if sent:
            self._bench.reader.note_sent(sent)
            self._bench.marks.sent(sent)

    def _acked(self, signal: Acked, sent: list[int]) -> None:
        now_s, bench = self._bench.clock.mono_s(), self._bench
        verdict = verdict_of(signal.code)
        match self._window.take(signal.mid):
            case RowParcel(row):
                self._settle(row)
                if verdict is PubackVerdict.TAKEN:
                    sent.append(row.row_id)
                    self._row_taken(row, now_s)
                elif verdict is PubackVerdict.IMPOSSIBLE and signal.code == TOO_LARGE:
                    self._too_large(row)
                elif verdict is PubackVerdict.IMPOSSIBLE:
                    self._impossible(row, signal.code, now_s)
                else:
                    self._refused(now_s, verdict, row.topic, signal.code)
            case GapParcel(revision):
                if verdict is PubackVerdict.TAKEN:
                    if self._announcements.acknowledged(revision) and revision is not None:
                        bench.marks.gaps_announced(revision)
                elif revision is not None:
                    self._announcements.put_back()
                    self._refused(now_s, verdict, bench.topics.gap, signal.code)
            case ControlParcel() as parcel:
                self._control.acked(parcel, verdict, signal.code)

    def _settle(self, row: Row) -> None:
        self._lanes.settled(row.row_id)
        self._replays.settled(row.row_id)

    def _row_taken(self, row: Row, now_s: float) -> None:
        tally = self._bench.tally
        tally.sent += 1
        tally.last_ack_s = now_s
        self._bench.sizes.taken(row)
        if row.position.epoch == self._head.epoch:
            self._top_sent_seq = max(self._top_sent_seq, row.position.seq)
        if self._bench.pause.accepted(now_s):
            log.warning("the broker takes events again")
        if self._doubt.taken():
            self._lanes.try_again()
            self._lanes.send_again(now_s)

    def _impossible(self, row: Row, code: int, now_s: float) -> None:
        if self._doubt.called_impossible():
            self._give_up(row, code)
            return
        self._lanes.give_up(row.row_id)  # on this connection, until another one goes through
        self._refused(now_s, PubackVerdict.DENIED, row.topic, code)

    def _give_up(self, row: Row, code: int) -> None:
        reason = impossible_reason(code)
        log.error("event %s seq %d is given up: %s", row.event_id, row.position.seq, reason)
        self._lanes.settled(row.row_id)
        self._lanes.give_up(row.row_id)
        self._bench.tally.dead += 1
        self._bench.marks.dead((row.row_id,), reason)

    def _refused(self, now_s: float, verdict: PubackVerdict, topic: str, code: int) -> None:
        """The message stays in the outbox and is tried again after a pause."""
        denied = verdict is PubackVerdict.DENIED
        pause = self._bench.pause
        if pause.refused(now_s, denied=denied):
            log.error(
                "the broker %s %s (0x%02X): events stay on this box, trying again later",
                "does not let this box publish" if denied else "has no room for",
                topic,
                code,
            )
        self._lanes.send_again(now_s)

    def _ackpos(self, signal: Incoming) -> None:
        try:
            watermark = decode_ackpos(signal.payload)
        except ContractError as error:
            self._bench.tally.malformed += 1
            self._bad_ackpos.say("ignored an ackpos", error)
            return
        self._bench.marks.acknowledged(watermark)
        head = self._head
        if watermark.epoch != head.epoch:
            return
        if watermark.seq > head.last_seq:
            # Perhaps rows were committed since; if not, the writer begins a new epoch.
            self._look_at_s = float("-inf")
            head = self._refreshed(head)
            if watermark.epoch != head.epoch or watermark.seq > head.last_seq:
                return
        if self._watermark is None or watermark.seq > self._watermark:
            self._watermark = watermark.seq
            self._bench.resend.progress()
            self._lanes.acknowledged(Position(watermark.epoch, watermark.seq))

    def _refreshed(self, head: Head) -> Head:
        try:
            return self._bench.reader.head()
        except StorageError:
            return head

    def _command(self, signal: Incoming) -> None:
        outcome = self._bench.desk.handle(signal, self._bench.sizes.most_bytes)
        self._control.add(outcome.replies)
        if outcome.replay is not None:
            refusal = self._replays.begin(*outcome.replay)
            self._control.add((refusal,) if refusal else ())
