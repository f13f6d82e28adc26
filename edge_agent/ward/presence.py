"""What to believe of a box. Pure.

A will may come late (the broker waits for a short break to end) and a retained `online` may
outlive both box and broker: so `offline` counts only for the current connection, and `online`
only while telemetry comes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge_agent.contract import BoxStatus, State, Telemetry

#: `online` is believed for this many telemetry intervals after the last word.
BELIEVED_INTERVALS = 3


@dataclass(frozen=True, slots=True)
class BoxRecord:
    """What a box said last; columns of the table `box`, in order."""

    source: str
    state: str
    conn_id: str
    epoch: str
    last_seq: int
    backlog: int | None  # None: no telemetry since this connection began
    heard_utc_s: float
    interval_s: float

    def believed(self, now_utc_s: float) -> State:
        """The state to show a person."""
        silent_s = now_utc_s - self.heard_utc_s
        if silent_s > BELIEVED_INTERVALS * self.interval_s:
            return State.OFFLINE
        return State(self.state)


def after_status(
    old: BoxRecord | None, source: str, status: BoxStatus, now_utc_s: float
) -> BoxRecord | None:
    """The record after this `st/box`; None when it must be ignored."""
    stale = old is not None and status.conn_id != old.conn_id
    if status.state is State.OFFLINE and stale:
        return None
    same_connection = old is not None and not stale
    last_seq = status.last_seq
    if old is not None and old.epoch == status.epoch:
        last_seq = max(last_seq, old.last_seq)
    return BoxRecord(
        source=source,
        state=str(status.state),
        conn_id=status.conn_id,
        epoch=status.epoch,
        last_seq=last_seq,
        backlog=old.backlog if old is not None and same_connection else None,
        heard_utc_s=now_utc_s,
        interval_s=status.telemetry_interval_s,
    )


def after_telemetry(old: BoxRecord, telemetry: Telemetry, now_utc_s: float) -> BoxRecord:
    """Telemetry proves life, and says where the box's sequence stands."""
    return replace(
        old,
        epoch=telemetry.epoch,
        last_seq=telemetry.last_seq,
        backlog=telemetry.backlog,
        heard_utc_s=now_utc_s,
    )
