"""`edge-agent ward cameras`: how every camera does, from the database that `ward listen` keeps."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.clock import rfc3339
from edge_agent.errors import OperatorError, StorageError
from edge_agent.ward.camera_book import CameraBook
from edge_agent.ward.cameras import CameraView, belief, worst_first
from edge_agent.ward.presence import BoxRecord
from edge_agent.ward.printing import duration, local
from edge_agent.ward.schema import SCHEMA_VERSION

#: The subscriber notes every half minute that it listens.
_LISTENS_WITHIN_S = 120.0
_HEADS = ("CAMERA", "STATE", "SINCE", "LAST PERSON", "HEALTH")


@dataclass(frozen=True, slots=True)
class Overview:
    """All cameras, worst first, as they were at `as_of_utc_s`."""

    as_of_utc_s: float
    listens: bool  # somebody listens now; else `as_of_utc_s` is when somebody did last
    cameras: tuple[CameraView, ...]


def read_overview(path: Path, now_utc_s: float) -> Overview:
    """Reads while the subscriber writes. Raises OperatorError for no such database, or one of
    another version, and StorageError."""
    if not path.is_file():
        raise OperatorError(f"{path}: no such database; `edge-agent ward listen` makes it")
    try:
        with contextlib.closing(_opened(path)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version != SCHEMA_VERSION:
                raise OperatorError(
                    f"{path}: is of format {version}, this version needs {SCHEMA_VERSION}; "
                    "start `edge-agent ward listen` of this version once"
                )
            return _overview(connection, now_utc_s)
    except sqlite3.Error as error:
        raise StorageError(f"{path}: {error}") from error


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)


def _overview(connection: sqlite3.Connection, now_utc_s: float) -> Overview:
    book = CameraBook(connection)
    boxes = {row[0]: BoxRecord(*row) for row in connection.execute("SELECT * FROM box")}
    listening = book.listening()
    listens = listening is not None and now_utc_s - listening.seen_utc_s <= _LISTENS_WITHIN_S
    as_of_s = now_utc_s if listens or listening is None else listening.seen_utc_s
    since_s = float("-inf") if listening is None else listening.since_utc_s
    views = [
        CameraView(
            camera.source,
            camera.camera,
            belief(camera, boxes.get(camera.source), as_of_s, since_s),
            book.last_person_utc_s(camera.source, camera.camera),
            book.open_faults(camera.source, camera.camera),
        )
        for camera in book.all()
    ]
    return Overview(as_of_s, listens, tuple(worst_first(views)))


def overview_lines(overview: Overview) -> list[str]:
    """A table for a terminal."""
    lines = []
    if not overview.listens:
        lines += [f"nobody listens: as of {local(overview.as_of_utc_s)}; start `ward listen`", ""]
    if not overview.cameras:
        return [*lines, "no camera was heard of yet"]
    rows = [_HEADS, *(_row(view, overview.as_of_utc_s) for view in overview.cameras)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
    return lines


def _row(view: CameraView, now_utc_s: float) -> tuple[str, str, str, str, str]:
    faults = [f"{each.kind} ({each.severity})" for each in view.faults]
    reason = view.belief.reason
    # The reason of a degraded camera names its faults in other words.
    words = [*faults, *([reason] if reason and not faults else [])]
    return (
        f"{view.source.rpartition('/')[2]}/{view.camera}",
        view.belief.state,
        _moment(view.belief.since_utc_s, now_utc_s),
        _moment(view.last_person_utc_s, now_utc_s),
        "; ".join(words) or "-",
    )


def _moment(utc_s: float | None, now_utc_s: float) -> str:
    if utc_s is None:
        return "never"
    return f"{local(utc_s)} ({duration(now_utc_s - utc_s)})"


def overview_json(overview: Overview) -> Mapping[str, Any]:
    """For programs: moments in UTC, None where there is none."""
    return {
        "as_of": rfc3339(overview.as_of_utc_s),
        "listens": overview.listens,
        "cameras": [_view(view) for view in overview.cameras],
    }


def _view(view: CameraView) -> Mapping[str, Any]:
    _, ward, box = view.source.split("/")
    last_s = view.last_person_utc_s
    return {
        "ward": ward,
        "box": box,
        "camera": view.camera,
        "state": str(view.belief.state),
        "since": rfc3339(view.belief.since_utc_s),
        "reason": view.belief.reason,
        "last_person": None if last_s is None else rfc3339(last_s),
        "health": [
            {
                "kind": fault.kind,
                "severity": str(fault.severity),
                "since": rfc3339(fault.since_utc_s),
            }
            for fault in view.faults
        ],
    }
