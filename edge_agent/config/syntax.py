"""Reads TOML; of a text that is none, says the slip and goes on behind it.

A slip is found by trying: of the repairs that usual mistakes suggest, the first one with which
the file can be read further is the one that is told. What then reads as TOML is checked like
any other file, so that a technician sees everything at once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from edge_agent.config.lines import key_lines
from edge_agent.config.repairs import Repair, repairs_of

#: More slips than this in one file are told when these are mended.
_MOST_FAULTS = 12
#: Larger texts are no configuration that somebody typed; repairs are not tried on them.
_LARGEST_TRIED = 64 * 1024
#: Nor are lines; what is on them is repaired in many ways, each of which is tried.
_LONGEST_TRIED = 4096
#: The schema has five levels.
_DEEPEST = 16
#: A key of so many parts: tomllib takes time with the square of them.
_ENDLESS_KEY = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}"""
)

_POSITION = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
_SETTING = re.compile(r"^\s*[\w.\"-]+\s*=")
_SETTING_OR_HEADER = re.compile(r"^\s*(?:[\w.\"-]+\s*=|\[\[?[A-Za-z_])")
_DEEP = "lists or tables are nested too deeply"
_DIGITS = "a number has thousands of digits"
_GENERAL = "text needs quotes, lists and tables their brackets"


class SyntaxFault(NamedTuple):
    """Something that is no TOML. `line` counts from 1; 0: the whole file. `key`: dotted, or ''."""

    line: int
    key: str
    found: str
    fix: str

    @property
    def is_guess(self) -> bool:
        """The value was taken for text: whether text may stand there is another question."""
        return self.fix.startswith("text needs quotes")


@dataclass(frozen=True, slots=True)
class ParsedText:
    """What a text says. `tables` is None when a fault hides what follows it."""

    text: str  # with its slips mended, line by line
    tables: dict[str, Any] | None
    faults: tuple[SyntaxFault, ...] = ()


class _Stop(NamedTuple):
    """Where and why reading stopped."""

    line: int
    column: int
    reason: str


def read_toml(text: str) -> ParsedText:
    """Never raises: what is wrong is in the answer."""
    faults: list[SyntaxFault] = []
    tables: dict[str, Any] | None = None
    while len(faults) < _MOST_FAULTS:
        answer = _read(text)
        if not isinstance(answer, _Stop):
            tables = answer
            break
        mended = _mended(text, answer) if len(text) <= _LARGEST_TRIED else None
        if mended is None:
            faults.append(_unexplained(text, answer))
            break
        text, fault = mended
        faults.append(fault)
    return ParsedText(text, tables, tuple(faults))


def _read(text: str) -> dict[str, Any] | _Stop:
    if endless := _ENDLESS_KEY.search(text):
        return _Stop(text.count("\n", 0, endless.start()) + 1, 0, _DEEP)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        position = _POSITION.search(message)
        reason = _POSITION.sub("", message)
        if position and position[1]:
            return _Stop(int(position[1]), int(position[2]), reason)
        return _Stop(len(text.splitlines()) + 1, 0, f"{reason} at the end of the file")
    except RecursionError:
        return _Stop(_deepest_line(text), 0, _DEEP)
    except ValueError:  # of int(): Python reads no more than 4,300 digits
        digits = re.search(r"\d[\d_]{4000}", text)
        line = text.count("\n", 0, digits.start()) + 1 if digits else 1
        return _Stop(line, 0, _DIGITS)
    return tables if _is_shallow(tables) else _Stop(_deepest_line(text), 0, _DEEP)


def _deepest_line(text: str) -> int:
    lines = text.splitlines()
    return max(range(len(lines)), key=lambda at: sum(map(lines[at].count, "[{."))) + 1


def _is_shallow(tables: dict[str, Any]) -> bool:
    """Whether it can be walked: dotted keys nest tables as deeply as they are long."""
    level: list[Any] = [tables]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return True
    return False


