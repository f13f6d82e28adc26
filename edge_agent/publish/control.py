"""What goes before all events: statuses, answers and pictures. Few, and somebody waits for them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable

from edge_agent.mqtt import Connection
from edge_agent.publish.bench import Bench
from edge_agent.publish.commands import CommandReply
from edge_agent.publish.held import packet_bytes
from edge_agent.publish.status_feed import StatusFeed
from edge_agent.publish.window import ControlParcel, PubackVerdict, SendWindow

log = logging.getLogger(__name__)

#: More answers than this do not wait: who asks so much has not read the ones before.
_MOST_WAITING = 256


class ControlQueue:
    """One per connection. An answer that promises a file waits until the broker has it."""

    def __init__(self, connection: Connection, bench: Bench, feed: StatusFeed) -> None:
        self._connection, self._bench, self._feed = connection, bench, feed
        self._replies: deque[CommandReply] = deque(bench.desk.take_unsent())
        self._file_under_way: ControlParcel | None = None
        self._under_way = 0  # replies that are not acknowledged yet
        self._complained: set[str] = set()

    @property
    def waiting(self) -> bool:
        return bool(self._replies) or bool(self._feed.waiting)

    def ready(self, window: SendWindow) -> bool:
        """Something could go now, if there is room."""
        return bool(self._feed.waiting) or self._may_reply(window)

    def _may_reply(self, window: SendWindow) -> bool:
        """In half of the places at most: who asks without end must not keep the events from
        going."""
        free = self._under_way < max(1, window.limit // 2)
        return bool(self._replies) and self._file_under_way is None and free

    def add(self, replies: Iterable[CommandReply]) -> None:
        for reply in replies:
            if len(self._replies) >= _MOST_WAITING:
                self._complain(
                    "answers", "more than %d answers wait; one was dropped", _MOST_WAITING
                )
                return
            self._replies.append(reply)

    def send(self, window: SendWindow) -> None:
        while self._feed.waiting and window.room():
            topic, payload = self._feed.waiting.popleft()
            if self._fits(topic, payload):
                mid = self._connection.publish(topic, payload, retain=True)
                window.add(mid, ControlParcel(topic, is_status=True))
        while self._may_reply(window) and window.room():
            reply = self._replies.popleft()
            if not self._fits(reply.topic, reply.payload):
                self._file_lost(reply.file_of, "it is larger than the broker takes")
                continue
            mid = self._connection.publish(
                reply.topic, reply.payload, expiry_s=reply.expiry_s, correlation=reply.correlation
            )
            parcel = ControlParcel(reply.topic, reply.file_of)
            window.add(mid, parcel)
            self._under_way += 1
            if reply.file_of:
                self._file_under_way = parcel

    def acked(self, parcel: ControlParcel, verdict: PubackVerdict, code: int) -> None:
        self._under_way -= not parcel.is_status
        if parcel.file_of:
            self._file_under_way = None
        if verdict is PubackVerdict.TAKEN:
            return
        self._file_lost(parcel.file_of, f"the broker refused it (0x{code:02X})")
        self._complain(
            parcel.topic, "the broker refused %s (0x%02X): check its ACL", parcel.topic, code
        )

    def broke(self) -> None:
        """The connection is gone: the answer to a file under way says so on the next one."""
        if self._file_under_way is not None:
            cmd_id = self._file_under_way.file_of
            self._bench.desk.file_lost(cmd_id, "the connection broke while it was sent")

    def _file_lost(self, cmd_id: str, why: str) -> None:
        """Its answer, which waits behind it, must not promise it."""
        if not cmd_id:
            return
        truth = self._bench.desk.file_lost(cmd_id, why)
        self._bench.desk.take_unsent()
        if self._replies and self._replies[0].cmd_id == cmd_id:
            self._replies.popleft()
        self._replies.appendleft(truth)

    def _fits(self, topic: str, payload: bytes) -> bool:
        size_bytes = packet_bytes(topic, payload)
        if self._bench.sizes.fits(size_bytes):
            return True
        text = "%s was not sent: %d bytes are more than the broker takes (max_packet_size)"
        self._complain(topic, text, topic, size_bytes)
        return False

    def _complain(self, about: str, text: str, *values: object) -> None:
        """Once per connection and topic."""
        if about not in self._complained:
            self._complained.add(about)
            log.error(text, *values)
