"""When a recording happened: its events are dated by the file, not by the moment of analysis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_agent.config import CameraConfig, FileSource
from edge_agent.config.profiles import OWN
from edge_agent.contract import MediaTimeSource, RecordedTimeline
from edge_agent.sources import CameraFeed, FeedSettings

#: How far the time of a file whose clock nobody vouches for may be off.
_MTIME_ERR_S = 3600.0


def is_recorded(camera: CameraConfig) -> bool:
    """Whether this camera's moments are a recording's own seconds instead of monotonic ones."""
    return isinstance(camera.source, FileSource) and camera.source.pace == "fast"


class ProfiledGate:
    """Has a recording's gate go by the motion settings of the profile in force, as a live one's.

    `settings`: of a profile. What is in force is known with each analysed frame.
    """

    def __init__(self, feed: CameraFeed, settings: Callable[[str], FeedSettings]) -> None:
        self._feed, self._settings = feed, settings
        self._profile = OWN

    def follow(self, profile: str) -> None:
        if profile != self._profile:
            self._profile = profile
            self._feed.apply(self._settings(profile))


class RecordedTime(Protocol):
    """When a recording happened."""

    def timeline(self) -> RecordedTimeline: ...


@dataclass(frozen=True, slots=True)
class GivenTime:
    """Of a recording whose time is known before it is opened."""

    known: RecordedTimeline

    def timeline(self) -> RecordedTimeline:
        return self.known


class RecordingTime:
    """The timeline of one file, fixed when it is first asked for.

    `duration_s` tells how long the file plays, None while (or if) nobody knows. The file's
    modification time is when its writing ended, so it began that much earlier.
    """

    def __init__(self, path: Path, duration_s: Callable[[], float | None]) -> None:
        self._path = path
        self._duration_s = duration_s
        self._timeline: RecordedTimeline | None = None

    def timeline(self) -> RecordedTimeline:
        if self._timeline is None:
            end_utc_s = self._path.stat().st_mtime
            first_utc_s = end_utc_s - (self._duration_s() or 0.0)
            self._timeline = RecordedTimeline(first_utc_s, MediaTimeSource.MTIME, _MTIME_ERR_S)
        return self._timeline


def recording_time(camera: CameraConfig, feed: CameraFeed) -> RecordingTime | None:
    """The time of a camera that is a recording; None for a live one."""
    if not isinstance(camera.source, FileSource) or not is_recorded(camera):
        return None

    def duration_s() -> float | None:
        info = feed.status().info
        return info.duration_s if info else None

    return RecordingTime(Path(camera.source.path), duration_s)
