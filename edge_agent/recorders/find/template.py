"""Where a clip's path says what it is: `{camera}/{date:%Y-%m-%d}/**/{start:%H.%M.%S}*.dav`.

    {camera} {channel}         one folder or a part of a name: which camera it is
    {date:..} {start:..} {end:..}  when, in strftime's %Y %y %m %d %H %M %S %f; may span folders
    {video} {still}            any suffix of a video, of a JPEG
    *  ?                       any characters, one character, of one name
    **                         any number of folders, also none
    anything else              itself, whatever its case; brackets have no meaning

Times in paths are the recorder's local time; `recorded_time` puts them on UTC.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

#: What recorders and cameras write; libav reads all of them. `h264` and `hevc` are bare streams.
VIDEO_SUFFIXES = (
    *("dav", "mp4", "avi", "mkv", "ts", "mov", "m4v", "mpg", "mpeg", "ps", "m2ts", "flv", "asf"),
    *("wmv", "webm", "3gp", "h264", "264", "h265", "265", "hevc"),
)
STILL_SUFFIXES = ("jpg", "jpeg")

#: Latin digits only: `\d` would also match those of other scripts.
_DIRECTIVES = {
    "Y": ("year", r"[12][0-9]{3}"),
    "y": ("year", r"[0-9]{2}"),
    "m": ("month", r"0[1-9]|1[0-2]"),
    "d": ("day", r"0[1-9]|[12][0-9]|3[01]"),
    "H": ("hour", r"[01][0-9]|2[0-4]"),
    "M": ("minute", r"[0-5][0-9]"),
    "S": ("second", r"[0-5][0-9]|60"),
    "f": ("fraction", r"[0-9]{1,6}"),
}
_PLAIN_FIELDS = {
    "camera": r"(?P<camera>[^/]+)",
    "channel": r"(?P<channel>[^/]+)",
    "video": "(?:" + "|".join(VIDEO_SUFFIXES) + ")",
    "still": "(?:" + "|".join(STILL_SUFFIXES) + ")",
}
_TIME_FIELDS = ("date", "start", "end")
_ALLOWED = (
    "allowed are {camera}, {channel}, {date:%Y-%m-%d}, {start:%H.%M.%S}, {end:%H.%M.%S}, "
    "{video}, {still}, *, ? and **"
)

_PART = re.compile(r"\{\{|\}\}|\{[^{}]*\}|\*\*/|\*\*|\*|\?|\{|\}|[^{}*?]+")


class BadTemplate(ValueError):
    """The text is no template; says which part, what was found and what is allowed."""


@dataclass(frozen=True, slots=True)
class PathFacts:
    """What a template read in one path. Times are local to the recorder, without a zone."""

    channel: str  # `camera`, `camera/channel` or `channel`; empty where the template has neither
    start: dt.datetime | None
    end: dt.datetime | None  # after `start`, past midnight where need be


@dataclass(frozen=True, slots=True)
class Template:
    """One compiled template. Make it with `compile_template`."""

    text: str
    _pattern: re.Pattern[str]

    def match(self, relative: str) -> PathFacts | None:
        """What `relative` (to the root, with `/`) says; None: it is no such path."""
        found = self._pattern.fullmatch(relative)
        if found is None:
            return None
        fields = found.groupdict()
        try:
            start, end = _times(fields)
        except ValueError:  # 31 February
            return None
        names = [fields[name] for name in ("camera", "channel") if fields.get(name)]
        return PathFacts("/".join(names), start, end)

    @property
    def names_cameras(self) -> bool:
        return bool({"camera", "channel"} & set(self._pattern.groupindex))


def compile_template(text: str) -> Template:
    """Raises BadTemplate."""
    if not text:
        raise BadTemplate(f"the template is empty; {_ALLOWED}")
    if text.startswith("/") or "//" in text or ".." in text.split("/"):
        raise BadTemplate(
            f"{text!r} must be a path inside the watched folder, without a leading /, // or .."
        )
    groups: set[str] = set()
    pattern = "".join(_pieces(text, groups))
    _check_times(text, groups)
    return Template(text, re.compile(pattern, re.IGNORECASE | re.DOTALL))


def _pieces(text: str, groups: set[str]) -> Iterator[str]:
    for part in _PART.findall(text):
        if part in ("{{", "}}"):
            yield re.escape(part[0])
        elif part == "**/":
            yield r"(?:[^/]+/)*"
        elif part == "**":
            yield r".*"
        elif part == "*":
            yield r"[^/]*"
        elif part == "?":
            yield r"[^/]"
        elif part in ("{", "}"):
            raise BadTemplate(f"{text!r} has a single {part!r}; write {part * 2} for the character")
        elif part[0] == "{":
            yield _field(part, groups)
        else:
            yield re.escape(part)


def _field(part: str, groups: set[str]) -> str:
    name, colon, form = part[1:-1].partition(":")
    if name in _PLAIN_FIELDS and not colon:
        return _once(name, _PLAIN_FIELDS[name], groups)
    if name not in _TIME_FIELDS or not form:
        raise BadTemplate(f"{part} is not known; {_ALLOWED}")
    return "".join(_time_pieces(name, form, part, groups))


def _once(name: str, pattern: str, groups: set[str]) -> str:
    """The second mention must read the same: `{camera}/x/{camera}_...`."""
    if name not in ("camera", "channel"):
        return pattern
    if name in groups:
        return f"(?P={name})"
    groups.add(name)
    return pattern


def _time_pieces(name: str, form: str, part: str, groups: set[str]) -> Iterator[str]:
    for piece in re.findall(r"%.?|[^%]+", form):
        if piece[0] != "%":
            yield re.escape(piece)
            continue
        unit, pattern = _DIRECTIVES.get(piece[1:], ("", ""))
        if not unit:
            raise BadTemplate(f"{part} uses {piece}; allowed are %Y %y %m %d %H %M %S %f")
        group = f"{name}_{unit}"
        if group in groups:
            yield f"(?P={group})"
            continue
        groups.add(group)
        yield f"(?P<{group}>{pattern})"


def _check_times(text: str, groups: set[str]) -> None:
    if not any(group.startswith(_TIME_FIELDS) for group in groups):
        return  # the time is the container's or the file's own
    for name in ("start", "end"):
        units = {group.removeprefix(f"{name}_") for group in groups if group.startswith(name)}
        if units and not {"hour", "minute"} <= units:
            raise BadTemplate(f"{text!r}: {{{name}:...}} needs at least %H and %M")
        if units & {"year", "month", "day"} and not {"year", "month", "day"} <= units:
            raise BadTemplate(f"{text!r}: {{{name}:...}} needs all of %Y, %m and %d, or none")
    if "start_hour" not in groups:
        raise BadTemplate(f"{text!r} has a date or an end but no {{start:%H.%M.%S}}")
    dated = {"date_year", "date_month", "date_day"} <= groups or "start_year" in groups
    if not dated:
        raise BadTemplate(
            f"{text!r} does not say the day: add {{date:%Y-%m-%d}}, or %Y%m%d to {{start:...}}"
        )


def _times(fields: dict[str, str | None]) -> tuple[dt.datetime | None, dt.datetime | None]:
    """Raises ValueError for a day that does not exist."""
    if fields.get("start_hour") is None:
        return None, None
    day = _day(fields, "start") or _day(fields, "date")
    if day is None:
        raise ValueError("no day")
    start = _moment(day, fields, "start")
    if fields.get("end_hour") is None:
        return start, None
    end_day = _day(fields, "end")
    end = _moment(end_day or day, fields, "end")
    if end < start and end_day is None:
        end += dt.timedelta(days=1)
    return start, end if end >= start else None


def _day(fields: dict[str, str | None], name: str) -> dt.date | None:
    year, month, day = (fields.get(f"{name}_{unit}") for unit in ("year", "month", "day"))
    if year is None or month is None or day is None:
        return None
    return dt.date(int(year) + (2000 if len(year) == 2 else 0), int(month), int(day))


def _moment(day: dt.date, fields: dict[str, str | None], name: str) -> dt.datetime:
    hour, minute, second = (
        int(fields.get(f"{name}_{unit}") or 0) for unit in ("hour", "minute", "second")
    )
    micros = int((fields.get(f"{name}_fraction") or "").ljust(6, "0"))
    # 24:00:00 is how Dahua ends a day; a second of 60 is a leap second.
    elapsed = dt.timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micros)
    if elapsed > dt.timedelta(days=1):
        raise ValueError("after the end of the day")
    return dt.datetime.combine(day, dt.time()) + elapsed


@dataclass(frozen=True, slots=True)
class TemplateSet:
    """Templates that are tried in order: a brand's layouts differ by firmware."""

    name: str
    templates: tuple[Template, ...]

    def match(self, relative: str) -> PathFacts | None:
        for template in self.templates:
            facts = template.match(relative)
            if facts is not None:
                return facts
        return None

    @property
    def names_cameras(self) -> bool:
        return any(template.names_cameras for template in self.templates)


