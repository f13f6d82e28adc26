"""`edge-agent probe FOLDER`: which template reads its names, with the proof. `report` prints it."""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.domain import CameraId
from edge_agent.errors import MediaError
from edge_agent.recorders.find.brands import template_set
from edge_agent.recorders.find.camera_names import camera_ids
from edge_agent.recorders.find.clip import ClipKind, ClipSpan, shown_path
from edge_agent.recorders.find.grammar import Learned, NamedFile, learn
from edge_agent.recorders.find.identity import open_regular
from edge_agent.recorders.find.mounts import WatchChoice, choose_method, read_mounts
from edge_agent.recorders.find.reading import ClipProperties, facts_of
from edge_agent.recorders.find.recorded_time import ClipTimes, ClockOffset, RecorderClock, span_of
from edge_agent.recorders.find.stream_check import alike_streams
from edge_agent.recorders.find.template import (
    PathFacts,
    is_foreign_folder,
    is_media,
    is_still,
    is_temporary,
    relative_name,
)
from edge_agent.recorders.find.zone_check import ZoneVerdict, zone_verdict

#: The newest files tell how the recorder names them now; more would only take time.
FILES_LEARNT = 2_000
FILES_WALKED = 200_000

#: Files opened for the proof, of each camera and in all.
SHOWN_EACH = 3
OPENED = 400
#: Files without a time in their name that are opened for it.
DATED = 2_000


@dataclass(frozen=True, slots=True)
class ProbedFile:
    """One media file of the folder."""

    relative: str
    mtime_s: float
    facts: PathFacts | None  # None: it does not fit the template
    camera: str | None  # the id that is proposed
    clip: ClipProperties | None  # None: it was not opened, or does not open
    problem: str | None
    span: ClipSpan | None  # None: it does not fit

    @property
    def disputed(self) -> bool:
        """What is said of its time is not sure."""
        return self.span is not None and (self.span.disputed or self.span.source == "mtime")


@dataclass(frozen=True, slots=True)
class FolderReport:
    """What `probe` found in a folder."""

    root: Path
    files: tuple[ProbedFile, ...]  # the newest first
    walked: int  # media files seen, also those beyond `FILES_WALKED`
    links: int  # left alone
    template: str
    cameras: tuple[tuple[str, str], ...]  # channel as the template reads it, proposed id
    zone_name: str
    zone: ZoneVerdict
    choice: WatchChoice
    shown: tuple[ProbedFile, ...]  # the proof
    unsure: tuple[str, ...]
    streams: tuple[str, ...]  # channels that may be the main and the sub stream of one camera
    twice: tuple[str, ...]
    clock: ClockOffset | None

    @property
    def fitting(self) -> int:
        return sum(file.facts is not None for file in self.files)

    @property
    def timed(self) -> int:
        return sum(bool(file.facts and file.facts.start) for file in self.files)

    @property
    def by_upload(self) -> int:
        """Files whose time is that of their upload: nothing else tells one."""
        return sum(file.span is not None and file.span.source == "mtime" for file in self.files)

    @property
    def mostly_disputed(self) -> bool:
        return 2 * sum(file.disputed for file in self.files) > self.fitting

    @property
    def confidence(self) -> str:
        """In a word: sure, likely, unsure."""
        if self.unsure or self.streams or self.zone.doubt or self.mostly_disputed:
            return "unsure"
        few = len(self.files) < 2 * max(1, len(self.cameras))
        timeless = self.timed < self.fitting
        return "likely" if few or timeless or self.fitting < len(self.files) else "sure"


@dataclass(frozen=True, slots=True)
class _Walked:
    relative: str
    mtime_s: float


def probe_folder(
    root: Path, *, template: str | None = None, zone_name: str, zone: dt.tzinfo
) -> FolderReport:
    """Propose a template, or try the given one. Raises MediaError (no clips), BadTemplate."""
    walked, count, links = _walk(root)
    if not walked:
        raise MediaError(
            f"{shown_path(root)} holds no clips and no JPEGs; is it the folder the recorder "
            "uploads into, and may this user read it?"
        )
    learned = _given(template) if template else _learned(walked, zone)
    facts = [learned.template.match(file.relative) for file in walked]
    if not any(facts):
        raise MediaError(
            f"{shown_path(root)}: no path fits {learned.template.name!r}, such as "
            f"{shown_path(Path(walked[0].relative))}"
        )
    channels = sorted({one.channel for one in facts if one is not None})
    ids = dict(zip(channels, camera_ids(_labels(channels, learned, root)), strict=True))
    to_open = _to_open(walked, facts)
    opened = {n: _opened(root / walked[n].relative) for n in to_open}
    times = [
        ClipTimes(one, *_told(opened.get(n, (None, None))[0]), walked[n].mtime_s)
        for n, one in enumerate(facts)
    ]
    verdict = zone_verdict([times[n] for n in to_open if facts[n]], zone_name, zone)
    files = []
    for n, (file, one) in enumerate(zip(walked, facts, strict=True)):
        clip, problem = opened.get(n, (None, None))
        span = span_of(_with_rate(times[n], clip), verdict.zone) if one is not None else None
        camera = ids[one.channel] if one is not None else None
        files.append(ProbedFile(file.relative, file.mtime_s, one, camera, clip, problem, span))
    return FolderReport(
        root,
        tuple(files),
        count,
        links,
        learned.template.name,
        tuple(ids.items()),
        verdict.name,
        verdict,
        choose_method(root, "auto", read_mounts()),
        tuple(_shown(files)),
        learned.unsure,
        tuple(alike_streams(files)),
        learned.twice,
        _clock_of(files),
    )


