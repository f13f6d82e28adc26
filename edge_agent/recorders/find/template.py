"""Where a clip's path says what it is: `{camera}/{date:%Y-%m-%d}/**/{start:%H.%M.%S}*.dav`.

    {camera} {channel}         one folder or a part of a name: which camera it is
    {date:..} {start:..} {end:..}  when, in strftime's directives (`name_time`); may span folders
    {video} {still}            any suffix of a video, of a JPEG
    *  ?                       any characters, one character, of one name
    **                         any number of folders, also none
    anything else              itself, whatever its case and Unicode form; brackets mean nothing

A time that stands beside a wildcard begins and ends where the digits do: 17 digits are no year of
4 among others. Times in paths are the recorder's local time; `recorded_time` puts them on UTC.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edge_agent.recorders.find.name_time import DIRECTIVES, NameTime, name_times, time_pieces

#: What recorders and cameras write; libav reads all of them. `h264` and `hevc` are bare streams.
VIDEO_SUFFIXES = (
    *("dav", "mp4", "avi", "mkv", "ts", "mov", "m4v", "mpg", "mpeg", "ps", "m2ts", "flv", "asf"),
    *("wmv", "webm", "3gp", "h264", "264", "h265", "265", "hevc"),
)
STILL_SUFFIXES = ("jpg", "jpeg")

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

#: Between templates that are tried one after another, in one text.
ALTERNATIVE = " | "

_STRFTIME = re.compile(r"%-?[A-Za-z](?:[^%{}*?A-Za-z0-9]*%-?[A-Za-z])*")

_PART = re.compile(r"\{\{|\}\}|\{[^{}]*\}|\*\*/|\*\*|\*|\?|\{|\}|[^{}*?]+")


class BadTemplate(ValueError):
    """The text is no template; says which part, what was found and what is allowed."""


@dataclass(frozen=True, slots=True)
class PathFacts:
    """What a template read in one path. Times are local to the recorder, without a zone, or aware
    where the name itself says which."""

    channel: str  # `camera`, `camera/channel` or `channel`; empty where the template has neither
    start: dt.datetime | None
    end: dt.datetime | None  # after `start`, past midnight where need be
    #: The name tells `start` only within so much (a day, an hour); the upload tells which one. 0:
    #: it tells all of it.
    period_s: float = 0.0


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
            start, end = name_times(fields)
        except (ValueError, OverflowError):  # 31 February
            return None
        names = [fields[name] for name in ("camera", "channel") if fields.get(name)]
        return _facts("/".join(names), start, end)

    @property
    def names_cameras(self) -> bool:
        return bool({"camera", "channel"} & set(self._pattern.groupindex))


def _facts(channel: str, start: NameTime | None, end: dt.datetime | None) -> PathFacts:
    if start is None:
        return PathFacts(channel, None, None)
    return PathFacts(channel, start.moment, end, start.period_s)


def compile_template(text: str) -> Template:
    """Raises BadTemplate."""
    if not text:
        raise BadTemplate(f"the template is empty; {_ALLOWED}")
    if text.startswith("/") or "//" in text or ".." in text.split("/"):
        raise BadTemplate(
            f"{text!r} must be a path inside the watched folder, without a leading /, // or .."
        )
    _check_braces(text)
    groups: set[str] = set()
    pattern = "".join(_pieces(one_form(text), groups))
    _check_times(text, groups)
    return Template(text, re.compile(pattern, re.IGNORECASE | re.DOTALL))


def one_form(text: str) -> str:
    """Composed: macOS and Samba upload `â` as an `a` and an accent."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _check_braces(text: str) -> None:
    """strftime's patterns, as other programs take them, are most likely what was meant."""
    outside = re.sub(r"\{[^{}]*\}", "", text)
    if re.search(r"%-?[YymdHIMSsp]", outside):
        raise BadTemplate(
            f"{text!r} has directives of time outside braces; write {corrected(text)!r}"
        )


def corrected(text: str) -> str:
    """A strftime pattern as a template."""

    def braced(found: re.Match[str]) -> str:
        timed = re.search(r"%-?[HIMSs]", found[0])
        return f"{{{'start' if timed else 'date'}:{found[0]}}}"

    parts = re.split(r"(\{[^{}]*\})", text)
    return "".join(part if part[:1] == "{" else _STRFTIME.sub(braced, part) for part in parts)


def _pieces(text: str, groups: set[str]) -> Iterator[str]:
    parts = _PART.findall(text)
    for before, part, after in zip(["", *parts], parts, [*parts[1:], ""], strict=False):
        if part in ("{{", "}}"):
            yield re.escape(part[0])
        elif part in _WILD:
            yield _WILD[part]
        elif part in ("{", "}"):
            raise BadTemplate(f"{text!r} has a single {part!r}; write {part * 2} for the character")
        elif part[0] == "{":
            yield from _bounded(part, before, after, groups)
        else:
            yield re.escape(part)


