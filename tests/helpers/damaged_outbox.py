"""Damage put into an outbox at random but repeatable, and what a box then makes of it."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mqtt_box import draft, new_event_id

from edge_agent.agent.orphans import closing_drafts
from edge_agent.clock import EARLIEST_PLAUSIBLE_UTC_S, ManualClock
from edge_agent.config import OutboxConfig
from edge_agent.contract import BoxTopics, Gap
from edge_agent.domain import CameraId, Label, Phase
from edge_agent.errors import StorageError
from edge_agent.outbox import Outbox, OutboxReader, Row, commit_together
from edge_agent.recorders.ledger import LedgerClip, LedgerReader, LedgerUpkeep, Run
from edge_agent.recorders.ledger import rows as ledger

TOPICS = BoxTopics("ward1", "box1")
LIMITS = OutboxConfig(max_mb=256, max_disk_frac=1.0)
_PAGE_BYTES = 512


@dataclass(frozen=True)
class Accepted:
    """What the box owes the ward: rows that were stored and not acknowledged."""

    rows: tuple[Row, ...]


def clip(number: int) -> LedgerClip:
    return LedgerClip(
        CameraId("yard"),
        1000 + number,
        f"{number:02x}" * 32,
        "video",
        1_790_000_000.0 + 60 * number,
        1_790_000_050.0 + 60 * number,
        "template",
        0.0,
        1.0,
        False,
        Path(f"/clips/{number}.mp4"),
        1_790_000_000_000_000_000 + number,
        1_790_000_100.0,
    )


def fill(folder: Path, clock: ManualClock, events: int = 40) -> Accepted:
    """An outbox with something in every table: two epochs, acknowledged, sent, shed and waiting
    rows, open events, clips and a run."""
    kept: list[Row] = []
    with Outbox.open(folder, limits=LIMITS, clock=clock, guest=LedgerUpkeep(lambda: 0.0)) as outbox:
        for number in range(events):
            event_id = new_event_id(clock)
            label = (Label.PERSON, Label.MOTION)[number % 2]
            phases = (Phase.START, Phase.UPDATE, Phase.END)[: 3 if number % 5 else 2]
            drafts = [draft(TOPICS, clock, phase=p, label=label, event_id=event_id) for p in phases]
            kept += outbox.append(drafts)
            clock.advance(1.0)
            if number == events // 2:
                outbox.acknowledge(outbox.epoch, 10**9)  # the card was restored
                kept += outbox.append([draft(TOPICS, clock)])
            if number == 5:
                outbox.acknowledge(outbox.epoch, 6)
                kept = kept[6:]
                outbox.flush()
        outbox.refuse([kept[3].row_id])
        outbox.mark_sent(row.row_id for row in kept[8:14])
        clips = [clip(number) for number in range(12)]
        run = Run(clips[0].key, CameraId("yard"), 1.0, 2.0, 3.0, 4.0, b"carry" * 200, b"\x90")

        def also(database: ledger.Database) -> None:
            ledger.note_clips(database, clips)
            ledger.put_run(database, run)

        assert commit_together(outbox, (), also) is not None
        outbox.flush()
        sent = {row.row_id for row in kept[8:14]}
    with sqlite3.connect(folder / "outbox.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Accepted(tuple(row for row in kept if row.row_id not in sent))


def later() -> ManualClock:
    """Soon enough for nothing to be shed for its age."""
    return ManualClock(utc_s=EARLIEST_PLAUSIBLE_UTC_S + 3600.0, mono_s=5000.0)


# --- damage -----------------------------------------------------------------------------


def damage(path: Path, chance: random.Random) -> str:
    """Once; what was done."""
    kinds: tuple[Callable[[Path, random.Random], str], ...] = (_flip, _flip, _page, _cell, _cell)
    return chance.choice(kinds)(path, chance)


def _flip(path: Path, chance: random.Random) -> str:
    data = bytearray(path.read_bytes())
    at = chance.randrange(len(data))
    data[at] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    return f"a bit of byte {at}"


def _page(path: Path, chance: random.Random) -> str:
    data = bytearray(path.read_bytes())
    at = chance.randrange(len(data) // _PAGE_BYTES) * _PAGE_BYTES
    other = chance.randrange(len(data) // _PAGE_BYTES) * _PAGE_BYTES
    bytes_of = {
        "zeros": bytes(_PAGE_BYTES),
        "noise": chance.randbytes(_PAGE_BYTES),
        "another page": data[other : other + _PAGE_BYTES],
    }
    kind = chance.choice(tuple(bytes_of))
    data[at : at + _PAGE_BYTES] = bytes_of[kind]
    path.write_bytes(data)
    return f"page {at // _PAGE_BYTES} is {kind}"


def _cell(path: Path, chance: random.Random) -> str:
    """A value that SQLite finds nothing wrong with."""
    database = sqlite3.connect(path)
    database.text_factory = bytes
    tables = ("row", "row", "row", "epoch", "gap", "meta", "clip", "run", "file")
    table = chance.choice(
        [each for each in tables if database.execute(f"SELECT count(*) FROM {each}").fetchone()[0]]
    )
    columns = [each[1].decode() for each in database.execute(f"PRAGMA table_info({table})")]
    key = "CAST(key AS BLOB)" if table == "meta" else "rowid"
    keys = [each[0] for each in database.execute(f"SELECT {key} FROM {table}")]
    column, at = chance.choice(columns), chance.choice(keys)
    (old,) = database.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", (at,)).fetchone()
    new: object
    if isinstance(old, bytes) and old:
        spoilt = bytearray(old)
        spoilt[chance.randrange(len(old))] ^= 1 << chance.randrange(8)
        cast = f"CAST(? AS {'BLOB' if column in ('payload', 'path', 'carry') else 'TEXT'})"
        new = bytes(spoilt)
    else:
        cast = "?"
        new = old + 1e9 if isinstance(old, float) else int(old or 0) ^ (1 << chance.randrange(40))
    try:
        database.execute(f"UPDATE {table} SET {column} = {cast} WHERE {key} = ?", (new, at))
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.IntegrityError:
        return "nothing: the key is taken"
    finally:
        database.close()
    return f"{table}.{column} of {at!r}: {old!r:.40} -> {new!r:.40}"


# --- the box afterwards -----------------------------------------------------------------


def told_after(folder: Path, clock: ManualClock) -> tuple[dict[str, bytes], list[Gap]]:
    """Start a box on it, as the agent does; everything that it would tell, by message id, and its
    gaps. Fails when it does not start, or stores nothing new."""
    damaged: list[tuple[int, ...]] = []
    told: dict[str, bytes] = {}
    with Outbox.open(folder, limits=LIMITS, clock=clock, guest=LedgerUpkeep(lambda: 0.0)) as outbox:
        outbox.append(closing_drafts(outbox, TOPICS, clock))
        with (
            OutboxReader(folder, damaged=lambda ids: damaged.append(tuple(ids))) as reader,
            LedgerReader(folder) as looker,
        ):
            fresh = outbox.append([draft(TOPICS, clock)])
            for _ in range(6):
                clock.advance(6.0)
                fresh += outbox.append([draft(TOPICS, clock)])
                fresh += outbox.maintain()
                try:
                    told |= _deliver(reader)
                    looker.counts()
                    _ = looker.run_heads(CameraId("yard")), looker.newest_run(CameraId("yard"))
                    gaps = list(reader.gaps().gaps)
                    reader.head()
                    reader.backlog()
                except StorageError:
                    continue  # tried again later, as the publisher does
                finally:
                    for ids in damaged:
                        outbox.damaged(ids)
                    damaged.clear()
            assert len(fresh) >= 6, "new events are stored"
            assert all(told[row.message_id] == row.payload for row in fresh[-3:])
    return told, gaps


def _deliver(reader: OutboxReader) -> dict[str, bytes]:
    told: dict[str, bytes] = {}
    after = 0
    while rows := reader.undelivered(after, 32, resend=reader.head().watermark is not None):
        after = rows[-1].row_id
        told |= {row.message_id: row.payload for row in rows}
    return told


def missing(owed: Accepted, told: dict[str, bytes], gaps: list[Gap]) -> list[str]:
    """What neither arrived, whole, nor was announced."""
    spans = [(gap.epoch, span.first, span.last) for gap in gaps for span in gap.ranges]
    return [
        f"{row.position} {row.message_id}"
        for row in owed.rows
        if told.get(row.message_id) != row.payload
        and not any(
            epoch == row.position.epoch
            and first <= row.position.seq
            and (last is None or row.position.seq <= last)
            for epoch, first, last in spans
        )
    ]


def trial(source: Path, owed: Accepted, folder: Path, seed: int) -> list[str]:
    """One damage and its consequences; what went wrong, in words."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    what = damage(folder / "outbox.db", random.Random(seed))
    try:
        lost = missing(owed, *told_after(folder, later()))
    except Exception as error:  # noqa: BLE001 (whatever it is, it is what the trial is for)
        lost = [f"{type(error).__name__}: {error}"]
    return [f"seed {seed}, {what}: {each}" for each in lost]


__all__ = ["Accepted", "damage", "fill", "later", "missing", "told_after", "trial"]
