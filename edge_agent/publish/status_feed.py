"""What a connection says of the box itself: `st/...` retained, `tm` on its own clock."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from dataclasses import replace

from edge_agent.contract import State, encode_telemetry
from edge_agent.errors import StorageError
from edge_agent.mqtt import Connection
from edge_agent.outbox import Head
from edge_agent.publish.bench import Bench
from edge_agent.publish.held import packet_bytes
from edge_agent.publish.status import BoxIdentity

TELEMETRY_EXPIRY_S = 120

#: Brokers lose retained messages (RabbitMQ's store is local to a node, a card is restored).
STATUS_EVERY_S = 600.0

DENIED = "the broker's ACL denies this box's events"

log = logging.getLogger(__name__)


class StatusFeed:
    """`waiting` are retained messages, oldest first; the delivery sends and removes them."""

    def __init__(self, bench: Bench, identity: BoxIdentity, now_s: float) -> None:
        self.waiting: deque[tuple[str, bytes]] = deque()
        self._bench, self._identity = bench, identity
        self._republished_s = now_s
        self._telemetry_at_s = now_s
        self._said = self._troubles()
        self._told_large = False
        self._backlog = 0
        self._leaving = False
        bench.board.mark_all_changed()

    def update(self, now_s: float, head: Head, connection: Connection) -> None:
        """Queue what changed, and send telemetry when it is due.

        Statuses go first: by telemetry the ward would have heard the cameras before their
        status says since when they stand so.
        """
        if self._leaving:
            return
        board, bench = self._bench.board, self._bench
        if now_s - self._republished_s >= STATUS_EVERY_S:
            self._republished_s = now_s
            board.mark_all_changed()
        before, self._said = self._said, self._troubles()
        if board.take_box_changed() or before != self._said:
            state, reasons = board.box()
            if self._said:
                state = State.DEGRADED if state is State.ONLINE else state
                reasons = (*reasons, *self._said)
            self._say(state, reasons, head)
        self.waiting.extend(board.take_changed())
        if bench.telemetry is not None and now_s >= self._telemetry_at_s and not self.waiting:
            self._telemetry_at_s = now_s + bench.telemetry_interval_s
            self._send_telemetry(head, connection)

    def _troubles(self) -> tuple[str, ...]:
        """Of this box with its broker."""
        bench = self._bench
        denied = (DENIED,) if bench.pause.denied else ()
        holding = bench.sizes.holding()
        rival = (bench.tally.rival,) if bench.tally.rival else ()
        return (*denied, *((str(holding),) if holding else ()), *rival)

    def leave(self, head: Head) -> None:
        """The last status of an orderly stop; nothing follows it."""
        self._leaving = True
        self.waiting.clear()
        self._say(State.OFFLINE, (), head)

    def _say(self, state: State, reasons: tuple[str, ...], head: Head) -> None:
        at_utc_s = self._bench.clock.read().utc_s
        payload = self._identity.payload(state, reasons, head, at_utc_s)
        self.waiting.append((self._bench.topics.box_status, payload))

    def _send_telemetry(self, head: Head, connection: Connection) -> None:
        bench = self._bench
        if bench.telemetry is None:
            return
        with contextlib.suppress(StorageError):  # the last known figure is better than none
            self._backlog = bench.reader.backlog()
        bench.tally.backlog = self._backlog
        telemetry = replace(
            bench.telemetry(), epoch=head.epoch, last_seq=head.last_seq, backlog=self._backlog
        )
        topic, payload = bench.topics.telemetry, encode_telemetry(telemetry)
        if not bench.sizes.fits(packet_bytes(topic, payload)):
            if not self._told_large:
                self._told_large = True
                log.error("telemetry of %d bytes is more than the broker takes", len(payload))
            return
        connection.publish(
            topic,
            payload,
            qos=0,
            expiry_s=TELEMETRY_EXPIRY_S,
        )
