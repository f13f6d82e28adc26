"""What a ward's server keeps, and how far each box was received without a hole."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edge_agent.clock import DRIFT, STEP_S, ClockQuality, ClockReading, is_trusted
from edge_agent.contract import (
    FIRST_UTC_S,
    LAST_UTC_S,
    EventHeader,
    EventMessage,
    Gap,
    GapRange,
    Position,
)
from edge_agent.errors import ContractError, OperatorError, StorageError
from edge_agent.ward.alarms import QUIET_S, WardAlarm
from edge_agent.ward.camera_book import CameraBook
from edge_agent.ward.presence import BoxRecord
from edge_agent.ward.schema import (
    FROM_VERSION_1,
    FROM_VERSION_2,
    PRAGMAS,
    SCHEMA_VERSION,
    TABLES,
)

_WALK = 500
_HOLES_SCANNED = 100_000

#: What SQLite, or Python before it, says of a value that no column takes.
_UNSTORABLE = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    ArithmeticError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


class WardDatabase:
    """For one thread. Changes are made inside `transaction`; raises StorageError."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises StorageError, and OperatorError for a file of another kind."""
        try:
            self._connection = sqlite3.connect(path, isolation_level=None)
            for pragma in PRAGMAS:
                self._connection.execute(pragma)
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                self._run(TABLES)
            elif version == 1:
                self._run(FROM_VERSION_1)
            elif version == 2:
                self._run(FROM_VERSION_2)
        except sqlite3.Error as error:
            raise StorageError(f"{path}: {error}") from error
        if version not in range(SCHEMA_VERSION + 1):
            self.close()
            raise OperatorError(f"{path}: was written by another version (format {version})")
        self.cameras = CameraBook(self._connection)

    def _run(self, statements: Sequence[str]) -> None:
        with self.transaction():
            for statement in statements:
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def close(self) -> None:
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is durable when this ends, or nothing is."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise StorageError(f"the ward's database: {error}") from error

    @contextlib.contextmanager
    def one_message(self) -> Iterator[None]:
        """Inside a transaction: what one message changes, or nothing of it.

        Raises ContractError for a message of which no database can keep what it says; it would
        come again for ever, and with it all that the broker holds behind it.
        """
        self._connection.execute("SAVEPOINT message")
        try:
            yield
        except ContractError:
            self._undo_message()
            raise
        except _UNSTORABLE as error:
            self._undo_message()
            raise ContractError(f"cannot be stored: {type(error).__name__}") from error
        self._connection.execute("RELEASE message")

    def _undo_message(self) -> None:
        self._connection.execute("ROLLBACK TO message")
        self._connection.execute("RELEASE message")

    # --- storing --------------------------------------------------------------------------

    def add_event(
        self, header: EventHeader, message: EventMessage | None, payload: bytes, now_utc_s: float
    ) -> bool:
        """Store an event message; False when it is here already. `message` None: of a kind
        that this version cannot read, kept all the same."""
        position = header.position
        added = self._connection.execute(
            "INSERT OR IGNORE INTO event VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                header.source,
                header.message_id,
                position.epoch,
                position.seq,
                *_described(message),
                now_utc_s,
                payload,
                _message_err_s(message),
            ),
        ).rowcount
        if added and message is not None and message.envelope.media is None:
            reading = message.envelope.clock
            self.learn_clock(header.source, reading)
            if not is_trusted(reading.quality):
                self._redate(header.source, reading.boot_id)
        return added == 1

    def twin_of(self, header: EventHeader) -> str | None:
        """The id of another message with the same number: the box's card exists twice."""
        position = header.position
        row = self._connection.execute(
            "SELECT id FROM event WHERE source=? AND epoch=? AND seq=? AND id<>? LIMIT 1",
            (header.source, position.epoch, position.seq, header.message_id),
        ).fetchone()
        return None if row is None else str(row[0])

    def add_gap(self, source: str, gap: Gap, now_utc_s: float) -> bool:
        """Store what will never come; False when all of it was known."""
        changed = 0
        for span in gap.ranges:
            changed += self._connection.execute(
                "INSERT OR IGNORE INTO gap VALUES(?,?,?,?,?,?)",
                (source, gap.epoch, span.first, span.last, gap.reason, now_utc_s),
            ).rowcount
        lost = gap.unsequenced
        if lost is not None:
            changed += self._connection.execute(
                "INSERT INTO unsequenced VALUES(?,?,?,?,?) ON CONFLICT DO UPDATE SET"
                " to_utc_s=excluded.to_utc_s, count=excluded.count"
                " WHERE count<>excluded.count",
                (source, gap.epoch, lost.from_utc_s, lost.to_utc_s, lost.count),
            ).rowcount
        return changed > 0

    def add_image(self, source: str, camera: str, event_id: str, jpeg: bytes, at: float) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO image VALUES(?,?,?,?,?)", (source, camera, event_id, at, jpeg)
        )

    def add_alarm(self, alarm: WardAlarm, now_utc_s: float) -> None:
        """Counted in the row of the same alarm, if that is not older than an hour."""
        same = self._connection.execute(
            "UPDATE alarm SET count = count + ?1, last_utc_s = ?2, text = ?3 WHERE rowid ="
            " (SELECT rowid FROM alarm WHERE source = ?4 AND kind = ?5"
            " AND last_utc_s BETWEEN ?2 - ?6 AND ?2 + ?6 ORDER BY last_utc_s DESC LIMIT 1)",
            (alarm.count, now_utc_s, alarm.text, alarm.source, alarm.kind, QUIET_S),
        )
        if not same.rowcount:
            self._connection.execute(
                "INSERT INTO alarm VALUES(?,?,?,?,?,?)",
                (now_utc_s, alarm.source, alarm.kind, alarm.text, alarm.count, now_utc_s),
            )

    def learn_clock(self, source: str, reading: ClockReading) -> None:
        """What a boot's clock says re-dates what that boot said before it knew better: `unset`
        messages by whatever is plausible, `estimated` ones once a time server vouched for it."""
        if reading.quality is ClockQuality.UNSET:
            return
        changed = self._connection.execute(
            "INSERT INTO boot VALUES(?,?,?,?,?,?) ON CONFLICT DO UPDATE SET"
            " offset_s=excluded.offset_s, mono_s=excluded.mono_s, err_s=excluded.err_s,"
            " trusted=excluded.trusted WHERE excluded.trusted > trusted"
            " OR (excluded.trusted = trusted AND excluded.mono_s > mono_s"
            " AND abs(offset_s - excluded.offset_s) > ?)",
            (
                source,
                reading.boot_id,
                reading.utc_s - reading.mono_s,
                reading.mono_s,
                _err_s(reading),
                is_trusted(reading.quality),
                STEP_S,
            ),
        ).rowcount
        if changed:
            self._redate(source, reading.boot_id)

    def _redate(self, source: str, boot_id: str) -> None:
        self._connection.execute(
            "UPDATE event SET utc_s = event.mono_s + boot.offset_s,"
            " err_s = boot.err_s + ?3 * abs(event.mono_s - boot.mono_s)"
            " FROM boot WHERE event.source=?1 AND event.boot_id=?2"
            " AND event.clock_quality IN ('unset', 'estimated')"
            " AND boot.source=?1 AND boot.boot_id=?2"
            " AND (boot.trusted OR event.clock_quality='unset')"
            " AND event.mono_s + boot.offset_s BETWEEN ?4 AND ?5",
            (source, boot_id, DRIFT, FIRST_UTC_S, LAST_UTC_S),
        )

    def redated_utc_s(self, header: EventHeader) -> float | None:
        """The best known moment of a stored message, if that is not what it says itself."""
        row = self._connection.execute(
            "SELECT utc_s FROM event JOIN boot USING(source, boot_id) WHERE source=? AND id=?"
            " AND clock_quality IN ('unset', 'estimated')"
            " AND (trusted OR clock_quality='unset')",
            (header.source, header.message_id),
        ).fetchone()
        return None if row is None else float(row[0])

    # --- how far --------------------------------------------------------------------------

    def watermark(self, source: str, epoch: str) -> int | None:
        """Everything up to it is here or announced as lost; None: never heard of this epoch."""
        row = self._connection.execute(
            "SELECT seq FROM watermark WHERE source=? AND epoch=?", (source, epoch)
        ).fetchone()
        return None if row is None else int(row[0])

    def knows_epoch(self, source: str, epoch: str) -> bool:
        """Whether something of this epoch was heard before."""
        return self.watermark(source, epoch) is not None

    def advance(self, source: str, epoch: str) -> int:
        """Move the watermark as far as there is no hole; where it is now."""
        known = self.watermark(source, epoch)
        seq = old = known or 0
        while True:
            reached = self._walk_events(source, epoch, self._skip_gap(source, epoch, seq))
            if reached == seq:
                break
            seq = reached
        if known is None or seq != old:
            self._connection.execute(
                "INSERT OR REPLACE INTO watermark VALUES(?,?,?)", (source, epoch, seq)
            )
        return seq

    def _skip_gap(self, source: str, epoch: str, seq: int) -> int:
        row = self._connection.execute(
            "SELECT max(coalesce(last, first - 1)) FROM gap WHERE source=? AND epoch=?"
            " AND first<=?3+1 AND coalesce(last, first - 1)>?3",
            (source, epoch, seq),
        ).fetchone()
        return seq if row[0] is None else int(row[0])

    def _walk_events(self, source: str, epoch: str, seq: int) -> int:
        rows = self._connection.execute(
            "SELECT DISTINCT seq FROM event WHERE source=? AND epoch=? AND seq>?"
            " ORDER BY seq LIMIT ?",
            (source, epoch, seq, _WALK),
        )
        for (found,) in rows:
            if found != seq + 1:
                break
            seq = found
        return seq

    def holes(self, source: str, epoch: str, last_seq: int) -> list[GapRange]:
        """What is missing between the watermark and `last_seq`, lowest first."""
        at = (self.watermark(source, epoch) or 0) + 1
        spans = self._connection.execute(
            "SELECT seq AS low, seq AS high FROM event WHERE source=?1 AND epoch=?2 AND seq>=?3"
            " UNION SELECT first, coalesce(last, 9223372036854775806) FROM gap"
            " WHERE source=?1 AND epoch=?2 AND coalesce(last, first)>=?3"
            " ORDER BY low LIMIT ?4",
            (source, epoch, at, _HOLES_SCANNED),
        )
        holes = []
        for low, high in spans:
            if low > last_seq:
                break
            if low > at:
                holes.append(GapRange(at, low - 1))
            at = max(at, high + 1)
        if at <= last_seq:
            holes.append(GapRange(at, last_seq))
        return holes

    def watermarks(self, current: Sequence[BoxRecord]) -> dict[str, Position]:
        """Of the boxes' current epochs, by source."""
        found = {}
        for box in current:
            seq = self.watermark(box.source, box.epoch)
            if seq is not None:
                found[box.source] = Position(box.epoch, seq)
        return found

    # --- boxes ----------------------------------------------------------------------------

    def boxes(self) -> list[BoxRecord]:
        rows = self._connection.execute("SELECT * FROM box ORDER BY source")
        return [BoxRecord(*row) for row in rows]

    def put_box(self, box: BoxRecord) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO box VALUES(?,?,?,?,?,?,?,?,?)",
            (
                box.source,
                box.state,
                box.conn_id,
                box.epoch,
                box.last_seq,
                box.backlog,
                box.heard_utc_s,
                box.interval_s,
                box.told,
            ),
        )


def _described(message: EventMessage | None) -> tuple[Any, ...]:
    """event_id, camera, label, phase, utc_s, clock_quality, boot_id, mono_s."""
    if message is None:
        return (None,) * 8
    event, envelope = message.event, message.envelope
    live = envelope.media is None
    return (
        event.event_id,
        event.camera,
        str(event.label),
        str(event.phase),
        envelope.at_utc_s,
        str(envelope.clock.quality) if live else None,
        envelope.clock.boot_id if live else None,
        envelope.clock.mono_s if live else None,
    )


def _message_err_s(message: EventMessage | None) -> float | None:
    """How wrong the message's own moment may be; None: unknown."""
    if message is None:
        return None
    envelope = message.envelope
    return _err_s(envelope.clock) if envelope.media is None else envelope.media.err_s


def _err_s(reading: ClockReading) -> float | None:
    """Only a time server's word has a bound."""
    if reading.err_ms is None or not is_trusted(reading.quality):
        return None
    return reading.err_ms / 1000
