"""What a watched folder finds: clips and stills, each with its identity and its time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

from edge_agent.domain import CameraId
from edge_agent.foreign_text import printable

#: A path as the file system gave it. Bytes that are no UTF-8 are surrogates in it
#: (`os.fsdecode`), so it opens the file again; print it with `shown_path`.
ClipKind = Literal["video", "still"]
TimeSource = Literal["template", "container", "mtime"]

#: Name, container and mtime may differ by this much before the time counts as disputed.
DISPUTED_S = 300.0


@dataclass(frozen=True, slots=True)
class ContentId:
    """What a file is, whatever it is called: recorders reuse names and paths in a ring."""

    size_bytes: int
    digest: str  # hex SHA-256 over the size and the first and last 64 KiB


@dataclass(frozen=True, slots=True)
class ClipSpan:
    """When a clip was recorded, by the recorder's own clock put on UTC by its time zone.

    The recorder's clock is not corrected for: `start_utc_s - offset_s` is the moment by the
    box's clock.
    """

    start_utc_s: float
    end_utc_s: float | None  # as the name or the video states it; None: neither does
    source: TimeSource  # where `start_utc_s` is from
    offset_s: float  # how far the recorder's clock is ahead of the box's; 0 while not known
    err_s: float  # how far `start_utc_s - offset_s` may be off
    disputed: bool  # name, container and mtime differ by more than 5 minutes


@dataclass(frozen=True, slots=True)
class FoundClip:
    """A file that is complete and opens."""

    camera: CameraId
    path: Path
    size_bytes: int
    mtime_ns: int
    content: ContentId
    kind: ClipKind
    span: ClipSpan


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that will not be analysed, and why. Found again only when it changes."""

    camera: CameraId | None  # None: the name does not say
    path: Path
    size_bytes: int
    mtime_ns: int
    content: ContentId | None  # None: it could not be read
    reason: str


#: The reason of a file that was left out for its age: never opened.
TOO_OLD = "too_old"


class KnownFiles(Protocol):
    """What was handed over before, kept on disk: asked for one file at a time, never listed."""

    def known(self, path: Path) -> tuple[int, int] | None:
        """(size_bytes, mtime_ns) of the file last found or refused there; None: never seen."""
        ...


Found = Callable[[FoundClip], None]
RefusedClip = Callable[[Refused], None]


class WatchMethod(StrEnum):
    NOTIFY = "notify"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class Stray:
    """Files of one tree that are no camera's: of a channel, or of no template (None)."""

    channel: str | None
    files: int
    example: str  # below the root
    first_s: float  # mtimes
    newest_s: float

    @property
    def reason(self) -> str:
        shown = shown_path(Path(self.example))
        if self.channel is None:
            return f"{self.files} files do not fit the template, such as {shown}"
        name = shown_path(Path(self.channel)) if self.channel else "(none)"
        return f"{self.files} files, such as {shown}: no camera has the channel {name}"


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """How the watching goes; a snapshot for telemetry and `edge-agent ingest status`."""

    method: WatchMethod
    lost: str | None  # why the root cannot be seen; None: it is there
    scans: int  # full ones
    files_seen: int  # in the newest full scan
    last_scan_s: float | None  # how long it took
    last_scan_cpu_s: float | None
    pending: int  # files that are not yet complete
    overflows: int  # times that notifications were lost and a rescan made good for it
    limited: str | None  # why notifications cannot be had for all folders; they are polled then
    unmatched: int  # media files in the newest full scan whose path does not fit the template
    unknown_channels: tuple[str, ...]  # in the tree, but no camera is configured for them
    strays: tuple[Stray, ...] = ()  # in the newest full scan


def shown_path(path: Path) -> str:
    """For logs and messages: bytes that are no UTF-8 become `\\xNN`, control characters too."""
    return printable(path)