def _mended(text: str, stop: _Stop) -> tuple[str, SyntaxFault] | None:
    if stop.reason.startswith("Cannot "):
        return _without_second(text, stop)
    if stop.reason in (_DEEP, _DIGITS):
        return None
    lines = text.split("\n")
    if over_lines := _over_lines(lines, stop):
        return over_lines
    for at in _suspects(lines, stop):
        for repair in _chains(lines[at]) if len(lines[at]) <= _LONGEST_TRIED else ():
            mended = "\n".join([*lines[:at], repair.line or "", *lines[at + 1 :]])
            after = _read(mended)
            if not isinstance(after, _Stop) or (after.line, after.column) > _reach(at, stop):
                key = _key_at(mended, at + 1) or _key_at(text, at + 1)
                return mended, SyntaxFault(at + 1, key, repair.found, repair.fix)
    return _without_stray(lines, stop)


def _without_stray(lines: Sequence[str], stop: _Stop) -> tuple[str, SyntaxFault] | None:
    """The character where reading stopped, or the one before it, left out."""
    at = stop.line - 1
    if at >= len(lines) or not stop.column:
        return None
    line = lines[at]
    for column in (stop.column - 1, stop.column - 2):
        if not 0 <= column < len(line) or (line[column].isascii() and line[column].isalnum()):
            continue
        shorter = line[:column] + line[column + 1 :]
        mended = "\n".join([*lines[:at], shorter, *lines[at + 1 :]])
        after = _read(mended)
        if not isinstance(after, _Stop) or after.line > stop.line:
            found = f"has a {_character(line[column])} where none belongs (column {column + 1})"
            return mended, SyntaxFault(stop.line, _key_at(mended, stop.line), found, "delete it")
    return None


def _character(character: str) -> str:
    return character if character.isprintable() and character != " " else f"U+{ord(character):04X}"


def _over_lines(lines: Sequence[str], stop: _Stop) -> tuple[str, SyntaxFault] | None:
    """A list over several lines that nothing closes, or a { } over several lines."""
    last = min(stop.line, len(lines)) - 1
    begun = next((at for at in range(last, -1, -1) if _SETTING.match(lines[at])), 0)
    if lines[begun].count("{") > lines[begun].count("}"):
        return _joined(lines, begun, stop)
    if not stop.reason.startswith(("Unclosed array", "Invalid value")):
        return None
    if stop.line <= len(lines) and not _SETTING_OR_HEADER.match(lines[last]):
        return None
    written = [at for at in range(last - (stop.line <= len(lines)), -1, -1) if lines[at].strip()]
    start = next((at for at in written if _SETTING.match(lines[at])), None)
    if start is None or start == written[0]:
        return None
    part = "\n".join(lines[start : written[0] + 1])
    missing = max(1, part.count("[") - part.count("]"))
    closed = lines[written[0]].rstrip().rstrip(",") + "]" * missing
    mended = "\n".join([*lines[: written[0]], closed, *lines[written[0] + 1 :]])
    found = f"has {missing} bracket{'s' * (missing > 1)} [ that nothing closes"
    fault = SyntaxFault(start + 1, _key_at(mended, start + 1), found, "close the list with ]")
    return _tried(mended, stop, fault)


def _joined(lines: Sequence[str], begun: int, stop: _Stop) -> tuple[str, SyntaxFault] | None:
    """The { } that begins on a line, on that one line."""
    depth, end = 0, begun
    for end in range(begun, len(lines)):
        depth += lines[end].count("{") - lines[end].count("}")
        if depth <= 0:
            break
    whole = " ".join(line.strip() for line in lines[begun : end + 1])
    whole = re.sub(r",\s*}", " }", whole)
    mended = "\n".join([*lines[:begun], whole, *[""] * (end - begun), *lines[end + 1 :]])
    found, fix = "has a { } over several lines", "write it on one line"
    return _tried(mended, stop, SyntaxFault(begun + 1, _key_at(mended, begun + 1), found, fix))


def _tried(mended: str, stop: _Stop, fault: SyntaxFault) -> tuple[str, SyntaxFault] | None:
    """None when the text can be read no further than before."""
    after = _read(mended)
    if isinstance(after, _Stop) and (after.line, after.column) <= (stop.line, stop.column):
        return None
    return mended, fault


def _reach(at: int, stop: _Stop) -> tuple[int, int]:
    """Reading must come further than this, and past the line that was mended."""
    return max((at + 1, 1 << 30), (stop.line, stop.column))


