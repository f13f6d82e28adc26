"""The tables of outbox.db, and how a database of an earlier agent becomes one of this."""

from __future__ import annotations

from edge_agent.outbox.database import Database

#: From user_version 0, 1, ... to the next. Never edit one that was released: add one.
_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE row(
            row_id INTEGER PRIMARY KEY,
            event_row INTEGER NOT NULL,
            message_id TEXT NOT NULL,
            event_id TEXT NOT NULL,
            camera TEXT NOT NULL,
            label TEXT NOT NULL,
            phase TEXT NOT NULL,
            live INTEGER NOT NULL,
            utc_ms INTEGER NOT NULL,
            quality TEXT NOT NULL,
            topic TEXT NOT NULL,
            payload BLOB NOT NULL)""",
        "CREATE TABLE epoch(base INTEGER PRIMARY KEY, id TEXT NOT NULL)",
        """CREATE TABLE gap(
            id INTEGER PRIMARY KEY,
            epoch TEXT NOT NULL,
            reason TEXT NOT NULL,
            first INTEGER NOT NULL,
            last INTEGER,
            motion INTEGER NOT NULL,
            person INTEGER NOT NULL,
            health INTEGER NOT NULL)""",
        "CREATE INDEX gap_by_first ON gap(epoch, reason, first)",
        "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    ),
    (  # the ledger of recorder files, see `edge_agent.recorders.ledger`
        """CREATE TABLE file(
            path_key INTEGER PRIMARY KEY,
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            clip INTEGER,
            camera TEXT,
            state TEXT,
            reason TEXT,
            path BLOB,
            at_s REAL)""",
        "CREATE INDEX file_left_out ON file(state, camera, mtime_ns) WHERE state IS NOT NULL",
        """CREATE TABLE clip(
            clip INTEGER PRIMARY KEY,
            camera TEXT NOT NULL,
            size INTEGER NOT NULL,
            digest BLOB NOT NULL,
            kind TEXT NOT NULL,
            start_s REAL NOT NULL,
            end_s REAL,
            time_source TEXT NOT NULL,
            offset_s REAL NOT NULL,
            err_s REAL NOT NULL,
            disputed INTEGER NOT NULL,
            path BLOB NOT NULL,
            mtime_ns INTEGER NOT NULL,
            found_s REAL NOT NULL,
            state TEXT NOT NULL,
            reason TEXT NOT NULL,
            told INTEGER NOT NULL,
            open_events BLOB NOT NULL)""",
        "CREATE INDEX clip_by_time ON clip(camera, state, start_s)",
        """CREATE TABLE run(
            clip INTEGER PRIMARY KEY,
            camera TEXT NOT NULL,
            start_s REAL NOT NULL,
            last_s REAL NOT NULL,
            end_s REAL NOT NULL,
            found_s REAL NOT NULL,
            carry BLOB NOT NULL,
            open_events BLOB NOT NULL)""",
    ),
    (),  # checksums, see below
)
#: Get a checksum each, see `checksum`; NULL: written by an agent that had none.
_CHECKED_TABLES = ("row", "epoch", "gap", "clip", "run")
SCHEMA_VERSION = len(_MIGRATIONS)
#: From this version on the bookkeeping has checksums; what is older gets them when it is opened.
CHECKED_VERSION = 3

#: A version above ours, but below this, is a newer agent's; what is above is a damaged header.
MOST_PLAUSIBLE_VERSION = 100


def migrate_step(database: Database, version: int) -> None:
    """From `version` to the next; inside the caller's transaction."""
    for statement in _MIGRATIONS[version]:
        database.execute(statement)
    if version + 1 == CHECKED_VERSION:
        for table in _CHECKED_TABLES:
            columns = [row[1] for row in database.rows(f"PRAGMA table_info({table})")]
            if "crc" not in columns:
                database.execute(f"ALTER TABLE {table} ADD COLUMN crc INTEGER")
    database.execute(f"PRAGMA user_version={version + 1}")