_WILD = {"**/": r"(?:[^/]+/)*", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
_OPEN_ENDED = ("*", "**")


def _bounded(part: str, before: str, after: str, groups: set[str]) -> Iterator[str]:
    """A field; a time beside a wildcard has no more digits there."""
    timed = part[1:].startswith(_TIME_FIELDS)
    if timed and before in _OPEN_ENDED:
        yield r"(?<![0-9])"
    yield _field(part, groups)
    if timed and after in _OPEN_ENDED:
        yield r"(?![0-9])"


def _field(part: str, groups: set[str]) -> str:
    name, colon, form = part[1:-1].partition(":")
    if name in _PLAIN_FIELDS and not colon:
        return _once(name, _PLAIN_FIELDS[name], groups)
    if name not in _TIME_FIELDS or not form:
        raise BadTemplate(f"{part} is not known; {_ALLOWED}")
    return _time_field(name, form, part, groups)


def _once(name: str, pattern: str, groups: set[str]) -> str:
    """The second mention must read the same: `{camera}/x/{camera}_...`."""
    if name not in ("camera", "channel"):
        return pattern
    if name in groups:
        return f"(?P={name})"
    groups.add(name)
    return pattern


def _time_field(name: str, form: str, part: str, groups: set[str]) -> str:
    try:
        return "".join(time_pieces(name, form, groups))
    except KeyError as error:
        known = " ".join(f"%{key}" for key in DIRECTIVES)
        raise BadTemplate(f"{part} uses %{error.args[0]}; allowed are {known}") from None


_DAY = ({"year", "shortyear"}, {"month", "monthname"}, {"day"})


def _check_times(text: str, groups: set[str]) -> None:
    fields = {
        name: {g.removeprefix(f"{name}_") for g in groups if g.startswith(f"{name}_")}
        for name in _TIME_FIELDS
    }
    if not any(fields.values()):
        return  # the time is the container's or the file's own
    date, start, end = (fields[name] for name in _TIME_FIELDS)
    if not start:
        raise BadTemplate(f"{text!r} has a date or an end but no {{start:%H.%M.%S}}")
    hourly = bool({"hour", "hour12"} & start) and all((date | start) & each for each in _DAY)
    if not _tells_time(date | start) and not hourly:
        raise BadTemplate(
            f"{text!r}: {{start:...}} needs at least %H and %M, or %M and %S, or %s, "
            "or a date and %H"
        )
    if end and not _tells_time(date | start | end):
        raise BadTemplate(f"{text!r}: {{end:...}} needs at least %H and %M, or %M and %S, or %s")
    for name, units in (("start", date | start), ("end", end)):
        told = [bool(units & each) for each in _DAY]
        if any(told) and not all(told):
            raise BadTemplate(f"{text!r}: {{{name}:...}} needs all of %Y, %m and %d, or none")


def _tells_time(units: set[str]) -> bool:
    hour = bool({"hour", "hour12"} & units)
    return "epoch" in units or {"minute", "second"} <= units or (hour and "minute" in units)


@dataclass(frozen=True, slots=True)
class TemplateSet:
    """Templates that are tried in order: a brand's layouts differ by firmware."""

    name: str
    templates: tuple[Template, ...]

    def match(self, relative: str) -> PathFacts | None:
        relative = one_form(relative)
        for template in self.templates:
            facts = template.match(relative)
            if facts is not None:
                return facts
        return None

    @property
    def names_cameras(self) -> bool:
        return any(template.names_cameras for template in self.templates)


def compile_set(text: str) -> TemplateSet:
    """Of one template or several. Raises BadTemplate."""
    return TemplateSet(text, tuple(compile_template(one) for one in text.split(ALTERNATIVE)))


def joined(templates: Sequence[str]) -> str:
    """Several templates in one text."""
    return ALTERNATIVE.join(templates)


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


def final_name(path: str) -> str | None:
    """What a temporary name becomes when the upload is over; None: nobody can say."""
    folder, slash, name = path.rpartition("/")
    for end in _TEMPORARY_ENDS:
        if name.lower().endswith(end):
            name = name[: -len(end)]
            break
    else:
        name = name.lstrip(".")
    return folder + slash + name if is_media(name) and not is_temporary(name) else None


def is_foreign_folder(name: str) -> bool:
    return name.startswith((".", "@__")) or name.lower() in _FOREIGN_FOLDERS


Matcher = Callable[[str], PathFacts | None]


def relative_name(root: str, path: str) -> str | None:
    """`path` below `root` with `/`; None: it is not below."""
    if not path.startswith(root.rstrip(os.sep) + os.sep):
        return None
    return path[len(root.rstrip(os.sep)) + 1 :]
