"""Writes and reads the ledger's three tables, as functions of a database.

    file   by path: what lay there when it was last looked at; only a fast skip
    clip   by content: waiting, done, failed or gone; what makes "exactly once"
    run    consecutive clips of a camera that are not over: what the analysis carries on with

What changes something is for the writer thread, inside a transaction.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_agent.domain import CameraId
from edge_agent.outbox.checksum import crc_of
from edge_agent.outbox.database import Database, Value
from edge_agent.recorders.ledger.entries import (
    ClipProgress,
    LedgerClip,
    LeftOutFile,
    LeftOutState,
    OldFile,
    Run,
    RunHead,
    path_key,
)

_CLIP_MARKS = ", ".join("?" * 19)


# --- inside a transaction ---------------------------------------------------------------


def note_clips(database: Database, clips: Iterable[LedgerClip]) -> None:
    """These were found. A content that is known only moves to its new path; one that was
    gone from its old one is there again."""
    for clip in clips:
        key = clip.key
        known = read_clips(database, "clip = ?", (key,))
        if not known:
            update_clip(database, clip)
        elif _is_news(known[0], clip):
            state = ClipProgress.WAITING if known[0].state is ClipProgress.GONE else known[0].state
            moved = replace(known[0], path=clip.path, mtime_ns=clip.mtime_ns, state=state)
            update_clip(database, moved)
        _note_file(database, clip.path, clip.size_bytes, clip.mtime_ns, key)


def _is_news(known: LedgerClip, found: LedgerClip) -> bool:
    moved = (known.path, known.mtime_ns) != (found.path, found.mtime_ns)
    return moved or known.state is ClipProgress.GONE


def note_left_out(database: Database, files: Iterable[LeftOutFile]) -> None:
    for file in files:
        if file.state is LeftOutState.NOBODY and not file.size_bytes:
            _forget_nobodys(database, file.path)
            continue
        database.execute(
            "INSERT OR REPLACE INTO file VALUES(?, ?, ?, NULL, ?, ?, ?, ?, ?)",
            (
                path_key(file.path),
                file.size_bytes,
                file.mtime_ns,
                file.camera,
                str(file.state),
                file.reason,
                os.fsencode(file.path),
                file.at_s,
            ),
        )


def _forget_nobodys(database: Database, root: Path) -> None:
    """What was noted below this folder as no camera's."""
    first = os.fsencode(root) + b"/"
    database.execute(
        "DELETE FROM file WHERE state = 'nobody' AND path >= ? AND path < ?",
        (first, first[:-1] + b"0"),
    )


def update_clip(database: Database, clip: LedgerClip) -> None:
    """What became of it. Written whole: the ledger may have been made anew meanwhile."""
    database.execute(
        f"INSERT OR REPLACE INTO clip VALUES({_CLIP_MARKS})",
        _clip_values(clip, clip.key, os.fsencode(clip.path)),
    )


def put_run(database: Database, run: Run) -> None:
    moments = (run.start_s, run.last_s, run.end_s, run.found_s)
    values: tuple[Value, ...] = (
        run.clip,
        run.camera,
        *map(float, moments),
        run.carry,
        run.open_events,
    )
    database.execute(
        "INSERT OR REPLACE INTO run VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, crc_of(*values))
    )


def delete_run(database: Database, clip: int) -> None:
    """It is over, or goes on with another clip."""
    database.execute("DELETE FROM run WHERE clip = ?", (clip,))


def forget(database: Database, files: Iterable[OldFile]) -> None:
    """They were deleted. A content that has another name by now is kept under that."""
    for file in files:
        database.execute("DELETE FROM file WHERE path_key = ?", (file.key,))
        if file.clip is not None:
            database.execute(
                "DELETE FROM clip WHERE clip = ?1 AND state <> 'waiting' AND path = ?2",
                (file.clip, os.fsencode(file.path)),
            )


def _clip_values(clip: LedgerClip, key: int, path: bytes) -> tuple[Any, ...]:
    values = (
        key,
        clip.camera,
        clip.size_bytes,
        bytes.fromhex(clip.digest),
        clip.kind,
        float(clip.start_s),
        None if clip.end_s is None else float(clip.end_s),
        clip.time_source,
        float(clip.offset_s),
        float(clip.err_s),
        int(clip.disputed),
        path,
        clip.mtime_ns,
        float(clip.found_s),
        str(clip.state),
        clip.reason,
        clip.told,
        clip.open_events,
    )
    return (*values, crc_of(*values))


