"""Brings a camera's TOML up to what was drawn; comments, order and all other keys stay.

Values are changed in place by tomlkit. Whole tables come and go as lines, because tomlkit takes a
comment before `[[zones]]` for the end of the table above, and would move or lose it. What comes
out is compared with what it must say.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.items import AoT, Array

from edge_agent.config.lines import statements
from edge_agent.errors import OperatorError
from edge_agent.language import _
from edge_agent.tools.zones.draft import DIGITS, KINDS, Area, Corner, Draft, rounded

_HEIGHTS = ("min_height_frac", "max_height_frac")


def rewritten(text: str, before: Draft, draft: Draft) -> str:
    """`text` is sound TOML, and `before` what it and the defaults say.

    Raises OperatorError for a file that is written in a way that cannot be kept.
    """
    wanted = _wanted(text, before, draft)
    for kind in KINDS:
        text = _without_removed(text, kind, getattr(draft, kind))
    document = tomlkit.parse(text)
    for kind in KINDS:
        _change(document, kind, getattr(draft, kind))
    text = tomlkit.dumps(document)
    for kind in KINDS:
        text = _with_new(text, kind, getattr(draft, kind))
    for key in _changed_heights(before, draft):
        text = _with_height(text, key, getattr(draft, key))
    if tomllib.loads(text) != wanted:
        why = _("this file is written in a way that the page cannot keep; edit it by hand")
        raise OperatorError(why)
    return text


def _wanted(text: str, before: Draft, draft: Draft) -> dict[str, Any]:
    """What the file must say in the end."""
    data = tomllib.loads(text)
    for kind in KINDS:
        areas, old = getattr(draft, kind), data.get(kind, [])
        if any(area.was is not None and area.was >= len(old) for area in areas):
            raise OperatorError(_("the file was changed meanwhile; load the page again"))
        entries = [_entry(old[area.was], area) for area in _kept(areas) if area.was is not None]
        entries += [_entry({}, area) for area in _new(areas)]
        if entries or _is_inline(text, kind):
            data[kind] = entries
        else:
            data.pop(kind, None)
    for key in _changed_heights(before, draft):
        data.setdefault("person", {})[key] = _height(getattr(draft, key))
    return data


def _entry(old: Mapping[str, Any], area: Area) -> dict[str, Any]:
    entry = dict(old)
    entry["name"] = area.name
    if not _same(old.get("polygon"), area.polygon):
        entry["polygon"] = rounded(area.polygon)
    return entry


def _same(old: Any, polygon: Sequence[Corner]) -> bool:
    return old is not None and [tuple(corner) for corner in old] == list(polygon)


def _kept(areas: Sequence[Area]) -> list[Area]:
    """In the order of the file."""
    return sorted((a for a in areas if a.was is not None), key=lambda area: area.was or 0)


def _new(areas: Sequence[Area]) -> list[Area]:
    return [area for area in areas if area.was is None]


def _changed_heights(before: Draft, draft: Draft) -> list[str]:
    return [key for key in _HEIGHTS if getattr(draft, key) != getattr(before, key)]


def _height(value: float) -> float:
    return round(value, DIGITS)


def _is_inline(text: str, kind: str) -> bool:
    """`zones = [...]` instead of `[[zones]]`."""
    return any(statement.path == kind for statement in statements(text))


# --- whole tables, as lines -----------------------------------------------------------


def _without_removed(text: str, kind: str, areas: Sequence[Area]) -> str:
    """Their statements go, with the comments between them; what is around them stays."""
    kept = {area.was for area in _kept(areas)}
    gone: set[int] = set()
    before, before_number = -1, None
    for statement in statements(text):
        number = _number(statement.path, kind)
        if number is not None and number not in kept:
            first = before + 1 if number == before_number else statement.first
            gone.update(range(first, statement.last + 1))
        before, before_number = statement.last, number
    lines = text.split("\n")
    return "\n".join(line for number, line in enumerate(lines) if number not in gone)


def _number(path: str, kind: str) -> int | None:
    """Of `zones[2].polygon` 2."""
    found = re.match(rf"{kind}\[(\d+)\]", path)
    return int(found[1]) if found else None


def _with_new(text: str, kind: str, areas: Sequence[Area]) -> str:
    """Behind the last of their kind, else at the end."""
    new = _new(areas)
    if not new or _is_inline(text, kind):
        return text
    lines = text.split("\n")
    theirs = [s.last for s in statements(text) if _number(s.path, kind) is not None]
    end = "\r" if "\r\n" in text else ""
    block: list[str] = []
    for area in new:
        name, polygon = tomlkit.item(area.name).as_string(), _array(area.polygon).as_string()
        block += ["", f"[[{kind}]]", f"name = {name}", f"polygon = {polygon}"]
    block = [line + end for line in block]
    if theirs:
        at = max(theirs) + 1
    else:
        while lines and not lines[-1].strip():
            lines.pop()
        at, block = len(lines), [*block, ""]
    return "\n".join([*lines[:at], *block, *lines[at:]])


def _with_height(text: str, key: str, value: float) -> str:
    """In the table `person`, where it has one in any form; else in a new one at the end."""
    found = {statement.path: statement for statement in statements(text)}
    if f"person.{key}" in found or "person" not in tomllib.loads(text):
        pass
    elif (last := _last_of_table(text, "person")) is not None:
        lines = text.split("\n")
        end = "\r" if lines[last].endswith("\r") else ""
        lines.insert(last + 1, f"{key} = {_height(value)}{end}")
        return "\n".join(lines)
    document = tomlkit.parse(text)
    if "person" in document:
        document["person"][key] = _height(value)
        return tomlkit.dumps(document)
    end = "\r\n" if "\r\n" in text else "\n"
    return f"{text.rstrip()}{end}{end}[person]{end}{key} = {_height(value)}{end}"


def _last_of_table(text: str, table: str) -> int | None:
    """The last line of its own statements; None where it has no header."""
    last, inside = None, False
    for statement in statements(text):
        is_header = statement.path == table
        inside = is_header or (inside and statement.path.startswith(f"{table}."))
        if inside:
            last = statement.last
    return last


# --- values, by tomlkit ---------------------------------------------------------------


def _change(document: tomlkit.TOMLDocument, kind: str, areas: Sequence[Area]) -> None:
    entries = document.get(kind)
    if isinstance(entries, AoT):
        for entry, area in zip(entries, _kept(areas), strict=True):
            _change_entry(entry, area)
    elif isinstance(entries, Array):
        _change_inline(entries, areas)


def _change_inline(entries: Array, areas: Sequence[Area]) -> None:
    kept = _kept(areas)
    numbers = {area.was for area in kept}
    for number in reversed(range(len(entries))):
        if number not in numbers:
            del entries[number]
    for number, area in enumerate(kept):
        _change_entry(entries[number], area)
    for area in _new(areas):
        entry = tomlkit.inline_table()
        entry["name"], entry["polygon"] = area.name, _array(area.polygon)
        entries.append(entry)


def _change_entry(entry: Any, area: Area) -> None:
    if entry["name"] != area.name:
        entry["name"] = area.name
    corners = entry["polygon"]
    if _same(corners, area.polygon):
        return
    if len(corners) != len(area.polygon):
        entry["polygon"] = _array(area.polygon)
        return
    for number, corner in enumerate(rounded(area.polygon)):  # a comment may stand behind each
        if list(corners[number]) != corner:
            corners[number] = corner


def _array(polygon: Sequence[Corner]) -> Array:
    corners = tomlkit.array()
    for corner in rounded(polygon):
        corners.append(corner)
    return corners
