"""What to believe of a box. Pure.

A will may come late (the broker waits for a short break to end) and a retained `online` may
outlive both box and broker: so `offline` counts only for the current connection, and `online`
only while telemetry comes. Nobody is silent while we do not listen.
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
    told: str = ""  # the state that somebody was told last

    def silent_s(self, now_utc_s: float, listening_utc_s: float = float("-inf")) -> float:
        """How long nothing came, though we listen since `listening_utc_s`."""
        return now_utc_s - max(self.heard_utc_s, listening_utc_s)

    def believed(self, now_utc_s: float, listening_utc_s: float = float("-inf")) -> State:
        """The state to show a person."""
        # Who was away before we listened, and was not heard since, did not come back.
        still_away = self.told == str(State.OFFLINE) and self.heard_utc_s < listening_utc_s
        silent_s = self.silent_s(now_utc_s, listening_utc_s)
        if still_away or silent_s > BELIEVED_INTERVALS * self.interval_s:
            return State.OFFLINE
        return State(self.state)


def after_status(
    old: BoxRecord | None,
    source: str,
    status: BoxStatus,
    now_utc_s: float,
    *,
    retained: bool = False,
) -> BoxRecord | None:
    """The record after this `st/box`; None when it must be ignored. `retained`: the broker kept
    it for us, which proves no life of a box that said the same before."""
    stale = old is not None and status.conn_id != old.conn_id
    if status.state is State.OFFLINE and stale:
        return None
    same_connection = old is not None and not stale
    last_seq = status.last_seq
    if old is not None and old.epoch == status.epoch:
        last_seq = max(last_seq, old.last_seq)
    known = retained and old is not None and same_connection and old.state == str(status.state)
    return BoxRecord(
        source=source,
        state=str(status.state),
        conn_id=status.conn_id,
        epoch=status.epoch,
        last_seq=last_seq,
        backlog=old.backlog if old is not None and same_connection else None,
        heard_utc_s=old.heard_utc_s if old is not None and known else now_utc_s,
        interval_s=status.telemetry_interval_s,
        told=old.told if old is not None else "",
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
