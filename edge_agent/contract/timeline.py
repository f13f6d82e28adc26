"""From a source's own seconds to UTC: only what leaves the box needs that."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge_agent.clock import ClockReading


class TimeBasis(StrEnum):
    LIVE = "live"  # moments are monotonic seconds of this boot; the server may re-date them
    RECORDED = "recorded"  # moments come from the recording; never re-dated


class MediaTimeSource(StrEnum):
    """How we know when a recording begins, best first."""

    TEMPLATE = "template"  # its file name
    CONTAINER = "container"  # its metadata
    MTIME = "mtime"  # its modification time


@dataclass(frozen=True, slots=True)
class MediaTime:
    """Where in a recording a message's moment lies."""

    source: MediaTimeSource
    offset_s: float  # since the recording's first frame
    err_s: float  # how wrong the recording's UTC may be
    disputed: bool = False  # name, container and modification time differ by minutes
    clock_offset_s: float | None = None  # how far the recorder's clock is ahead of the box's
    content: str | None = None  # what the file holds, whatever it is called: hex SHA-256


@dataclass(frozen=True, slots=True)
class LiveTimeline:
    """Moments are monotonic seconds of the boot in which `reading` was taken."""

    reading: ClockReading

    def utc_s(self, at_s: float) -> float:
        """UTC of a monotonic moment, as this clock sees it now."""
        return self.reading.utc_s - (self.reading.mono_s - at_s)

    def media(self, at_s: float) -> MediaTime | None:
        return None


@dataclass(frozen=True, slots=True)
class RecordedTimeline:
    """Moments are seconds since the recording's first frame.

    UTC is the recorder's, by its own clock; `clock_offset_s` is what it is ahead of the box's,
    where that is known, and is told, not corrected for.
    """

    first_frame_utc_s: float
    source: MediaTimeSource
    err_s: float
    disputed: bool = False
    clock_offset_s: float | None = None
    content: str | None = None

    def utc_s(self, at_s: float) -> float:
        return self.first_frame_utc_s + at_s

    def media(self, at_s: float) -> MediaTime | None:
        return MediaTime(
            self.source, at_s, self.err_s, self.disputed, self.clock_offset_s, self.content
        )


Timeline = LiveTimeline | RecordedTimeline
