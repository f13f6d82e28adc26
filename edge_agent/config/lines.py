"""Which line of a TOML file a key stands on. Best effort: tomllib does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"^\s*(\[\[?)\s*({_DOTTED})\s*\]\]?\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(rf"^\s*({_DOTTED})\s*=")
_LAST_PART = re.compile(r"(\[\d+\]|\.?[^.\[\]]+)$")


def key_lines(text: str) -> Mapping[str, int]:
    """Line numbers, from 1, by dotted path as error messages write it: `zones[0].polygon`."""
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    table = ""
    for line_number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _inside_lists(_plain(header[2]), counts)
            lines.setdefault(table, line_number)
            if header[1] == "[[":
                index = counts[table] = counts.get(table, -1) + 1
                table = f"{table}[{index}]"
            lines.setdefault(table, line_number)
        elif assignment := _ASSIGNMENT.match(line):
            key = _plain(assignment[1])
            lines.setdefault(f"{table}.{key}" if table else key, line_number)
    return lines


@dataclass(frozen=True, slots=True)
class Statement:
    """A header or an assignment; `path` as in error messages, lines from 0, the last included."""

    path: str
    first: int
    last: int
    is_header: bool


def statements(text: str) -> list[Statement]:
    """Of sound TOML, in its order: what is no statement is a comment or empty."""
    lines, found = text.split("\n"), []
    counts: dict[str, int] = {}
    table, at = "", 0
    while at < len(lines):
        last = at
        if header := _HEADER.match(lines[at].rstrip("\r")):
            table = _inside_lists(_plain(header[2]), counts)
            if header[1].startswith("[["):
                index = counts[table] = counts.get(table, -1) + 1
                table = f"{table}[{index}]"
            found.append(Statement(table, at, at, True))
        elif assignment := _ASSIGNMENT.match(lines[at]):
            key, last = _plain(assignment[1]), _last_line(lines, at)
            found.append(Statement(f"{table}.{key}" if table else key, at, last, False))
        at = last + 1
    return found


def _last_line(lines: Sequence[str], first: int) -> int:
    """Of the assignment that begins there: the first with which it can be read."""
    for last in range(first, len(lines)):
        try:
            tomllib.loads("\n".join((*lines[first : last + 1], "")))
        except tomllib.TOMLDecodeError:
            continue
        return last
    return first


def line_of(path: str, lines: Mapping[str, int]) -> int | None:
    """The line of `path`, or of the nearest thing around it that has one."""
    while path:
        if path in lines:
            return lines[path]
        # A key in quotes may hold brackets: then a letter at a time.
        path = _LAST_PART.sub("", path) if _LAST_PART.search(path) else path[:-1]
    return None


def _plain(dotted: str) -> str:
    return ".".join(part.strip("\"'") for part in re.findall(_KEY, dotted))


def _inside_lists(dotted: str, counts: Mapping[str, int]) -> str:
    """`zones.schedule` after two `[[zones]]` is `zones[1].schedule`."""
    path = ""
    parts = dotted.split(".")
    for position, part in enumerate(parts):
        path = f"{path}.{part}" if path else part
        if path in counts and position < len(parts) - 1:
            path = f"{path}[{counts[path]}]"
    return path