def _given(text: str) -> Learned:
    return Learned(template_set(text), "", (), ())


def _learned(walked: Sequence[_Walked], zone: dt.tzinfo) -> Learned:
    this_year = dt.datetime.now(dt.UTC).year
    files = [NamedFile(file.relative, file.mtime_s) for file in walked[:FILES_LEARNT]]
    return learn(files, zone, this_year + 1)


def _labels(channels: Sequence[str], learned: Learned, root: Path) -> list[str]:
    """What the ids are made of."""
    if list(channels) == [""]:
        return [learned.label or root.name]
    return [channel or learned.label or root.name for channel in channels]


# --- which files -----------------------------------------------------------------------------


def _walk(root: Path) -> tuple[list[_Walked], int, int]:
    """The files, newest first; how many there are; how many links were left alone."""
    found: list[_Walked] = []
    count = links = 0
    for entry in _media_files(str(root)):
        if entry.is_symlink():
            links += 1
            continue
        count += 1
        if count > FILES_WALKED:
            continue
        try:
            mtime_s = entry.stat(follow_symlinks=False).st_mtime
        except OSError:
            continue
        relative = relative_name(str(root), entry.path)
        if relative is not None:
            found.append(_Walked(relative, mtime_s))
    found.sort(key=lambda file: (-file.mtime_s, file.relative))
    return found, count, links


def _media_files(root: str) -> Iterator[os.DirEntry[str]]:
    stack = [root]
    while stack:
        try:
            entries = os.scandir(stack.pop())
        except OSError as error:
            if not stack and error.filename == root:
                raise MediaError(
                    f"{shown_path(Path(root))} cannot be listed ({error.strerror})"
                ) from error
            continue
        folders = []
        with entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if not is_foreign_folder(entry.name):
                        folders.append(entry.path)
                elif is_media(entry.name) and not is_temporary(entry.name):
                    yield entry
        stack += sorted(folders)


def _to_open(walked: Sequence[_Walked], facts: Sequence[PathFacts | None]) -> list[int]:
    """All of a small folder. Of a large one the proof of each camera, and those that only an open
    file can date."""
    fitting = [(n, one) for n, one in enumerate(facts) if one is not None]
    if len(walked) <= OPENED:
        return [n for n, _ in fitting]
    taken: Counter[str] = Counter()
    chosen, dateless = [], 0
    for n, one in fitting:
        taken[one.channel] += 1
        if taken[one.channel] <= SHOWN_EACH:
            chosen.append(n)
        elif one.start is None and dateless < DATED:
            dateless += 1
            chosen.append(n)
    return chosen


def _shown(files: Sequence[ProbedFile]) -> Iterator[ProbedFile]:
    """Three files of each camera."""
    by_camera: dict[str, list[ProbedFile]] = defaultdict(list)
    for file in files:
        if file.camera is not None and len(by_camera[file.camera]) < SHOWN_EACH:
            by_camera[file.camera].append(file)
    for camera in sorted(by_camera):
        yield from by_camera[camera]


# --- what is in them -------------------------------------------------------------------------


def _opened(path: Path) -> tuple[ClipProperties | None, str | None]:
    kind: ClipKind = "still" if is_still(path.name) else "video"
    try:
        file = open_regular(path)
        try:
            return facts_of(file, kind, CameraId(path.name)), None
        finally:
            file.close()
    except MediaError as error:
        return None, str(error)


def _told(clip: ClipProperties | None) -> tuple[float | None, float | None]:
    return (clip.created_utc_s, clip.duration_s) if clip else (None, None)


def _with_rate(times: ClipTimes, clip: ClipProperties | None) -> ClipTimes:
    assumed = clip is not None and clip.rate_assumed
    return ClipTimes(
        times.named, times.created_utc_s, times.duration_s, times.mtime_s, rate_assumed=assumed
    )


def _clock_of(files: Sequence[ProbedFile]) -> ClockOffset | None:
    clock = RecorderClock()
    for file in sorted(files, key=lambda each: each.mtime_s):
        span = file.span
        if span is None or span.source != "template" or file.clip is None:
            continue
        end_s = span.end_utc_s or span.start_utc_s + (file.clip.duration_s or 0.0)
        clock.uploaded(end_s, file.mtime_s)
    return clock.offset()
