"""What a line that is no TOML was meant to be, when one of the usual slips explains it.

Each function proposes repairs of one line. Whether a proposal is right is tried out by the
caller: only one that lets the file be read further is told.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple

from edge_agent.config.marks import fix_of, plain_marks, shown_marks
from edge_agent.config.values import BOOLEANS, NOTHING, clock_time, plain_number, scaled, split_unit
from edge_agent.config.words import shown

_WORD_KEY = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_KEY_VALUE = re.compile(r"^(\s*)([^=#\[\]{}]+?)\s*=\s*(.*)$")
_BARE_KEY = re.compile(rf"^{_WORD_KEY}$")
_OTHER_SIGN = re.compile(rf"^(\s*)-?\s*[\"']?({_WORD_KEY})[\"']?\s*(:=|=>|->|==|:)\s*(.*)$")
_NO_SIGN = re.compile(rf"^(\s*)({_WORD_KEY})\s+([^=\s#].*)$")
_HEADER = re.compile(r"^\s*[\[<({]{0,2}\s*([A-Za-z0-9_. -]+?)\s*[\]>)}]{0,2}\s*:?\s*(#.*)?$")
_LISTS = frozenset({"zones", "ignore_zones", "privacy_masks", "zones.schedule"})
_SECRET = re.compile(r"(?i)pass|pwd|secret|token|kennwort|mat.?khau|\bkey\b|credential|\bpin\b")
_LIST_NUMBER = re.compile(r"(?<![\w.\"'])[+-]?(?:\d+\.(?!\d)|\.\d+|0\d+(?:\.\d+)?)(?![\w.\"'])")
_MISSING_COMMA = re.compile(r"(?<=[\]\d\"'])(\s+|\s*;\s*|(?=\[))(?=[\[\"'\d.+-])")
_COMMENT = re.compile(r"^(\s*)(//|;|--|/\*|<!--|%|\*|rem\s)(.*)$", re.IGNORECASE)
_LATE_COMMENT = re.compile(r"\s+(//|;|--|/\*|<!--)\s*(?P<words>.*)$")
_BARE_LIST = re.compile(
    r"^(?:\"[^\"]*\"|'[^']*'|-?[\d.]+)(?:\s*,\s*(?:\"[^\"]*\"|'[^']*'|-?[\d.]+))+$"
)
_BARE_TEXT = re.compile(r"^[^\s\"'\[\]{}=,][^\"'\[\]{}]*$")
_LITTER = re.compile(r"^\s*(<{7}|={7}|>{7}|\|{7}|```|~~~|---\s*$|\.\.\.\s*$)")


class Repair(NamedTuple):
    """A line as it was meant (None: leave it out), what was wrong with it, and the fix."""

    line: str | None
    found: str
    fix: str


def repairs_of(line: str) -> Iterator[Repair]:
    """Proposals, the most telling first."""
    for propose in _PROPOSALS:
        yield from propose(line)


def _marks(line: str) -> Iterator[Repair]:
    plain, found = plain_marks(line)
    if found:
        words = " and ".join(shown_marks(kind, characters) for kind, characters in found.items())
        fix = "; ".join(fix_of(kind) for kind in found)
        if "typographic quotes" in found:
            plain = re.sub(r"(=\s*)'(.*)'(\s*(?:#.*)?)$", r'\1"\2"\3', plain)
        yield Repair(plain, f"has {words}", fix)


def _litter(line: str) -> Iterator[Repair]:
    if match := _LITTER.match(line):
        mark = match[1].strip()
        what = "a mark of a merge conflict" if len(mark) == 7 else "no setting"
        yield Repair(None, f'has a line "{mark}", {what}', "delete the line")


def _comments(line: str) -> Iterator[Repair]:
    if match := _COMMENT.match(line):
        sign = match[2].strip()
        fix = "a comment begins with #"
        yield Repair(f"{match[1]}#{match[3]}", f"has a comment that begins with {sign}", fix)
    elif match := _LATE_COMMENT.search(line):
        rest, words = line[: match.start()], match["words"]
        if "=" in rest or rest.lstrip().startswith("["):
            found = f"has a comment that begins with {match[1]}"
            yield Repair(f"{rest}  # {words}", found, "a comment begins with #")


def _headers(line: str) -> Iterator[Repair]:
    """Wrong brackets around a table's name."""
    match = _HEADER.match(line)
    stripped = line.strip()
    if not match or not (stripped[0] in "[<({" or stripped[-1] in "]>)}:"):
        return
    name = re.sub(r"[\s-]+", "_", match[1].strip(" ."))
    header = f"[[{name}]]" if name in _LISTS else f"[{name}]"
    found = f"is {_cut(stripped)}, which is no head of a table"
    yield Repair(header, found, f"write {header} on a line of its own")


def _header_and_more(line: str) -> Iterator[Repair]:
    if match := re.match(r"^\s*(\[\[?[A-Za-z0-9_.]+\]\]?)\s*([A-Za-z].*)$", line):
        found = f"has something behind {match[1]} on the same line"
        yield Repair(match[1], found, "begin a new line there")


