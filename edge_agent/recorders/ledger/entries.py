"""What the ledger of recorder files holds: clips, files that were left out, and runs of clips."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from edge_agent.domain import CameraId

#: Two clips of a camera belong together when the later one begins so long after the earlier
#: one ends, or before: recorders overlap clips by what they buffer.
RUN_GAP_S = 5.0
RUN_OVERLAP_S = 30.0


class ClipProgress(StrEnum):
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
    state: ClipProgress = ClipProgress.WAITING
    reason: str = ""
    told: int = 0  # messages of it that are stored already, while it is waiting
    open_events: bytes = b""  # the newest message of each event that is open after these

    @property
    def key(self) -> int:
        """The same for the same content of the same camera, whatever its name."""
        return _key(f"{self.camera}/{self.size_bytes}/{self.digest}".encode())


@dataclass(frozen=True, slots=True)
class LeftOutFile:
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


@dataclass(frozen=True, slots=True)
class OldFile:
    """A file that was dealt with long ago."""

    key: int  # of its path
    clip: int | None
    path: Path