def _note_file(database: Database, path: Path, size: int, mtime_ns: int, clip: int) -> None:
    database.execute(
        "INSERT OR REPLACE INTO file VALUES(?, ?, ?, ?, NULL, NULL, NULL, NULL, NULL)",
        (path_key(path), size, mtime_ns, clip),
    )


# --- reading ----------------------------------------------------------------------------


_CLIP_COLUMNS = (
    "clip, camera, size, digest, kind, start_s, end_s, time_source, offset_s, err_s, disputed,"
    " path, mtime_ns, found_s, state, reason, told, open_events, crc"
)
_RUN_COLUMNS = "clip, camera, start_s, last_s, end_s, found_s, carry, open_events, crc"


def read_clips(database: Database, where: str, parameters: tuple[Any, ...]) -> list[LedgerClip]:
    """Without what is damaged. `where` is a fixed text of this package, never data."""
    found = database.rows(f"SELECT {_CLIP_COLUMNS} FROM clip WHERE {where}", parameters)  # noqa: S608
    return [clip for clip in map(_clip, found) if clip is not None]


def _clip(row: tuple[Any, ...]) -> LedgerClip | None:
    if not _is_sound(row):
        return None
    _, camera, size, digest, kind, *time, path, mtime_ns, found_s, state, reason, told, events = (
        row[:-1]
    )
    start_s, end_s, time_source, offset_s, err_s, disputed = time
    try:
        return LedgerClip(
            CameraId(camera),
            size,
            bytes(digest).hex(),
            kind,
            start_s,
            end_s,
            time_source,
            offset_s,
            err_s,
            bool(disputed),
            Path(os.fsdecode(path)),
            mtime_ns,
            found_s,
            ClipProgress(state),
            reason,
            told,
            bytes(events),
        )
    except (TypeError, ValueError):
        return None


def _is_sound(row: tuple[Any, ...]) -> bool:
    """Rows of an agent that knew no checksums have none."""
    return row[-1] is None or row[-1] == crc_of(*row[:-1])


def read_run_heads(database: Database, camera: CameraId) -> list[RunHead]:
    """The runs of a camera that are not over, newest first."""
    return [run.head for run in _runs(database, "camera = ? ORDER BY end_s DESC", camera)]


def read_run(database: Database, clip: int) -> Run | None:
    """The run whose newest clip this is."""
    return next(iter(_runs(database, "clip = ?", clip)), None)


def _runs(database: Database, where: str, parameter: Any) -> list[Run]:
    """Without what is damaged."""
    found = database.rows(f"SELECT {_RUN_COLUMNS} FROM run WHERE {where}", (parameter,))  # noqa: S608
    return [run for run in map(_run, found) if run is not None]


def _run(row: tuple[Any, ...]) -> Run | None:
    if not _is_sound(row):
        return None
    clip, camera, start_s, last_s, end_s, found_s, carry, events, _ = row
    try:
        carry, events = bytes(carry), bytes(events)
    except TypeError:
        return None
    return Run(clip, CameraId(camera), start_s, last_s, end_s, found_s, carry, events)


def drop_damaged(database: Database) -> int:
    """Forget the waiting clips and the runs that are not what was written; how many went.

    Their files are found again, and what is analysed again gives the same messages.
    """
    database.rows("SELECT path, clip FROM file LIMIT 0")  # a table that is lost is noticed here
    waiting = "state NOT IN ('done', 'failed', 'gone')"
    found = database.rows(f"SELECT {_CLIP_COLUMNS} FROM clip WHERE {waiting}")  # noqa: S608
    clips = [row[0] for row in found if _clip(row) is None]
    found = database.rows(f"SELECT {_RUN_COLUMNS} FROM run")  # noqa: S608
    runs = [row[0] for row in found if _run(row) is None]
    for clip in clips:
        database.execute("DELETE FROM clip WHERE clip = ?", (clip,))
        database.execute("DELETE FROM file WHERE clip = ?", (clip,))
    for clip in runs:
        delete_run(database, clip)
    return len(clips) + len(runs)