def _signs(line: str) -> Iterator[Repair]:
    """`key: value` and its like."""
    for pattern, sign_of in ((_OTHER_SIGN, lambda m: m[3]), (_NO_SIGN, lambda _: "")):
        match = pattern.match(line)
        if match:
            sign = sign_of(match)
            value = match[match.lastindex or 0].rstrip()
            found = f"has {sign} instead of =" if sign else "has no = between key and value"
            meant = "..." if _SECRET.search(match[2]) else _cut(value) or "..."
            fix = f"write {match[2]} = {meant}"
            yield Repair(f"{match[1]}{match[2]} = {value}", found, fix)


def _keys(line: str) -> Iterator[Repair]:
    """Spaces and accents in a key."""
    match = _KEY_VALUE.match(line)
    if not match or _BARE_KEY.match(match[2].strip()):
        return
    key = match[2].strip().removeprefix("- ").strip("\"'")
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", unaccented(key)).strip("_")
    if plain:
        found = f'has the key "{_cut(key)}"'
        fix = f"keys are made of a-z, 0-9 and _ only: {plain}"
        yield Repair(f"{match[1]}{plain} = {match[3]}", found, fix)


def unaccented(text: str) -> str:
    """Vietnamese and German letters without their marks."""
    text = text.replace("đ", "d").replace("Đ", "D").replace("ß", "ss")
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part))


def _values(line: str) -> Iterator[Repair]:
    match = _KEY_VALUE.match(line)
    if not match:
        return
    key, (value, comment) = match[2].strip(), split_comment(match[3])
    tail = f"  {comment}" if comment else ""
    for meant, found, fix in _meant_values(key, value):
        if meant is None:
            yield Repair(None, found, fix)
        else:
            yield Repair(f"{match[1]}{key} = {meant}{tail}", found, fix)


class _Meant(NamedTuple):
    value: str | None
    found: str
    fix: str


def _meant_values(key: str, value: str) -> Iterator[_Meant]:
    seen = "is what may be a secret" if _SECRET.search(key) else f"is {_cut(value)}"
    if value.casefold() in NOTHING:
        found = "has no value" if not value else seen
        yield _Meant(None, found, "write a value, or delete the line")
        return
    if value.casefold() in BOOLEANS:
        meant = "true" if BOOLEANS[value.casefold()] else "false"
        yield _Meant(meant, seen, f"write {meant}, in small letters and without quotes")
    if value[-1:] in ",;":
        yield _Meant(value.rstrip(",; "), f"ends with {value[-1]}", "a line ends with its value")
    yield from _numbers(key, value, seen)
    yield from _lists(value, seen)
    yield from _tables(value)
    yield from _strings(value, seen)
    if _BARE_TEXT.match(value) and plain_marks(value)[0] == value:
        quoted = _quoted(value)
        fix = "text needs quotes" if _SECRET.search(key) else f"text needs quotes: {shown(value)}"
        yield _Meant(quoted, f"{seen}, without quotes", fix)


def _numbers(key: str, value: str, seen: str) -> Iterator[_Meant]:
    last = key.rpartition(".")[2]
    if last in ("start", "end") and (time := clock_time(value)):
        yield _Meant(f'"{time}"', seen, f'a time is written "{time}", in quotes')
    if re.match(r"^[+-]?\d+,\d+$", value):
        point = value.replace(",", ".")
        yield _Meant(point, f"{seen}, with a decimal comma", f"write a point: {point}")
    if (number := plain_number(value)) is not None:
        yield _Meant(number, seen, f"write the number as {number}")
    several = re.match(r"^([+-]?\d*\.?\d+)(\s+[+-]?\d*\.?\d+)+$", value)
    if several:
        yield _Meant(several[1], f"{seen}, several numbers", "write one, or a list: [1, 2]")
    parts = split_unit(value)
    if parts:
        meant = scaled(key, *parts)
        found = f"{seen}, a number with a unit"
        yield _Meant(meant.text, found, meant.fix)


