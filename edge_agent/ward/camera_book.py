"""The cameras' rows in the ward's database. Changes are made inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from edge_agent.clock import EARLIEST_PLAUSIBLE_UTC_S
from edge_agent.contract import EventHeader, EventMessage
from edge_agent.domain import Phase, Severity
from edge_agent.ward.cameras import CameraRecord, OpenFault


@dataclass(frozen=True, slots=True)
class Listening:
    """Since when somebody listens, and until when somebody did."""

    since_utc_s: float
    seen_utc_s: float


class CameraBook:
    """Shares the connection of the database that made it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self) -> list[CameraRecord]:
        rows = self._connection.execute("SELECT * FROM camera ORDER BY source, camera")
        return [CameraRecord(*row) for row in rows]

    def put(self, camera: CameraRecord) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO camera VALUES(?,?,?,?,?,?,?)",
            (
                camera.source,
                camera.camera,
                camera.state,
                camera.since_utc_s,
                camera.reason,
                camera.heard_utc_s,
                camera.told,
            ),
        )

    def remove(self, source: str, camera: str) -> None:
        """It is no longer configured. Its events stay."""
        for table in ("camera", "health"):
            self._connection.execute(
                f"DELETE FROM {table} WHERE source=? AND camera=?",  # noqa: S608 - our own names
                (source, camera),
            )

    def note_health(self, header: EventHeader, message: EventMessage) -> None:
        """Keep the newest event of each kind. Messages come in any order: an end is final."""
        event, envelope = message.event, message.envelope
        if event.health is None:
            return
        position = header.position
        self._connection.execute(
            "INSERT INTO health VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET"
            " event_id=excluded.event_id, epoch=excluded.epoch, severity=excluded.severity,"
            " seq=max(excluded.seq, iif(epoch=excluded.epoch, seq, 0)),"
            " start_utc_s=excluded.start_utc_s,"
            " ended=max(excluded.ended, iif(event_id=excluded.event_id, ended, 0))"
            " WHERE event_id=excluded.event_id OR epoch<>excluded.epoch OR seq<excluded.seq",
            (
                header.source,
                event.camera,
                event.health.kind,
                event.event_id,
                position.epoch,
                position.seq,
                str(event.health.severity),
                envelope.start_utc_s,
                event.phase is Phase.END,
            ),
        )

    def open_faults(self, source: str, camera: str) -> tuple[OpenFault, ...]:
        """The worst first; what is only information is none."""
        rows = self._connection.execute(
            # What began before its box knew the time is dated by its messages, which are re-dated.
            "SELECT kind, severity, iif(start_utc_s >= ?4, start_utc_s, coalesce((SELECT"
            " min(utc_s) FROM event WHERE event.event_id=health.event_id), start_utc_s)) AS since"
            " FROM health WHERE source=?1 AND camera=?2 AND NOT ended AND severity<>?3"
            " ORDER BY severity, since",  # critical comes before warning
            (source, camera, str(Severity.INFO), EARLIEST_PLAUSIBLE_UTC_S),
        )
        return tuple(OpenFault(kind, Severity(severity), at) for kind, severity, at in rows)

    def last_person_utc_s(self, source: str, camera: str) -> float | None:
        """When somebody was last told of there."""
        row = self._connection.execute(
            "SELECT max(utc_s) FROM event WHERE source=? AND camera=? AND label='person'",
            (source, camera),
        ).fetchone()
        return None if row[0] is None else float(row[0])

    def listen(self, since_utc_s: float, seen_utc_s: float) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO listener VALUES(1,?,?)", (since_utc_s, seen_utc_s)
        )

    def listening(self) -> Listening | None:
        """None: nobody ever listened with this version."""
        row = self._connection.execute("SELECT since_utc_s, seen_utc_s FROM listener").fetchone()
        return None if row is None else Listening(*row)
