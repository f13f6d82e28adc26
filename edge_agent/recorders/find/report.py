"""What `probe` found in a folder, as text with TOML to paste, and as JSON."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from edge_agent.clock import rfc3339
from edge_agent.recorders.find.clip import DISPUTED_S, shown_path
from edge_agent.recorders.find.proposal import FolderReport, ProbedFile
from edge_agent.recorders.find.recorded_time import ClockOffset

_UNFIT_SHOWN = 3

_WORDS = {
    "sure": "sure",
    "likely": "likely, from what lies there so far",
    "unsure": "UNSURE, see below",
}


def format_folder_report(report: FolderReport) -> str:
    """For a terminal: the proposal, three files of each camera as its proof, TOML to paste."""
    lines = [*_head(report), ""]
    lines += [f"UNSURE          {reason}" for reason in _doubts(report)]
    lines += ["", *_table(report), ""]
    for channel, camera_id in report.cameras:
        lines += ["", *_toml(report, channel, camera_id)]
    return "\n".join(lines)


def _head(report: FolderReport) -> Iterator[str]:
    counts = Counter(file.facts.channel for file in report.files if file.facts is not None)
    fits = f"fits {report.fitting} of {len(report.files)}"
    yield f"folder          {shown_path(report.root)}"
    yield f"files           {report.walked} clips and stills"
    if report.links:
        yield f"links           {report.links} are left alone: the agent follows none"
    yield f"template        {report.template}: {fits}, {report.timed} with a time in the name"
    channels = ", ".join(f"{_named(name)} ({n})" for name, n in sorted(counts.items()))
    yield f"channels        {channels}"
    yield f"confidence      {_WORDS[report.confidence]}"
    yield f"watched by      {report.choice.method}: {report.choice.reason}"
    yield f"recorder clock  {_clock(report.clock)}"
    yield f"time zone       {report.zone_name}: {report.zone.reason}"
    for text in report.twice:
        yield (
            f"twice           {text} show the same moments: one camera, and each moment is "
            "analysed once, from the file that is complete first"
        )
    unfit = [file.relative for file in report.files if file.facts is None]
    for relative in unfit[:_UNFIT_SHOWN]:
        yield f"does not fit    {_shown(relative)}"
    if len(unfit) > _UNFIT_SHOWN:
        yield f"                and {len(unfit) - _UNFIT_SHOWN} more"


def _doubts(report: FolderReport) -> Iterator[str]:
    yield from report.unsure
    if report.zone.doubt:
        yield report.zone.doubt
    yield from report.streams
    dated = [file for file in report.files if file.span is not None]
    uploads = report.by_upload
    if uploads:
        yield (
            f"{uploads} files tell no time, neither by name nor inside: their start is taken from "
            "when the file was written, and is wrong where files are copied later"
        )
    if report.mostly_disputed and not (report.zone.doubt or 2 * uploads > len(dated)):
        apart_s = median(_apart_s(file) for file in dated if file.disputed)
        yield (
            f"most files were written {_rough(apart_s)} away from what their names say: is the "
            "recorder's clock right?"
        )
    bare = sum(file.clip.rate_assumed for file in dated if file.clip)
    if bare:
        yield f"{bare} bare streams do not say how long they are; their end is a guess"
    for channel, camera_id in report.cameras:
        if not _writable(channel):
            yield (
                f"{camera_id}: its name {_shown(channel)} is no UTF-8 and cannot stand in a "
                "configuration: rename the folder, or set the FTP server to UTF-8"
            )


def _table(report: FolderReport) -> Iterator[str]:
    """The proof. Differences are what the file's or the container's time is after the start."""
    yield "file, and below it: camera, start - end (UTC), taken from (file's and container's time)"
    for file in report.shown:
        if file.span is None or file.facts is None:
            continue
        yield _shown(file.relative)
        end = f" - {_moment(file.span.end_utc_s)}" if file.span.end_utc_s is not None else ""
        basis = f"by {file.span.source}" + (", DISPUTED" if file.disputed else "")
        yield (
            f"    {_named(file.facts.channel)}  {_moment(file.span.start_utc_s)}{end}  {basis}  "
            f"(written {_apart(file.mtime_s - _end_s(file))} the end{_container(file)})"
        )
        if file.disputed:
            yield f"    may be off by {_rough(max(file.span.err_s, _apart_s(file)))}"
        if file.clip is None:
            yield f"    does not open: {file.problem}"


def _end_s(file: ProbedFile) -> float:
    if file.span is None:
        return file.mtime_s
    length_s = file.clip.duration_s if file.clip else None
    return file.span.end_utc_s or file.span.start_utc_s + (length_s or 0.0)


def _apart_s(file: ProbedFile) -> float:
    return abs(file.mtime_s - _end_s(file))


def _container(file: ProbedFile) -> str:
    if file.clip is None or file.clip.created_utc_s is None or file.span is None:
        return ""
    apart = _apart(file.clip.created_utc_s - file.span.start_utc_s)
    return f", container says {_moment(file.clip.created_utc_s)}, {apart} the start"


def _apart(seconds: float) -> str:
    return f"{_rough(abs(seconds))} {'after' if seconds >= 0 else 'before'}"


def _rough(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:.0f} s"
    if seconds < 2 * 86_400:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h {minutes} min"
    return f"{seconds / 86_400:.0f} days"


def _toml(report: FolderReport, channel: str, camera_id: str) -> Iterator[str]:
    if not (_writable(channel) and _writable(report.template) and _writable(str(report.root))):
        yield f"# {camera_id}: its name is no UTF-8, see above"
        return
    yield f"# cameras.d/{camera_id}.toml"
    yield f"id = {_quoted(camera_id)}"
    yield "[source]"
    yield 'kind = "folder"'
    yield f"path = {_quoted(str(report.root))}"
    yield f"template = {_quoted(report.template)}"
    if channel:
        yield f"channel = {_quoted(channel)}"
    yield f"time_zone = {_quoted(report.zone_name)}"
    yield 'watch = "auto"'


def _writable(text: str) -> bool:
    return text.isascii() or text.encode("utf-8", "replace").decode() == text


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = "".join(
        f"\\{c}" if c in '"\\' else c if c.isprintable() else f"\\u{ord(c):04x}" for c in text
    )
    return f'"{escaped}"'


def _shown(relative: str) -> str:
    return shown_path(Path(relative))


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


# --- for programs ----------------------------------------------------------------------------


def folder_report_json(report: FolderReport) -> str:
    """`cameras` and `files`, those too that fit nothing. `disputed`: its time or its camera is
    not sure; `unsure` says why."""
    counts = Counter(file.camera for file in report.files if file.camera is not None)
    whole = bool(report.unsure)
    return json.dumps(
        {
            "folder": shown_path(report.root),
            "template": report.template,
            "time_zone": report.zone_name,
            "confidence": report.confidence,
            "unsure": list(_doubts(report)),
            "twice": list(report.twice),
            "cameras": [
                {
                    "id": camera_id,
                    "channel": _shown(channel) if channel else "",
                    "files": counts[camera_id],
                }
                for channel, camera_id in report.cameras
            ],
            "files": [_file_json(file, unsure=whole) for file in report.files],
        },
        ensure_ascii=False,
        indent=1,
    )


def _file_json(file: ProbedFile, *, unsure: bool) -> dict[str, object]:
    span = file.span
    if span is None:
        return {
            "path": _shown(file.relative),
            "camera": None,
            "start": None,
            "source": None,
            "disputed": True,
        }
    return {
        "path": _shown(file.relative),
        "camera": file.camera,
        "start": rfc3339(span.start_utc_s),
        "end": rfc3339(span.end_utc_s) if span.end_utc_s is not None else None,
        "source": span.source,
        "disputed": file.disputed or unsure,
        "err_s": round(max(span.err_s, _apart_s(file) if file.disputed else 0.0), 1),
    }
