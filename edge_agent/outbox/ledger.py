"""The ledger of recorder files: which there were, and what became of each. No state of its own.

    file   by path: what lay there when it was last looked at; only a fast skip
    clip   by content: waiting, done, failed or gone; what makes "exactly once"
    run    consecutive clips of a camera that are not over: what the analysis carries on with

It lies in the outbox's database, so that a clip's events, its row and the carry-over are one
transaction. Written by the writer thread only.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from edge_agent.domain import CameraId
from edge_agent.outbox.checksum import crc_of
from edge_agent.outbox.database import Database, Value

#: Two clips of a camera belong together when the later one begins so long after the earlier
#: one ends, or before: recorders overlap clips by what they buffer.
RUN_GAP_S = 5.0
RUN_OVERLAP_S = 30.0

#: What a row takes in the database beside its texts, its index and half-filled pages included.
_FILE_BYTES, _CLIP_BYTES = 60, 220
#: Counting the ledger of a hundred thousand files takes a tenth of a second.
_MEASURE_EVERY_S = 60.0


class ClipState(StrEnum):
    WAITING = "waiting"  # found, not yet analysed
    DONE = "done"
    FAILED = "failed"  # could not be read; `reason` says why
    GONE = "gone"  # deleted or overwritten before it could be analysed


class LeftOutState(StrEnum):
    """Of a file that never became a clip."""

    REFUSED = "refused"  # quarantined; `reason` says why
    TOO_OLD = "too_old"  # unopened
    NOBODY = "nobody"  # files of no camera: one row for each channel, `size_bytes` is their number


@dataclass(frozen=True, slots=True)
class LedgerClip:
    """One content of one camera. Moments are UTC seconds; the span is the recorder's clock."""

    camera: CameraId
    size_bytes: int
    digest: str  # hex
    kind: str
    start_s: float
    end_s: float | None
    time_source: str
    offset_s: float
    err_s: float
    disputed: bool
    path: Path
    mtime_ns: int
    found_s: float  # by the box's clock
    state: ClipState = ClipState.WAITING
    reason: str = ""
    told: int = 0  # messages of it that are stored already, while it is waiting
    open_events: bytes = b""  # the newest message of each event that is open after these

    @property
    def key(self) -> int:
        """The same for the same content of the same camera, whatever its name."""
        return _key(f"{self.camera}/{self.size_bytes}/{self.digest}".encode())


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that will not be analysed."""

    camera: CameraId | None
    path: Path
    size_bytes: int
    mtime_ns: int
    state: LeftOutState
    reason: str
    at_s: float


@dataclass(frozen=True, slots=True)
class RunHead:
    """Consecutive clips of one camera, as far as they were analysed."""

    clip: int  # key of its newest clip
    camera: CameraId
    start_s: float  # UTC of that clip's first frame, moment 0 of the pipeline
    last_s: float  # moment of its last frame
    end_s: float  # UTC of its end
    found_s: float  # when that clip was found, by the box's clock

    @property
    def next_clip_s(self) -> tuple[float, float]:
        """Between which moments (UTC) a clip begins that continues this run."""
        return follows_between(self.start_s, self.end_s)

    def goes_on_with(self, start_s: float) -> bool:
        first_s, last_s = self.next_clip_s
        return first_s <= start_s <= last_s


@dataclass(frozen=True, slots=True)
class Run(RunHead):
    """A run with what its next clip goes on with."""

    carry: bytes  # of the pipeline
    open_events: bytes  # the newest message of each event that is open, should `carry` be of no use

    @property
    def head(self) -> RunHead:
        return RunHead(self.clip, self.camera, self.start_s, self.last_s, self.end_s, self.found_s)


def follows_between(start_s: float, end_s: float) -> tuple[float, float]:
    """When a clip begins that continues one from `start_s` to `end_s`."""
    return end_s - min(RUN_OVERLAP_S, end_s - start_s), end_s + RUN_GAP_S


def planned_between(start_s: float, end_s: float) -> tuple[float, float]:
    """When a clip begins that is to be analysed after one from `start_s` to `end_s`: also one that
    shows the same moments."""
    return start_s, end_s + RUN_GAP_S


def path_key(path: Path) -> int:
    """31 bits of the folder, then 32 of the name: rows of one folder lie together, so that a scan
    writes few pages. Where two paths share a key, each makes the other one's file be found
    again, which its content then shows to be known."""
    folder, name = _key(os.fsencode(path.parent)), _key(os.fsencode(path.name))
    return (folder >> 32) << 32 | name >> 31


def _key(data: bytes) -> int:
    """63 bits, so that SQLite takes them for a row's id."""
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big") >> 1


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
            state = ClipState.WAITING if known[0].state is ClipState.GONE else known[0].state
            moved = replace(known[0], path=clip.path, mtime_ns=clip.mtime_ns, state=state)
            update_clip(database, moved)
        _note_file(database, clip.path, clip.size_bytes, clip.mtime_ns, key)


def _is_news(known: LedgerClip, found: LedgerClip) -> bool:
    moved = (known.path, known.mtime_ns) != (found.path, found.mtime_ns)
    return moved or known.state is ClipState.GONE


def note_left_out(database: Database, files: Iterable[LeftOut]) -> None:
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


@dataclass(frozen=True, slots=True)
class OldFile:
    """A file that was dealt with long ago."""

    key: int  # of its path
    clip: int | None
    path: Path


def forget(database: Database, files: Iterable[OldFile]) -> None:
    """They were deleted. A content that has another name by now is kept under that."""
    for file in files:
        database.execute("DELETE FROM file WHERE path_key = ?", (file.key,))
        if file.clip is not None:
            database.execute(
                "DELETE FROM clip WHERE clip = ?1 AND state <> 'waiting' AND path = ?2",
                (file.clip, os.fsencode(file.path)),
            )


class LedgerSize:
    """About what the ledger takes of the database: no part of the outbox's quota."""

    def __init__(self, database: Database, mono_s: Callable[[], float]) -> None:
        self._database = database
        self._mono_s = mono_s
        self._measured_s = float("-inf")
        self._size_bytes = 0

    def size_bytes(self) -> int:
        if self._mono_s() >= self._measured_s + _MEASURE_EVERY_S:
            self._measured_s = self._mono_s()
            self._size_bytes = self._measure()
        return self._size_bytes

    def _measure(self) -> int:
        database = self._database
        ((files, reasons),) = database.rows(
            "SELECT count(*), total(ifnull(length(path), 0) + ifnull(length(reason), 0)) FROM file"
        )
        ((clips, texts),) = database.rows(
            "SELECT count(*), total(length(path) + length(reason) + length(open_events)) FROM clip"
        )
        carry = database.value("SELECT total(length(carry) + length(open_events)) FROM run")
        return int(files * _FILE_BYTES + reasons + clips * _CLIP_BYTES + texts + carry)


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
            ClipState(state),
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
