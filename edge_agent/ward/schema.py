"""The tables of a ward's database, as `edge-agent ward listen` keeps it."""

SCHEMA_VERSION = 3

#: One acknowledger per box; other consumers read this database.
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    # What was acknowledged to a box is deleted there: it must survive our power cut.
    "PRAGMA synchronous=FULL",
    "PRAGMA busy_timeout=5000",
)

#: What may be re-dated.
_BY_BOOT = (
    "CREATE INDEX event_by_boot ON event(source, boot_id)"
    " WHERE clock_quality IN ('unset', 'estimated')"
)

#: Since version 3: what is known of each camera. `since_utc_s`, `heard_utc_s`: by our own clock;
#: `told`: the state that somebody was told last.
_CAMERAS = (
    """CREATE TABLE camera(
        source TEXT NOT NULL,
        camera TEXT NOT NULL,
        state TEXT NOT NULL,
        since_utc_s REAL NOT NULL,
        reason TEXT NOT NULL,
        heard_utc_s REAL NOT NULL,
        told TEXT NOT NULL,
        PRIMARY KEY(source, camera)) WITHOUT ROWID""",
    # The newest event of each kind of trouble; `ended`: its end came.
    """CREATE TABLE health(
        source TEXT NOT NULL,
        camera TEXT NOT NULL,
        kind TEXT NOT NULL,
        event_id TEXT NOT NULL,
        epoch TEXT NOT NULL,
        seq INTEGER NOT NULL,
        severity TEXT NOT NULL,
        start_utc_s REAL NOT NULL,
        ended INTEGER NOT NULL,
        PRIMARY KEY(source, camera, kind)) WITHOUT ROWID""",
    "CREATE INDEX event_by_person ON event(source, camera, utc_s) WHERE label = 'person'",
    # While nobody listens, nothing is silent.
    """CREATE TABLE listener(
        one INTEGER PRIMARY KEY CHECK(one = 1),
        since_utc_s REAL NOT NULL,
        seen_utc_s REAL NOT NULL)""",
)

TABLES = (
    # Every message once. `utc_s` is the best known moment: the box's own, or corrected when a
    # box without a trusted clock learned the time in the same boot. `err_s` is how wrong it may
    # be; NULL: nobody knows.
    """CREATE TABLE event(
        source TEXT NOT NULL,
        id TEXT NOT NULL,
        epoch TEXT NOT NULL,
        seq INTEGER NOT NULL,
        event_id TEXT,
        camera TEXT,
        label TEXT,
        phase TEXT,
        utc_s REAL,
        clock_quality TEXT,
        boot_id TEXT,
        mono_s REAL,
        received_utc_s REAL NOT NULL,
        payload BLOB NOT NULL,
        err_s REAL,
        PRIMARY KEY(source, id))""",
    # Not unique: a cloned card sends other messages under the same numbers, and both are kept.
    "CREATE INDEX event_by_seq ON event(source, epoch, seq)",
    "CREATE INDEX event_by_event ON event(event_id)",
    _BY_BOOT,
    # `seq`: everything up to it is here, or announced as lost.
    """CREATE TABLE watermark(
        source TEXT NOT NULL,
        epoch TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY(source, epoch)) WITHOUT ROWID""",
    # `last` NULL: nothing from `first` on will ever come.
    """CREATE TABLE gap(
        source TEXT NOT NULL,
        epoch TEXT NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER,
        reason TEXT NOT NULL,
        received_utc_s REAL NOT NULL)""",
    "CREATE UNIQUE INDEX gap_once ON gap(source, epoch, first, coalesce(last, -1))",
    """CREATE TABLE unsequenced(
        source TEXT NOT NULL,
        epoch TEXT NOT NULL,
        from_utc_s REAL NOT NULL,
        to_utc_s REAL NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY(source, epoch, from_utc_s)) WITHOUT ROWID""",
    # What each box said of itself last; `state` is what it said, not what we believe.
    """CREATE TABLE box(
        source TEXT PRIMARY KEY,
        state TEXT NOT NULL,
        conn_id TEXT NOT NULL,
        epoch TEXT NOT NULL,
        last_seq INTEGER NOT NULL,
        backlog INTEGER,
        heard_utc_s REAL NOT NULL,
        interval_s REAL NOT NULL,
        told TEXT NOT NULL DEFAULT '') WITHOUT ROWID""",
    # UTC minus monotonic seconds of a boot, as its clock stood at `mono_s`; `trusted`: a time
    # server vouched for it.
    """CREATE TABLE boot(
        source TEXT NOT NULL,
        boot_id TEXT NOT NULL,
        offset_s REAL NOT NULL,
        mono_s REAL NOT NULL DEFAULT 0,
        err_s REAL,
        trusted INTEGER NOT NULL DEFAULT 1,
        PRIMARY KEY(source, boot_id)) WITHOUT ROWID""",
    """CREATE TABLE image(
        source TEXT NOT NULL,
        camera TEXT NOT NULL,
        event_id TEXT NOT NULL,
        received_utc_s REAL NOT NULL,
        jpeg BLOB NOT NULL,
        PRIMARY KEY(source, event_id))""",
    # What a person should look at: cloned cards, messages that break the contract. The same of the
    # same box within an hour is one row: `count` times, from `at_utc_s` to `last_utc_s`, with the
    # newest words.
    """CREATE TABLE alarm(
        at_utc_s REAL NOT NULL,
        source TEXT NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        count INTEGER NOT NULL DEFAULT 1,
        last_utc_s REAL NOT NULL DEFAULT 0)""",
    "CREATE INDEX alarm_by_source ON alarm(source, kind, last_utc_s)",
    *_CAMERAS,
)

#: Version 2 knew no cameras, and re-dated only what was `unset`.
FROM_VERSION_2 = (
    "ALTER TABLE box ADD COLUMN told TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE event ADD COLUMN err_s REAL",
    "ALTER TABLE boot ADD COLUMN mono_s REAL NOT NULL DEFAULT 0",
    "ALTER TABLE boot ADD COLUMN err_s REAL",
    "ALTER TABLE boot ADD COLUMN trusted INTEGER NOT NULL DEFAULT 1",
    "DROP INDEX event_by_boot",
    _BY_BOOT,
    *_CAMERAS,
)

#: From version 1: each alarm was a row.
FROM_VERSION_1 = (
    "ALTER TABLE alarm ADD COLUMN count INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE alarm ADD COLUMN last_utc_s REAL NOT NULL DEFAULT 0",
    "UPDATE alarm SET last_utc_s = at_utc_s",
    "CREATE INDEX alarm_by_source ON alarm(source, kind, last_utc_s)",
    *FROM_VERSION_2,
)
