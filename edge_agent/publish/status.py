"""Retained statuses: what the server should see of this box even if it looks later."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from edge_agent.contract import BoxStatus, State, encode_box_status
from edge_agent.outbox import Head


class StatusBoard:
    """Written by any thread, emptied by the publisher. The newest payload of a topic wins, so
    the board is bounded by the number of topics."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._payloads: dict[str, bytes] = {}
        self._changed: set[str] = set()
        self._state, self._reasons = State.ONLINE, tuple[str, ...]()
        self._box_changed = False

    def set(self, topic: str, payload: bytes) -> None:
        """Publish this, retained, now and on every new connection."""
        with self._lock:
            if self._payloads.get(topic) != payload:
                self._payloads[topic] = payload
                self._changed.add(topic)

    def set_box(self, state: State, reasons: tuple[str, ...]) -> None:
        """What `st/box` says while connected."""
        with self._lock:
            if (state, reasons) != (self._state, self._reasons):
                self._state, self._reasons = state, reasons
                self._box_changed = True

    def box(self) -> tuple[State, tuple[str, ...]]:
        with self._lock:
            return self._state, self._reasons

    def take_changed(self) -> list[tuple[str, bytes]]:
        """Each change once."""
        with self._lock:
            changed = [(topic, self._payloads[topic]) for topic in sorted(self._changed)]
            self._changed.clear()
            return changed

    def take_box_changed(self) -> bool:
        with self._lock:
            changed, self._box_changed = self._box_changed, False
            return changed

    def mark_all_changed(self) -> None:
        """A new connection, or a broker that may have lost its retained messages."""
        with self._lock:
            self._changed = set(self._payloads)
            self._box_changed = True


@dataclass(frozen=True, slots=True)
class BoxIdentity:
    """The part of `st/box` that a connection does not change."""

    conn_id: str
    agent_version: str
    telemetry_interval_s: float

    def payload(self, state: State, reasons: tuple[str, ...], head: Head, at_utc_s: float) -> bytes:
        return encode_box_status(
            BoxStatus(
                state=state,
                conn_id=self.conn_id,
                epoch=head.epoch,
                first_seq=head.first_seq,
                last_seq=head.last_seq,
                agent_version=self.agent_version,
                at_utc_s=at_utc_s,
                telemetry_interval_s=self.telemetry_interval_s,
                reasons=reasons,
            )
        )
