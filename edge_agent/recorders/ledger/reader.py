"""Looks into the ledger of recorder files: read-only, a connection of its own for each thread."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from edge_agent.domain import CameraId
from edge_agent.outbox.database import DATABASE, Connect, Database, connect_sqlite
from edge_agent.outbox.reopening import ReopenedDatabase
from edge_agent.recorders.ledger.entries import (
    LedgerClip,
    LeftOutState,
    OldFile,
    Run,
    RunHead,
    path_key,
    planned_between,
)
from edge_agent.recorders.ledger.rows import read_clips, read_run, read_run_heads

T = TypeVar("T")

#: A run is planned so far ahead; what follows is planned when that is analysed.
_PLAN_CLIPS = 500
_WALK_ROWS = 256
#: A recording lasts no longer than this; one file may grow, with rests, for so long.
_LONGEST_CLIP_S = 4 * 3600.0
_GROWS_S = 12 * 3600.0
SAME_START_S = 5.0


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file in quarantine."""

    camera: CameraId | None
    path: Path
    reason: str
    at_s: float


class LedgerReader:
    """For one thread. Every method is one short read and raises StorageError when it fails."""

    def __init__(self, state_dir: Path, *, connect: Connect = connect_sqlite) -> None:
        self._file = ReopenedDatabase(state_dir / DATABASE, connect)

    def __enter__(self) -> LedgerReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def known(self, path: Path, *, any_age: bool = False) -> tuple[int, int] | None:
        """(size_bytes, mtime_ns) of what lay at `path`; None: nothing was ever found there.

        `any_age`: what was left out for its age counts as never found.
        """
        rows = self._file.rows(
            "SELECT size, mtime_ns, state FROM file WHERE path_key = ?", (path_key(path),)
        )
        if not rows or rows[0][2] == LeftOutState.NOBODY:
            return None
        if any_age and rows[0][2] == LeftOutState.TOO_OLD:
            return None
        return rows[0][0], rows[0][1]

    def newest_waiting_s(
        self, camera: CameraId, stills_before_s: float = float("inf")
    ) -> float | None:
        """When the newest clip that waits begins; None: none waits. Stills that were found after
        `stills_before_s` do not count, here and in the two that follow."""
        rows = self._file.rows(
            "SELECT max(start_s) FROM clip WHERE state = 'waiting' AND camera = ?"
            " AND (kind <> 'still' OR found_s <= ?)",
            (camera, stills_before_s),
        )
        found: float | None = rows[0][0]
        return found

    def newest_run(
        self, camera: CameraId, stills_before_s: float = float("inf")
    ) -> tuple[int, ...]:
        """Keys of the waiting clips of the newest run, oldest first; at most _PLAN_CLIPS."""
        plan: deque[int] = deque(maxlen=_PLAN_CLIPS)
        before = (float("inf"), 0)  # (start_s, key) of the earliest so far
        while True:
            rows = self._file.rows(
                "SELECT clip, start_s, end_s FROM clip"
                " WHERE state = 'waiting' AND camera = ? AND start_s <= ?"
                " AND (kind <> 'still' OR found_s <= ?)"
                " ORDER BY start_s DESC, clip LIMIT ?",
                (camera, before[0], stills_before_s, _WALK_ROWS),
            )
            fresh = [row for row in rows if row[1] < before[0] or row[0] > before[1]]
            for key, start_s, end_s in fresh:
                first_s, last_s = planned_between(start_s, end_s or start_s)
                if plan and not first_s <= before[0] <= last_s:
                    return tuple(plan)
                plan.appendleft(key)
                before = (start_s, key)
            if len(rows) < _WALK_ROWS or not fresh:
                return tuple(plan)

    def waiting_before(self, clip: LedgerClip, stills_before_s: float = float("inf")) -> int | None:
        """The key of the clip that waits and that this one continues, as in `newest_run`."""
        rows = self._file.rows(
            "SELECT clip, start_s, end_s FROM clip WHERE state = 'waiting' AND camera = ?"
            " AND (start_s < ? OR (start_s = ? AND clip > ?))"
            " AND (kind <> 'still' OR found_s <= ?) ORDER BY start_s DESC, clip LIMIT 1",
            (clip.camera, clip.start_s, clip.start_s, clip.key, stills_before_s),
        )
        for key, start_s, end_s in rows:
            first_s, last_s = planned_between(start_s, end_s or start_s)
            if first_s <= clip.start_s <= last_s:
                return int(key)
        return None

    def newest_clips(self, camera: CameraId, limit: int) -> list[LedgerClip]:
        """This camera's newest clips, oldest first."""
        found = self._read(
            lambda db: read_clips(db, "camera = ? ORDER BY start_s DESC LIMIT ?", (camera, limit))
        )
        return found[::-1]

    def clip(self, key: int) -> LedgerClip | None:
        found = self._read(lambda db: read_clips(db, "clip = ?", (key,)))
        return found[0] if found else None

    def newest_s(self, camera: CameraId) -> float:
        """When the newest clip of this camera begins that was found; minus infinity: none was."""
        rows = self._file.rows(
            "SELECT max(start_s) FROM clip WHERE camera = ?1 AND state = 'waiting' UNION ALL"
            " SELECT max(start_s) FROM clip WHERE camera = ?1 AND state = 'done'",
            (camera,),
        )
        return max((row[0] for row in rows if row[0] is not None), default=float("-inf"))

    def has_videos(self, camera: CameraId, since_s: float) -> bool:
        """Whether a video of this camera was recorded since then (UTC)."""
        rows = self._file.rows(
            "SELECT 1 FROM clip WHERE camera = ?1 AND state = 'done' AND start_s > ?2"
            " AND kind = 'video' UNION ALL"
            " SELECT 1 FROM clip WHERE camera = ?1 AND state = 'waiting' AND start_s > ?2"
            " AND kind = 'video' LIMIT 1",
            (camera, since_s),
        )
        return bool(rows)

    def video_shows(self, camera: CameraId, moment_s: float, margin_s: float) -> bool:
        """Whether a video of this camera, analysed or waiting, was recorded at that moment."""
        rows = self._file.rows(
            "SELECT 1 FROM clip WHERE camera = ?1 AND state IN ('done', 'waiting')"
            " AND start_s BETWEEN ?2 - ?4 AND ?2 + ?3 AND kind = 'video'"
            " AND ifnull(end_s, start_s) >= ?2 - ?3 LIMIT 1",
            (camera, moment_s, margin_s, _LONGEST_CLIP_S),
        )
        return bool(rows)

    def analysed_between(self, camera: CameraId, start_s: float, end_s: float) -> list[LedgerClip]:
        """The videos of this camera that were looked into and show some of these moments (UTC)."""
        return self._read(
            lambda db: read_clips(
                db,
                "camera = ? AND state = 'done' AND start_s BETWEEN ? AND ? AND kind = 'video'"
                " AND ifnull(end_s, start_s) > ? AND reason NOT LIKE 'left alone: %'"
                " ORDER BY start_s",
                (camera, start_s - _LONGEST_CLIP_S, end_s, start_s),
            )
        )

    def analysed_at(self, clip: LedgerClip) -> list[LedgerClip]:
        """What lay at this clip's path when it was looked into and was shorter, longest first."""
        return self._read(
            lambda db: read_clips(
                db,
                "camera = ? AND state = 'done' AND start_s BETWEEN ? AND ? AND path = ?"
                " AND size < ? AND kind = 'video' ORDER BY size DESC LIMIT 4",
                (
                    clip.camera,
                    clip.start_s - _GROWS_S,
                    clip.start_s + SAME_START_S,
                    os.fsencode(clip.path),
                    clip.size_bytes,
                ),
            )
        )

    def done_ahead(self, camera: CameraId, start_s: float, mark: bytes) -> list[LedgerClip]:
        """Those that were done, begin at `start_s` (UTC) or later and bear this mark."""
        where = "camera = ? AND state = 'done' AND start_s >= ? AND open_events = ?"
        return self._read(lambda db: read_clips(db, where, (camera, start_s, mark)))

    def goes_on(self, run: RunHead) -> bool:
        """Whether a clip that waits continues this run."""
        span = (run.camera, *run.next_clip_s)
        rows = self._file.rows(
            "SELECT 1 FROM clip WHERE state = 'waiting' AND camera = ?"
            " AND start_s BETWEEN ? AND ? LIMIT 1",
            span,
        )
        return bool(rows)

    def run_cameras(self) -> list[CameraId]:
        """The cameras with runs that are not over."""
        return [CameraId(row[0]) for row in self._file.rows("SELECT DISTINCT camera FROM run")]

    def told_in_part(self) -> list[LedgerClip]:
        """The waiting clips of which messages are stored already; walks all clips."""
        return self._read(lambda db: read_clips(db, "state = 'waiting' AND told > 0", ()))

    def run_heads(self, camera: CameraId) -> list[RunHead]:
        """The runs that are not over, newest first."""
        return self._read(lambda db: read_run_heads(db, camera))

    def run(self, clip: int) -> Run | None:
        """The run that is not over and whose newest clip this is."""
        return self._read(lambda db: read_run(db, clip))

    def counts(self) -> Mapping[tuple[str, str], int]:
        """How many clips and files there are, by (camera, state); camera "" is nobody's."""
        rows = self._file.rows(
            "SELECT camera, state, count(*) FROM clip GROUP BY camera, state UNION ALL"
            " SELECT ifnull(camera, ''), state, iif(state = 'nobody', total(size), count(*))"
            " FROM file WHERE state IS NOT NULL GROUP BY state, camera"
        )
        return {(row[0], row[1]): int(row[2]) for row in rows}

    def newest_done_s(self) -> Mapping[str, float]:
        """When the newest analysed clip of each camera began."""
        rows = self._file.rows(
            "SELECT camera, max(start_s) FROM clip WHERE state = 'done' GROUP BY camera"
        )
        return dict(rows)

    def waiting_since_s(self) -> Mapping[str, float]:
        """When that of each camera's waiting clips was found that waits longest."""
        rows = self._file.rows(
            "SELECT camera, min(found_s) FROM clip WHERE state = 'waiting' GROUP BY camera"
        )
        return dict(rows)

    def newest_too_old_s(self) -> Mapping[str, float]:
        """When the newest of the files was written that each camera left out for their age."""
        rows = self._file.rows(
            "SELECT ifnull(camera, ''), max(mtime_ns) / 1e9 FROM file WHERE state = 'too_old'"
            " GROUP BY camera"
        )
        return dict(rows)

    def old_files(self, before_s: float, after_key: int, limit: int) -> list[OldFile]:
        """Files recorded before `before_s` (UTC) and dealt with, in the order of their keys."""
        rows = self._file.rows(
            "SELECT path_key, file.clip, ifnull(clip.path, file.path) FROM file"
            " LEFT JOIN clip ON clip.clip = file.clip"
            " WHERE path_key > ? AND ifnull(clip.start_s, file.mtime_ns / 1e9) < ?"
            " AND ifnull(clip.state, '') <> 'waiting' ORDER BY path_key LIMIT ?",
            (after_key, before_s, limit),
        )
        return [
            OldFile(key, clip, Path(os.fsdecode(path)))
            for key, clip, path in rows
            if path is not None
        ]

    def refused(self, limit: int) -> tuple[RefusedFile, ...]:
        """The newest files in quarantine, those of nobody by their channels, and clips that proved
        to be unreadable."""
        rows = self._file.rows(
            "SELECT camera, path, reason, at_s FROM file WHERE state IN ('refused', 'nobody')"
            " UNION ALL"
            " SELECT camera, path, reason, found_s FROM clip WHERE state IN ('failed', 'gone')"
            " ORDER BY 4 DESC LIMIT ?",
            (limit,),
        )
        return tuple(_refused(row) for row in rows)

    def _read(self, read: Callable[[Database], T]) -> T:
        return self._file.read(read)


def _refused(row: tuple[Any, ...]) -> RefusedFile:
    camera = None if row[0] is None else CameraId(row[0])
    return RefusedFile(camera, Path(os.fsdecode(row[1])), row[2], row[3])