def _lists(value: str, seen: str) -> Iterator[_Meant]:
    if _BARE_LIST.match(value) or re.match(r"^\[.*\]\s*,\s*\[.*\]$", value):
        yield _Meant(f"[{value}]", "has several values without a list's brackets", "write [ ]")
    if value[:1] in "({[":
        brackets = value.translate(str.maketrans("(){}", "[][]"))
        if brackets != value and "=" not in value and ":" not in value:
            yield _Meant(brackets, seen, "a list stands in square brackets, [ ]")
    if not value.startswith("["):
        return
    numbers = _LIST_NUMBER.sub(lambda match: plain_number(match[0]) or match[0], value)
    if numbers != value:
        yield _Meant(
            numbers, f"{seen}, with an odd number", f"write the numbers as {_cut(numbers)}"
        )
    with_commas = _MISSING_COMMA.sub(", ", value)
    if with_commas != value:
        fix = f"put a comma between the parts: {_cut(with_commas)}"
        yield _Meant(with_commas, "has two parts of a list without a comma between them", fix)
    missing = value.count("[") - value.count("]")
    if missing > 0:
        found = f"has {missing} bracket{'s' * (missing > 1)} [ that nothing closes"
        yield _Meant(value.rstrip(", ") + "]" * missing, found, "close the list with ]")
    elif missing < 0:
        yield _Meant(value[:missing], "has a ] too many", "each [ has one ]")
    quoted = re.sub(r"(?<=[\[,\s])([A-Za-z][\w-]*)(?=\s*[,\]])", r'"\1"', value)
    if quoted != value:
        fix = f"text in a list needs quotes: {_cut(quoted)}"
        yield _Meant(quoted, f"{seen}, without quotes", fix)
    points = re.sub(r"(?<=\d)\s*;\s*(?=\d)", ", ", value)
    if points != value:
        yield _Meant(points, "has ; between the parts of a list", "put commas between them")


def _tables(value: str) -> Iterator[_Meant]:
    if value.startswith(("{", "[")) and ":" in value:
        equals = re.sub(r"[\"']?([A-Za-z_]\w*)[\"']?\s*:(?!//)", r"\1 =", value)
        yield _Meant(equals, "has : instead of = inside { }", "write { key = value }")
    if value.startswith("{") and re.search(r",\s*}$", value):
        yield _Meant(re.sub(r",\s*}$", " }", value), "has a comma before }", "remove it")


def _strings(value: str, seen: str) -> Iterator[_Meant]:
    if len(value) > 1 and value[0] == '"' and value[-1] == '"' and "\\" in value:
        inside = value[1:-1]
        fix = "use single quotes, in which \\ is a letter like others" if "'" not in inside else ""
        meant = f"'{inside}'" if fix else '"' + inside.replace("\\", "\\\\") + '"'
        fix = fix or "write each backslash twice"
        yield _Meant(meant, f"{seen}, with a backslash", fix)
    first, last = value[:1], value[-1:]
    other = "'" if first == '"' else '"'
    if len(value) > 2 and first in "\"'" and first == last and other not in value:
        fix = f"put the text into {other} {other}"
        yield _Meant(f"{other}{value[1:-1]}{other}", f"has a {first} inside the text", fix)
    body = value.strip("\"'")
    if re.search(r"[\"'\[\]{}\n]", body):
        if first in "\"'" and (end := re.match(rf"^{first}[^{first}]*{first}", value)):
            rest = value[end.end() :].strip()
            if rest:
                found = "has something behind the closing quote"
                yield _Meant(end[0], found, "write one value on a line; a comment begins with #")
        return
    if (first in "\"'") != (last in "\"'" and len(value) > 1) or (first in "\"'" and first != last):
        found = "is text with a quote missing" if first != last else seen
        yield _Meant(_quoted(body), found, "put the same quote before and behind the text")


def split_comment(text: str) -> tuple[str, str]:
    """(value, comment with its #) of what stands behind the =."""
    quote = ""
    for at, character in enumerate(text):
        if quote:
            quote = "" if character == quote and text[at - 1 : at] != "\\" else quote
        elif character in "\"'":
            quote = character
        elif character == "#" and (at == 0 or text[at - 1].isspace() or text[at - 1] in "\"']}"):
            return text[:at].strip(), text[at:].strip()
    if quote and (match := re.search(r"\s#", text)):
        return text[: match.start()].strip(), text[match.start() :].strip()
    return text.strip(), ""


def _quoted(text: str) -> str:
    text = text.strip()
    if "\\" in text and "'" not in text:
        return f"'{text}'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _cut(text: str) -> str:
    """Shown bare and short; never with what may be a password."""
    return shown(text)[1:-1]


def _one_too_many(line: str) -> Iterator[Repair]:
    """Two settings on one line."""
    match = re.match(rf"^(\s*{_WORD_KEY}\s*=\s*\S+?)[,;]?\s+({_WORD_KEY})\s*=\s*\S", line)
    if match:
        found = f"has a second setting on the same line, {match[2]}"
        yield Repair(match[1].rstrip(",;"), found, "write each on a line of its own")


def _lonely(line: str) -> Iterator[Repair]:
    if re.match(r"^\s*[\]})]+,?\s*$", line):
        yield Repair(None, f"has a {line.strip()} that nothing opened", "delete it")


def _prose(line: str) -> Iterator[Repair]:
    """A note that somebody left, or a comment whose # was lost."""
    if "=" not in line and re.match(r"^\s*[^\W\d_][\w'’,.;:-]*(\s+\S+){2,}\s*$", line):
        yield Repair(f"#{line}", "is a line of words, no setting", "a comment begins with #")


_PROPOSALS: tuple[Callable[[str], Iterator[Repair]], ...] = (
    _marks,
    _litter,
    _comments,
    _header_and_more,
    _headers,
    _one_too_many,
    _values,
    _keys,
    _signs,
    _lonely,
    _prose,
)
