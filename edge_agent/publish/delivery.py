"""One connection's work: what is sent in which order, and what the broker's answers mean."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from edge_agent.contract import (
    CONTENT_TYPE,
    AckStatus,
    Gap,
    Position,
    decode_ackpos,
    encode_gap,
)
from edge_agent.errors import ContractError, StorageError
from edge_agent.mqtt import Acked, Connection, Incoming
from edge_agent.publish.announcements import Announcements
from edge_agent.publish.bench import Bench
from edge_agent.publish.commands import Reply
from edge_agent.publish.lanes import Lanes
from edge_agent.publish.pacing import TokenBucket
from edge_agent.publish.ports import CommandResult, Head, Row
from edge_agent.publish.replay import Replay
from edge_agent.publish.status import BoxIdentity
from edge_agent.publish.status_feed import StatusFeed
from edge_agent.publish.window import (
    TOO_LARGE,
    ControlParcel,
    GapParcel,
    RowParcel,
    SendWindow,
    Verdict,
    impossible_reason,
    verdict_of,
)

log = logging.getLogger(__name__)

#: Topic, properties and header of a PUBLISH, generously, beside its payload.
_OVERHEAD_BYTES = 64

#: How long the outbox is left alone after it could not be read.
_STORAGE_RETRY_S = 2.0

#: Rows are looked for this often even when nobody said that there are new ones.
_LOOK_EVERY_S = 5.0

#: More replays than this wait for nobody.
_MAX_REPLAYS = 8


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
        self._control: deque[Reply] = deque()
        self._feed = StatusFeed(bench, identity, now_s)
        self._replays: deque[Replay] = deque()
        self._replay_gaps: deque[Gap] = deque()
        self._top_sent_seq = 0  # of the head's epoch, that a broker has on this connection
        self._look_at_s = now_s
        self._unseen = True  # rows that were committed, but not looked at yet
        self._storage_at_s = float("-inf")
        self._complained: set[str] = set()
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
        self._control.extend(self._bench.desk.take_finished())
        self._send_control()
        if readable:
            self._try_outbox(lambda: self._send_rows(now_s), now_s)
        self._receive(min(timeout_s, self._wait_s(self._bench.clock.mono_s())))

    def _try_outbox(self, work: Callable[[], None], now_s: float) -> bool:
        """False while the outbox cannot be read; everything else goes on."""
        if now_s < self._storage_at_s:
            return False
        try:
            work()
        except StorageError as error:
            log.warning("the outbox cannot be read: %s", error)
            self._storage_at_s = now_s + _STORAGE_RETRY_S
            return False
        return True

    @property
    def idle(self) -> bool:
        """Nothing live is left to send or unacknowledged: a good moment to stop."""
        if len(self._window) or self._control or self._feed.waiting:
            return False
        return not self._lanes.live_waits or self._bench.pause.active(self._bench.clock.mono_s())

    @property
    def in_flight(self) -> int:
        return len(self._window)

    def leave(self) -> None:
        """Say `offline` instead of the will."""
        self._feed.leave(self._head)

    # --- what there is to send --------------------------------------------------------------

    def _look(self, now_s: float) -> None:
        """Is there anything new in the outbox? Raises StorageError; then it is still unseen."""
        if not self._unseen and now_s < self._look_at_s:
            return
        head = self._bench.reader.head()
        self._announcements.update(self._bench.reader.gaps())
        if head.epoch != self._head.epoch:
            self._watermark, self._top_sent_seq = head.watermark, 0
            self._bench.resend.progress()
            self._bench.board.mark_all_changed()
        self._head = head
        self._lanes.committed()
        self._unseen, self._look_at_s = False, now_s + _LOOK_EVERY_S

    # --- sending ------------------------------------------------------------------------------

    def _send_control(self) -> None:
        """Statuses, answers and images go before events: few, and somebody waits for them."""
        while self._feed.waiting and self._window.room():
            topic, payload = self._feed.waiting.popleft()
            mid = self._connection.publish(topic, payload, retain=True)
            self._window.add(mid, ControlParcel(topic))
        while self._control and self._window.room():
            reply = self._control.popleft()
            mid = self._connection.publish(
                reply.topic, reply.payload, expiry_s=reply.expiry_s, correlation=reply.correlation
            )
            self._window.add(mid, ControlParcel(reply.topic))

    def _send_rows(self, now_s: float) -> None:
        """Raises StorageError."""
        pause = self._bench.pause
        if pause.active(now_s):
            return
        if self._bench.resend.due(now_s, outstanding=self._owes_progress()):
            log.info("no progress of the server's watermark %s: sending again", self._watermark)
            self._announcements.send_again()
            self._lanes.send_again(now_s)
        limit = pause.window(self._window.limit)
        while self._window.room(limit) and self._send_one(now_s):
            pass

    def _owes_progress(self) -> bool:
        """The server lacks something that the broker took. While the backlog still runs nobody
        can be late: beginning again would starve its end."""
        watermark = self._watermark
        if watermark is None or self._lanes.backlog_runs:
            return False
        epoch = self._head.epoch
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
        row, most = parcel.row, self._connection.max_packet_bytes
        size_bytes = len(row.payload) + len(row.topic) + _OVERHEAD_BYTES
        if most is not None and size_bytes > most:
            self._give_up(row, TOO_LARGE)
            return
        mid = self._connection.publish(row.topic, row.payload, content_type=CONTENT_TYPE)
        self._window.add(mid, parcel)

    def _send_gap(self, gap: Gap, revision: int | None) -> None:
        mid = self._connection.publish(self._bench.topics.gap, encode_gap(gap))
        self._window.add(mid, GapParcel(revision))
        self._bench.tally.gaps_sent += 1

    def _send_replay(self, now_s: float) -> bool:
        """Replays share the backlog's rate: a server that lost everything must not be flooded."""
        if self._replay_gaps:
            self._send_gap(self._replay_gaps.popleft(), None)
            return True
        if not self._replays:
            return False
        replay = self._replays[0]
        row = replay.peek()
        if row is not None:
            if not self._bucket.take(now_s):
                return False
            replay.take()
            self._send_row(RowParcel(row, of_replay=True))
            return True
        if not replay.finished:
            return False
        self._replays.popleft()
        gaps = replay.gaps()
        self._replay_gaps.extend(gaps)
        missing = sum(span.last - span.first + 1 for g in gaps for span in g.ranges if span.last)
        result = CommandResult(AckStatus.DONE, result={"sent": replay.sent, "not_kept": missing})
        self._control.append(self._bench.desk.finished(replay.cmd_id, result))
        return bool(gaps)

    # --- receiving ----------------------------------------------------------------------------

    def _wait_s(self, now_s: float) -> float:
        """Until this connection has something to do by itself."""
        if self._feed.waiting or self._control:
            return 0.0 if self._window.room() else 1.0
        if not self._window.room() or self._bench.pause.active(now_s):
            return 1.0
        wait_s = self._lanes.wait_s(now_s)
        if self._replays and not self._replays[0].walked:
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
                if verdict is Verdict.TAKEN:
                    sent.append(row.row_id)
                    self._row_taken(row, now_s)
                elif verdict is Verdict.IMPOSSIBLE:
                    self._give_up(row, signal.code)
                else:
                    self._refused(now_s, verdict, row.topic, signal.code)
            case GapParcel(revision):
                if verdict is Verdict.TAKEN:
                    if self._announcements.acknowledged(revision) and revision is not None:
                        bench.marks.gaps_announced(revision)
                elif revision is not None:
                    self._announcements.put_back()
                    self._refused(now_s, verdict, bench.topics.gap, signal.code)
            case ControlParcel(topic):
                if verdict is not Verdict.TAKEN and topic not in self._complained:
                    self._complained.add(topic)
                    log.error("the broker refused %s (0x%02X): check its ACL", topic, signal.code)

    def _settle(self, row: Row) -> None:
        self._lanes.settled(row.row_id)
        for replay in self._replays:
            replay.settled(row.row_id)

    def _row_taken(self, row: Row, now_s: float) -> None:
        tally = self._bench.tally
        tally.sent += 1
        tally.last_ack_s = now_s
        if row.position.epoch == self._head.epoch:
            self._top_sent_seq = max(self._top_sent_seq, row.position.seq)
        if self._bench.pause.accepted(now_s):
            log.warning("the broker takes events again")

    def _give_up(self, row: Row, code: int) -> None:
        reason = impossible_reason(code)
        log.error("event %s seq %d is given up: %s", row.event_id, row.position.seq, reason)
        self._lanes.settled(row.row_id)
        self._lanes.give_up(row.row_id)
        self._bench.tally.dead += 1
        self._bench.marks.dead((row.row_id,), reason)

    def _refused(self, now_s: float, verdict: Verdict, topic: str, code: int) -> None:
        """The message stays in the outbox and is tried again after a pause."""
        denied = verdict is Verdict.DENIED
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
            log.warning("ignored an ackpos: %s", error)
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
        outcome = self._bench.desk.handle(signal)
        self._control.extend(outcome.replies)
        if outcome.replay is None:
            return
        cmd_id, wanted = outcome.replay
        try:
            replay = Replay(cmd_id, wanted, self._bench.reader)
        except StorageError as error:
            self._fail_replay(cmd_id, str(error))
            return
        if len(self._replays) >= _MAX_REPLAYS:
            self._fail_replay(cmd_id, f"{_MAX_REPLAYS} replays wait already")
            return
        self._replays.append(replay)

    def _fail_replay(self, cmd_id: str, reason: str) -> None:
        failed = CommandResult(AckStatus.FAILED, reason)
        self._control.append(self._bench.desk.finished(cmd_id, failed))
