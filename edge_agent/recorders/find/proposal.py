"""`edge-agent probe FOLDER`: which template fits, shown on ten files, ready to be pasted."""

from __future__ import annotations

import datetime as dt
import heapq
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.domain import CameraId
from edge_agent.errors import MediaError
from edge_agent.recorders.find.brands import template_set
from edge_agent.recorders.find.clip import DISPUTED_S, ClipKind, ClipSpan, shown_path
from edge_agent.recorders.find.identity import open_regular
from edge_agent.recorders.find.mounts import WatchChoice, choose_method, read_mounts
from edge_agent.recorders.find.reading import ClipFacts, facts_of
from edge_agent.recorders.find.recorded_time import ClipTimes, ClockOffset, RecorderClock, span_of
from edge_agent.recorders.find.template import (
    PathFacts,
    TemplateSet,
    is_foreign_folder,
    is_media,
    is_still,
    is_temporary,
    relative_name,
)

#: The newest files tell how the recorder names them now; more would only take time.
FILES_SAMPLED = 2_000
FILES_SHOWN = 10
FILES_WALKED = 200_000

#: In this order; see `propose`.
_CANDIDATES = ("dahua", "hikvision", "reolink", "generic", "generic-one")
NEARLY = 0.9


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One of the files shown."""

    relative: str
    mtime_s: float
    size_bytes: int
    facts: PathFacts
    clip: ClipFacts | None  # None: it does not open
    problem: str | None
    span: ClipSpan


@dataclass(frozen=True, slots=True)
class FolderReport:
    """What `probe` found in a folder."""

    root: Path
    files: int  # media files seen
    sampled: int
    fitting: int  # of those sampled
    timed: int  # of those, with a time in the name
    template: str
    channels: tuple[tuple[str, int], ...]  # and how many of the sampled files
    zone: str
    choice: WatchChoice
    shown: tuple[SampleFile, ...]
    unfit: tuple[str, ...]  # a few that do not fit
    clock: ClockOffset | None


def probe_folder(
    root: Path, *, template: str | None = None, zone_name: str, zone: dt.tzinfo
) -> FolderReport:
    """Propose a template, or try the given one. Raises MediaError (no clips), BadTemplate."""
    newest, files = _newest(root)
    if not newest:
        raise MediaError(
            f"{shown_path(root)} holds no clips and no JPEGs; is it the folder the recorder "
            "uploads into, and may this user read it?"
        )
    names = [relative for _, relative, _ in newest]
    chosen = template_set(template) if template else propose(names)
    fits = [(relative, chosen.match(relative)) for relative in names]
    fitting = [facts for _, facts in fits if facts is not None]
    if not fitting:
        raise MediaError(
            f"{shown_path(root)}: no path fits {chosen.name!r}, such as {_shown(names[0])}"
        )
    channels = Counter(facts.channel for facts in fitting)
    shown, clock = _samples(root, newest, chosen, zone)
    return FolderReport(
        root,
        files,
        len(newest),
        len(fitting),
        sum(facts.start is not None for facts in fitting),
        chosen.name,
        tuple(sorted(channels.items())),
        zone_name,
        choose_method(root, "auto", read_mounts()),
        tuple(shown),
        tuple(relative for relative, facts in fits if facts is None)[:3],
        clock,
    )


def propose(names: Sequence[str]) -> TemplateSet:
    """The first built-in template that tells the time of nearly as many files as any does.

    A brand's tells cameras apart better than a generic one that also takes the odd export.
    """
    timed: dict[str, int] = {}
    fitting: dict[str, int] = {}
    for name in _CANDIDATES:
        facts = [found for found in map(template_set(name).match, names) if found is not None]
        timed[name] = sum(found.start is not None for found in facts)
        fitting[name] = len(facts)
    counts = timed if any(timed.values()) else fitting
    enough = NEARLY * max(counts.values())
    return template_set(next(name for name in _CANDIDATES if counts[name] >= enough))


def _newest(root: Path) -> tuple[list[tuple[float, str, int]], int]:
    """(mtime, path below the root, size) of the newest files, newest first; and the count."""
    heap: list[tuple[float, str, int]] = []
    count = 0
    for entry in _media_files(str(root)):
        count += 1
        if count > FILES_WALKED:
            break
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        relative = relative_name(str(root), entry.path)
        if relative is None:
            continue
        item = (found.st_mtime, relative, found.st_size)
        if len(heap) < FILES_SAMPLED:
            heapq.heappush(heap, item)
        else:
            heapq.heappushpop(heap, item)
    return sorted(heap, reverse=True), count


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


def _samples(
    root: Path, newest: Sequence[tuple[float, str, int]], template: TemplateSet, zone: dt.tzinfo
) -> tuple[list[SampleFile], ClockOffset | None]:
    """Ten files, of every channel some, opened."""
    clock = RecorderClock()
    taken: Counter[str] = Counter()
    picked: list[tuple[float, str, int, PathFacts]] = []
    for mtime_s, relative, size_bytes in newest:
        facts = template.match(relative)
        if facts is not None:
            picked.append((mtime_s, relative, size_bytes, facts))
    # Every channel's newest, then every channel's second.
    ranked = []
    for order, item in enumerate(picked):
        channel = item[3].channel
        ranked.append((taken[channel], order, item))
        taken[channel] += 1
    ranked.sort(key=lambda each: each[:2])
    samples = []
    for _, _, (mtime_s, relative, size_bytes, facts) in ranked[:FILES_SHOWN]:
        clip, problem = _opened(root / relative, "still" if is_still(relative) else "video")
        times = ClipTimes(
            facts, clip.created_utc_s if clip else None, clip.duration_s if clip else None, mtime_s
        )
        span = span_of(times, zone)
        if span.source == "template" and (span.end_utc_s or times.duration_s is not None):
            clock.uploaded(span.end_utc_s or span.start_utc_s + (times.duration_s or 0.0), mtime_s)
        samples.append(SampleFile(relative, mtime_s, size_bytes, facts, clip, problem, span))
    return samples, clock.offset()


def _opened(path: Path, kind: ClipKind) -> tuple[ClipFacts | None, str | None]:
    try:
        file = open_regular(path)
        try:
            return facts_of(file, kind, CameraId(path.name)), None
        finally:
            file.close()
    except MediaError as error:
        return None, str(error)


def _shown(relative: str) -> str:
    return shown_path(Path(relative))


# --- the report ----------------------------------------------------------------------------


def format_folder_report(report: FolderReport) -> str:
    """For a terminal: what was found, ten files, and TOML to paste for each camera."""
    template = f"{report.template}: fits {report.fitting} of {report.sampled}"
    lines = [
        f"folder          {shown_path(report.root)}",
        f"files           {report.files} clips and stills, the newest {report.sampled} looked at",
        f"template        {template}, {report.timed} with a time in the name",
        f"channels        {', '.join(f'{_named(name)} ({n})' for name, n in report.channels)}",
        f"watched by      {report.choice.method}: {report.choice.reason}",
        f"recorder clock  {_clock(report.clock)}",
        f"times           local times in names are read in {report.zone}",
    ]
    lines += [f"does not fit    {_shown(relative)}" for relative in report.unfit]
    lines += ["", *_table(report.shown), ""]
    names = [channel for channel, _ in report.channels]
    for channel, camera_id in zip(names, _camera_ids(names), strict=True):
        lines += ["", *_toml(report, channel, camera_id)]
    return "\n".join(lines)


def _table(shown: Sequence[SampleFile]) -> Iterator[str]:
    for file in shown:
        yield _shown(file.relative)
        span = file.span
        end = f" - {_moment(span.end_utc_s)}" if span.end_utc_s is not None else ""
        basis = f"by {span.source}" + (", DISPUTED" if span.disputed else "")
        yield (
            f"    {_named(file.facts.channel)}  {_moment(span.start_utc_s)}{end}  {basis}  "
            f"(uploaded {_moment(file.mtime_s)}{_container(file)})"
        )
        if file.clip is None:
            yield f"    does not open: {file.problem}"


def _container(file: SampleFile) -> str:
    if file.clip is None or file.clip.created_utc_s is None:
        return ""
    return f", container says {_moment(file.clip.created_utc_s)}"


def _toml(report: FolderReport, channel: str, camera_id: str) -> Iterator[str]:
    yield f"# cameras.d/{camera_id}.toml"
    yield f"id = {_quoted(camera_id)}"
    yield "[source]"
    yield 'kind = "folder"'
    yield f"path = {_quoted(str(report.root))}"
    yield f"template = {_quoted(report.template)}"
    if channel:
        yield f"channel = {_quoted(channel)}"
    yield f"time_zone = {_quoted(report.zone)}"
    yield 'watch = "auto"'


def _camera_ids(channels: Sequence[str]) -> Iterator[str]:
    """An id for each, of the letters that ids may have: `Sân trước` becomes `san-truoc`."""
    taken: set[str] = set()
    for channel in channels:
        plain = unicodedata.normalize("NFKD", channel.lower().replace("đ", "d"))
        plain = "".join(c for c in plain if not unicodedata.combining(c))
        words = "".join(c if c.isascii() and c.isalnum() else "-" for c in plain).split("-")
        name = "-".join(word for word in words if word)[:28].rstrip("-") or "camera"
        number = 2
        unique = name
        while unique in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique)
        yield unique


def _quoted(text: str) -> str:
    """A TOML basic string. Bytes that are no UTF-8 cannot be written in TOML at all."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    escaped = "".join(
        f"\\{c}" if c in '"\\' else c if c.isprintable() else f"\\u{ord(c):04x}" for c in text
    )
    return f'"{escaped}"'


def _named(channel: str) -> str:
    return _shown(channel) if channel else "(one camera)"


def _moment(utc_s: float) -> str:
    return dt.datetime.fromtimestamp(utc_s, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _clock(clock: ClockOffset | None) -> str:
    if clock is None:
        return "not known: too few clips say when they ended"
    ahead = "ahead of" if clock.offset_s >= 0 else "behind"
    text = (
        f"{abs(clock.offset_s):.0f} s {ahead} this box's, give or take {clock.err_s:.0f} s "
        f"(from {clock.clips} clips)"
    )
    if abs(clock.offset_s) > DISPUTED_S:
        text += "; is the time zone right, were the files copied here later, is its NTP off?"
    return text