def _suspects(lines: Sequence[str], stop: _Stop) -> Iterator[int]:
    """Lines, from 0, that may hold the slip: where reading stopped, and where that list began."""
    last = min(stop.line, len(lines)) - 1
    begun = next((at for at in range(last, -1, -1) if _SETTING.match(lines[at])), 0)
    first = last
    if stop.reason.startswith(("Unclosed", "Unterminated", 'Expected "\'"', "Invalid")):
        earlier = [at for at in range(max(0, begun - 1), last + 1) if lines[at].strip()]
        opened = [at for at in earlier if lines[at].count("[") != lines[at].count("]")]
        # An unclosed list is only noticed at the next line: that line is innocent.
        if stop.reason.startswith("Unclosed") and opened and opened[0] < last:
            yield opened[0]
        yield first
        yield from (at for at in reversed(earlier) if at != first)
        return
    yield first


def _chains(line: str) -> Iterator[Repair]:
    """Repairs of a line, then two of them together."""
    single = list(repairs_of(line))
    yield from single
    for first in single:
        if first.line is None:
            continue
        for second in repairs_of(first.line):
            yield Repair(
                second.line, f"{first.found}, and {second.found}", f"{first.fix}; {second.fix}"
            )


def _without_second(text: str, stop: _Stop) -> tuple[str, SyntaxFault] | None:
    """A key or table that is there twice: the second is left out, or its lines are."""
    lines = text.split("\n")
    at = min(stop.line, len(lines)) - 1
    while at > 0 and not lines[at].strip():
        at -= 1
    header = re.match(r"^\s*(\[\[?)\s*([\w.\"-]+)\s*\]", lines[at])
    name = header[2] if header else lines[at].partition("=")[0].strip()
    heads = [line if line.lstrip().startswith("[") else "" for line in lines[:at]]
    key = name if header else _key_at("\n".join([*heads, lines[at]]), at + 1)
    first = key_lines("\n".join(lines[:at])).get(key)
    found = "is there twice" + (f", first in line {first}" if first else "")
    if header and first and ("[[" in lines[first - 1]) != (header[1] == "[["):
        fix = f"write [[{name}]] with two brackets each time"
        return (
            None if header[1] == "[[" else _second_told(lines, at, f"[[{name}]]", key, found, fix)
        )
    if header:
        fix = f"put everything below one [{name}]"
        mended = "\n".join([*lines[:at], *_blanked(lines[at:])])
    else:
        fix = "keep one of the two"
        mended = "\n".join([*lines[:at], "", *lines[at + 1 :]])
    after = _read(mended)
    if isinstance(after, _Stop) and after.line <= stop.line:
        return None
    return mended, SyntaxFault(at + 1, key, found, fix)


def _second_told(
    lines: Sequence[str], at: int, instead: str, key: str, found: str, fix: str
) -> tuple[str, SyntaxFault]:
    mended = "\n".join([*lines[:at], instead, *lines[at + 1 :]])
    return mended, SyntaxFault(at + 1, key, found, fix)


def _blanked(lines: Sequence[str]) -> Iterator[str]:
    """The lines of the first table left empty, the rest as it is."""
    inside = True
    for at, line in enumerate(lines):
        inside = inside and (at == 0 or not re.match(r"^\s*\[", line))
        yield "" if inside else line


def _key_at(text: str, line: int) -> str:
    """The key or table that stands on a line, or ''."""
    at_line = [path for path, number in key_lines(text).items() if number == line]
    return re.sub(r"\[\d+\]$", "", at_line[0]) if at_line else ""


def _unexplained(text: str, stop: _Stop) -> SyntaxFault:
    """No usual slip: what the parser says."""
    if stop.reason == _DEEP:
        return SyntaxFault(stop.line, "", stop.reason, "nothing here needs more than three levels")
    if stop.reason == _DIGITS:
        return SyntaxFault(stop.line, "", stop.reason, "write the number itself")
    if stop.reason.startswith("Cannot "):
        line = min(stop.line, len(text.splitlines()))
        return SyntaxFault(line, _key_at(text, line), "is there twice", "keep one of the two")
    if text.lstrip().startswith("{"):
        return SyntaxFault(0, "", "looks like JSON", "write TOML, as in the shipped samples")
    line = 0 if stop.column == 0 else stop.line
    return SyntaxFault(line, "", f"is not TOML: {stop.reason}", _GENERAL)
