"""When somebody was there, as a person wrote it down: intervals, or MOT boxes."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.errors import LabelError

#: Who is not in a label's row for less than this was not away.
_BRIDGED_S = 1.0
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Interval:
    """Seconds of the clip."""

    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Labels:
    """`of_clips`: by the name of the clip; under the empty name those of every clip."""

    of_clips: Mapping[str, tuple[Interval, ...]]
    frames: tuple[tuple[int, int], ...] = ()  # MOT: from and to, first frame 1

    def of(self, clip: Path, fps: float | None) -> tuple[Interval, ...]:
        """Raises LabelError where MOT rows need the clip's rate, and it has none."""
        if self.frames:
            if not fps:
                raise LabelError(f"{clip}: does not say how many pictures a second it has")
            counted = [Interval((first - 1) / fps, last / fps) for first, last in self.frames]
            return merged(counted)
        return self.of_clips.get(clip.name, ()) or self.of_clips.get("", ())


def read_labels(path: Path) -> Labels:
    """TOML (`[[present]]` with `from`, `to`), CSV (from,to[,clip]) or a MOT gt.txt.

    Times are seconds or M:SS.S. Raises LabelError with file and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError(f"{path}: cannot be read: {error}") from error
    if path.suffix.lower() == ".toml":
        return _from_toml(path, text)
    rows = list(csv.reader(io.StringIO(text)))
    first = next((row for row in rows if row), [])
    return _from_mot(path, rows) if len(first) >= 6 else _from_csv(path, rows)


def merged(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """In order of time, those that touch as one."""
    joined: list[Interval] = []
    for each in sorted(intervals, key=lambda i: (i.from_s, i.to_s)):
        if joined and each.from_s - joined[-1].to_s <= _BRIDGED_S:
            joined[-1] = Interval(joined[-1].from_s, max(joined[-1].to_s, each.to_s))
        else:
            joined.append(each)
    return tuple(joined)


def _from_toml(path: Path, text: str) -> Labels:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LabelError(f"{path}: {error}") from error
    entries = raw.get("present")
    if not isinstance(entries, list) or set(raw) != {"present"}:
        raise LabelError(f"{path}: write one [[present]] with from and to for each visit")
    rows = []
    for number, entry in enumerate(entries, 1):
        where = f"{path}: [[present]] {number}"
        if not isinstance(entry, dict) or not {"from", "to"} <= set(entry) <= {
            "from",
            "to",
            "clip",
        }:
            raise LabelError(f"{where}: needs from and to, may have clip")
        rows.append((where, entry["from"], entry["to"], str(entry.get("clip", ""))))
    return _labels(rows)


def _from_csv(path: Path, rows: Sequence[Sequence[str]]) -> Labels:
    found = []
    for number, row in enumerate(rows, 1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or cells[0].startswith("#") or (number == 1 and cells[0] == "from"):
            continue
        where = f"{path}:{number}"
        if len(cells) not in (2, 3):
            raise LabelError(f"{where}: needs from,to or from,to,clip, has {len(cells)} columns")
        found.append((where, cells[0], cells[1], cells[2] if len(cells) == 3 else ""))
    return _labels(found)


def _labels(rows: Sequence[tuple[str, Any, Any, str]]) -> Labels:
    of_clips: dict[str, list[Interval]] = {}
    for where, begin, end, clip in rows:
        interval = Interval(_seconds(begin, where), _seconds(end, where))
        if interval.to_s <= interval.from_s:
            raise LabelError(f"{where}: ends at {end}, which is not after {begin}")
        of_clips.setdefault(clip, []).append(interval)
    return Labels({clip: merged(each) for clip, each in of_clips.items()})


def _seconds(value: Any, where: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6:
        return float(value)
    if isinstance(value, str):
        found = _CLOCK.fullmatch(value)
        if found:
            hours, minutes, seconds = (float(part or 0) for part in found.groups())
            return hours * 3600 + minutes * 60 + seconds
        if re.fullmatch(r"\d{1,6}(\.\d+)?", value):
            return float(value)
    raise LabelError(f"{where}: {value!r} is no time: write seconds, 4.5, or minutes, 1:04.5")


def _from_mot(path: Path, rows: Sequence[Sequence[str]]) -> Labels:
    """`frame,id,x,y,w,h,flag,...`; flag 0 is not counted, nor a class that is no pedestrian."""
    frames = set()
    for number, row in enumerate(rows, 1):
        if not row:
            continue
        try:
            frame = int(row[0])
            flag = float(row[6]) if len(row) > 6 else 1.0
            kind = int(row[7]) if len(row) >= 9 else 1
        except ValueError:
            raise LabelError(f"{path}:{number}: is no MOT row frame,id,x,y,w,h,flag,...") from None
        if flag > 0 and kind in (1, -1) and frame > 0:
            frames.add(frame)
    runs: list[tuple[int, int]] = []
    for frame in sorted(frames):
        if runs and frame == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], frame)
        else:
            runs.append((frame, frame))
    if not runs:
        raise LabelError(f"{path}: nobody is in it")
    return Labels({}, tuple(runs))
