"""From a path to a clip: whose it is, when it was recorded, and whether it opens."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.domain import CameraId
from edge_agent.errors import AgentError, MediaError
from edge_agent.recorders.find.clip import ClipKind, ContentId, FoundClip, Stray
from edge_agent.recorders.find.identity import ClipGone, OpenFile, content_of, open_regular
from edge_agent.recorders.find.reading import ClipProperties, facts_of
from edge_agent.recorders.find.recorded_time import (
    ClipTimes,
    ClockOffset,
    RecorderClock,
    span_of,
    start_utc_s,
)
from edge_agent.recorders.find.scan import SeenFile
from edge_agent.recorders.find.template import (
    PathFacts,
    TemplateSet,
    is_foreign_folder,
    is_media,
    is_still,
    is_temporary,
    one_form,
    relative_name,
)
from edge_agent.runtime.attempts import TRIES, Attempts
from edge_agent.sources.picture_rules import ANY_CAMERA, PictureRules

#: A recorder's clock is judged by its newest uploads: a backlog may be from before it was set.
RECENT_S = 6 * 3600.0

#: Names of channels without a camera, for the status: enough to see what is missing.
MAX_UNKNOWN_CHANNELS = 50


@dataclass(frozen=True, slots=True)
class Claim:
    """A file that one of our cameras recorded, by its path."""

    camera: CameraId
    kind: ClipKind
    named: PathFacts


class UnreadableClip(MediaError):
    """It does not open; `content` is None where not even its bytes could be read."""

    def __init__(self, reason: str, content: ContentId | None) -> None:
        super().__init__(reason)
        self.content = content


class ClipIntake:
    """Knows the template, the cameras and their recorders' clocks. One owner."""

    def __init__(
        self,
        root: str,
        template: TemplateSet,
        cameras: Mapping[str, CameraId],
        zone: dt.tzinfo,
        rules: PictureRules = ANY_CAMERA,
        attempts: Attempts | None = None,
    ) -> None:
        self._rules = rules
        self._attempts = attempts or Attempts()
        self._root = root
        self._template = template
        self._cameras = Channels(cameras)
        self._takes_any = "" in cameras
        self._named = Channels({channel: one for channel, one in cameras.items() if channel})
        self._zone = zone
        self._clocks: dict[CameraId, RecorderClock] = {}
        self._newest_mtime_s: dict[CameraId, float] = {}
        self._strays: dict[str | None, Stray] = {}  # since `forget_counts`
        self.assumed_channels: set[str] = set()  # taken for the camera that names none

    def claim(self, path: str, mtime_s: float | None = None) -> Claim | None:
        """None: not a clip, not ours, or not yet. With `mtime_s`, nobody's files are counted."""
        relative = relative_name(self._root, path)
        if relative is None:
            return None
        *folders, name = relative.split("/")
        if is_temporary(name) or not is_media(name) or any(map(is_foreign_folder, folders)):
            return None
        facts = self._template.match(relative)
        if facts is None:
            self._stray(None, relative, mtime_s)
            return None
        camera = self._cameras.camera_of(facts.channel)
        if camera is None:
            self._stray(facts.channel, relative, mtime_s)
            return None
        named = self._named.camera_of(facts.channel) if self._takes_any else camera
        if named is None and len(self.assumed_channels) < MAX_UNKNOWN_CHANNELS:
            self.assumed_channels.add(facts.channel)
        return Claim(camera, "still" if is_still(name) else "video", facts)

    def _stray(self, channel: str | None, relative: str, mtime_s: float | None) -> None:
        if mtime_s is None:
            return
        known = self._strays.get(channel)
        if known is not None:
            self._strays[channel] = replace(
                known,
                files=known.files + 1,
                first_s=min(known.first_s, mtime_s),
                newest_s=max(known.newest_s, mtime_s),
            )
        elif len(self._strays) < MAX_UNKNOWN_CHANNELS:
            self._strays[channel] = Stray(channel, 1, relative, mtime_s, mtime_s)

    @property
    def strays(self) -> tuple[Stray, ...]:
        """Files that are no camera's, since `forget_counts`."""
        return tuple(self._strays.values())

    def forget_counts(self) -> None:
        """At the start of a full scan, which counts anew."""
        self._strays = {}
        self.assumed_channels = set()

    def recorded_s(self, claim: Claim, seen: SeenFile) -> float:
        """About when, without opening it: by its name, else its mtime."""
        mtime_s = seen.mtime_ns / 1e9
        if claim.named.start is None:
            return mtime_s
        return start_utc_s(claim.named, self._zone, near_s=mtime_s)

    def _facts(self, file: OpenFile, content: ContentId, claim: Claim) -> ClipProperties:
        """Raises MediaError, also for what took the process down before."""
        key = f"look {content.digest}"
        if self._attempts.exhausted(key):
            raise MediaError(f"{TRIES} tries to open it ended in a crash of the agent")
        with self._attempts.survived(key, AgentError):
            return facts_of(file, claim.kind, claim.camera, self._rules)

    def take(self, claim: Claim, seen: SeenFile) -> FoundClip | None:
        """Open it. None: it changed since it was seen. Raises ClipGone, UnreadableClip."""
        try:
            file = open_regular(Path(seen.path))
        except ClipGone:
            raise
        except MediaError as error:
            raise UnreadableClip(str(error), None) from error
        try:
            if (file.size_bytes, file.mtime_ns) != (seen.size_bytes, seen.mtime_ns):
                return None
            content: ContentId | None = None
            try:
                content = content_of(file)
                facts = self._facts(file, content, claim)
            except MediaError as error:
                raise UnreadableClip(str(error), content) from error
        finally:
            file.close()
        mtime_s = seen.mtime_ns / 1e9
        times = ClipTimes(
            claim.named, facts.created_utc_s, facts.duration_s, mtime_s, facts.rate_assumed
        )
        self._learn(claim, times)
        span = span_of(times, self._zone, self.clock_offset(claim.camera))
        if span.end_utc_s is None and times.duration_s is not None:
            span = replace(span, end_utc_s=span.start_utc_s + times.duration_s)
        return FoundClip(
            claim.camera,
            Path(seen.path),
            seen.size_bytes,
            seen.mtime_ns,
            content,
            claim.kind,
            span,
        )

    def clock_offset(self, camera: CameraId) -> ClockOffset | None:
        """How far the camera's recorder is ahead; None while too few clips told."""
        clock = self._clocks.get(camera)
        return clock.offset() if clock else None

    def _learn(self, claim: Claim, times: ClipTimes) -> None:
        named = span_of(times, self._zone)
        if named.source != "template":
            return
        end_s = named.end_utc_s
        if end_s is None:
            if times.duration_s is None:
                return
            end_s = named.start_utc_s + times.duration_s
        newest_s = self._newest_mtime_s.get(claim.camera, times.mtime_s)
        if times.mtime_s < newest_s - RECENT_S:
            return
        self._newest_mtime_s[claim.camera] = max(newest_s, times.mtime_s)
        self._clocks.setdefault(claim.camera, RecorderClock()).uploaded(end_s, times.mtime_s)


class Channels:
    """Which camera a channel is: as written, then in one Unicode form, then whatever its case.

    Case alone decides only where no two channels differ by nothing else.
    """

    def __init__(self, cameras: Mapping[str, CameraId]) -> None:
        self._exact = {one_form(name): camera for name, camera in cameras.items()}
        folded: dict[str, CameraId | None] = {}
        for name, camera in self._exact.items():
            folded[name.casefold()] = None if name.casefold() in folded else camera
        self._folded = {name: camera for name, camera in folded.items() if camera is not None}

    def camera_of(self, channel: str) -> CameraId | None:
        """By the whole channel (`front/001`), by its first part, by its last; then by none (``)."""
        first, slash, last = one_form(channel).partition("/")
        for name in (first + slash + last, *((first, last) if slash else ()), ""):
            camera = self._exact.get(name) or self._folded.get(name.casefold())
            if camera is not None:
                return camera
        return None