def is_media(name: str) -> bool:
    """By its suffix."""
    return _suffix(name) in _MEDIA


def is_still(name: str) -> bool:
    return _suffix(name) in STILL_SUFFIXES


_MEDIA = frozenset((*VIDEO_SUFFIXES, *STILL_SUFFIXES))


def _suffix(name: str) -> str:
    return name.rpartition(".")[2].lower()


#: While they are written, recorders, FTP servers and copying programs call files so.
_TEMPORARY_ENDS = (".tmp", ".part", ".filepart", ".crdownload", ".partial", "~", "_")

#: Folders that other programs keep among the clips: thumbnails, bins, system folders.
_FOREIGN_FOLDERS = frozenset(
    ["@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information", "#snapshot"]
)


def is_temporary(name: str) -> bool:
    """Not yet a clip: Dahua's `.dav_`, FTP's `.filepart`, dotfiles."""
    return name.startswith(".") or name.lower().endswith(_TEMPORARY_ENDS)


def is_foreign_folder(name: str) -> bool:
    return name.startswith((".", "@__")) or name.lower() in _FOREIGN_FOLDERS


Matcher = Callable[[str], PathFacts | None]


def relative_name(root: str, path: str) -> str | None:
    """`path` below `root` with `/`; None: it is not below."""
    if not path.startswith(root.rstrip(os.sep) + os.sep):
        return None
    return path[len(root.rstrip(os.sep)) + 1 :]
