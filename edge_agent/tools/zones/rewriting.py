"""Brings a camera's TOML up to what was drawn; comments, order and all other keys stay.

Values are changed in place by tomlkit, one statement at a time. Whole tables come and go as lines:
tomlkit takes a comment before `[[zones]]` for the end of the table above, and brings tables of one
kind together. What comes out is compared with what it must say.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import tomlkit
from tomlkit.items import Array

from edge_agent.config.lines import Statement, statements
from edge_agent.errors import OperatorError
from edge_agent.language import _
from edge_agent.tools.zones.draft import DIGITS, KINDS, Area, Corner, ZonesDraft, rounded
from edge_agent.tools.zones.hours import hours_lines, inline_hours, other_hours, with_hours_of

_HEIGHTS = ("min_height_frac", "max_height_frac")


def rewritten(text: str, before: ZonesDraft, draft: ZonesDraft) -> str:
    """`text` is sound TOML, and `before` what it and the defaults say.

    Raises OperatorError for a file that is written in a way that cannot be kept.
    """
    windows = "\r\n" in text
    text = _rewritten(text.replace("\r\n", "\n"), before, draft)
    return text.replace("\n", "\r\n") if windows else text


def _rewritten(text: str, before: ZonesDraft, draft: ZonesDraft) -> str:
    wanted = _wanted(text, before, draft)
    for kind in KINDS:
        text = _without_removed(text, kind, getattr(draft, kind))
    for kind in KINDS:
        text = _with_changed(text, kind, getattr(draft, kind))
    for kind in KINDS:
        text = _with_new(text, kind, getattr(draft, kind))
    for key in _changed_heights(before, draft):
        text = _with_height(text, key, getattr(draft, key))
    if tomllib.loads(text) != wanted:
        why = _("this file is written in a way that the page cannot keep; edit it by hand")
        raise OperatorError(why)
    return text


def _wanted(text: str, before: ZonesDraft, draft: ZonesDraft) -> dict[str, Any]:
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
    if _other_dwell(old, area):
        entry["dwell_s"] = area.dwell_s
    if (hours := other_hours(old, area)) is not None:
        entry["schedule"] = hours
        if not hours:
            entry.pop("schedule", None)
    return entry


def _other_dwell(old: Mapping[str, Any], area: Area) -> bool:
    return area.dwell_s is not None and area.dwell_s != old.get("dwell_s", 0)


def _same(old: Any, polygon: Sequence[Corner]) -> bool:
    return old is not None and [tuple(corner) for corner in old] == list(polygon)


def _kept(areas: Sequence[Area]) -> list[Area]:
    """In the order of the file."""
    return sorted((a for a in areas if a.was is not None), key=lambda area: area.was or 0)


def _new(areas: Sequence[Area]) -> list[Area]:
    return [area for area in areas if area.was is None]


def _changed_heights(before: ZonesDraft, draft: ZonesDraft) -> list[str]:
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
    block: list[str] = []
    for area in new:
        name, polygon = tomlkit.item(area.name).as_string(), _array(area.polygon).as_string()
        block += ["", f"[[{kind}]]", f"name = {name}", f"polygon = {polygon}"]
        if _other_dwell({}, area):
            block.append(f"dwell_s = {area.dwell_s}")
        block += hours_lines(kind, other_hours({}, area) or [])
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
    line = f"{key} = {_height(value)}"

    def change(part: tomlkit.TOMLDocument) -> None:
        table: Any = part.get("person", part)
        table[key] = _height(value)

    own = found.get(f"person.{key}") or found.get("person")
    if own is not None and not own.is_header:
        return _edited(text, own, change)
    if (last := _last_of_table(text, "person")) is not None:
        return _with_line(text, last, line)
    dotted = [each.last for path, each in found.items() if path.startswith("person.")]
    if dotted:
        return _with_line(text, max(dotted), f"person.{line}")
    return f"{text.rstrip()}\n\n[person]\n{line}\n"


def _with_line(text: str, behind: int, line: str) -> str:
    lines = text.split("\n")
    return "\n".join([*lines[: behind + 1], line, *lines[behind + 1 :]])


def _last_of_table(text: str, table: str) -> int | None:
    """The last line of its own statements; None where it has no header."""
    last, inside = None, False
    for statement in statements(text):
        begins = statement.is_header and statement.path == table
        inside = begins or (inside and statement.path.startswith(f"{table}."))
        if inside:
            last = statement.last
    return last


# --- values, by tomlkit ---------------------------------------------------------------


def _with_changed(text: str, kind: str, areas: Sequence[Area]) -> str:
    """What differs, statement by statement."""
    if _is_inline(text, kind):
        (inline,) = (each for each in statements(text) if each.path == kind)
        return _edited(text, inline, lambda part: _change_inline(part[kind], areas))
    for number, area in enumerate(_kept(areas)):
        for key in ("name", "polygon"):
            path = f"{kind}[{number}].{key}"
            own = next((each for each in statements(text) if each.path == path), None)
            if own is not None:
                text = _edited(text, own, partial(_change_entry, area=area))
        old = tomllib.loads(text)[kind][number]
        if _other_dwell(old, area):
            text = _with_dwell(text, f"{kind}[{number}]", area)
        if (hours := other_hours(old, area)) is not None:
            text = with_hours_of(text, kind, number, hours)
    return text


def _with_dwell(text: str, table: str, area: Area) -> str:
    """Where it stands, else behind the polygon."""
    found = {statement.path: statement for statement in statements(text)}
    own = found.get(f"{table}.dwell_s")
    if own is None:
        return _with_line(text, found[f"{table}.polygon"].last, f"dwell_s = {area.dwell_s}")

    def change(part: tomlkit.TOMLDocument) -> None:
        part["dwell_s"] = area.dwell_s

    return _edited(text, own, change)


def _edited(text: str, statement: Statement, change: Callable[[tomlkit.TOMLDocument], None]) -> str:
    """One statement alone: tomlkit would bring tables of one kind together."""
    lines = text.split("\n")
    part = tomlkit.parse("\n".join(lines[statement.first : statement.last + 1]))
    change(part)
    return "\n".join([*lines[: statement.first], tomlkit.dumps(part), *lines[statement.last + 1 :]])


def _change_inline(entries: Any, areas: Sequence[Area]) -> None:
    kept = _kept(areas)
    numbers = {area.was for area in kept}
    for number in reversed(range(len(entries))):
        if number not in numbers:
            del entries[number]
    for number, area in enumerate(kept):
        _change_entry(entries[number], area)
        _change_timing(entries[number], area)
    for area in _new(areas):
        entry = tomlkit.inline_table()
        entry["name"], entry["polygon"] = area.name, _array(area.polygon)
        _change_timing(entry, area)
        entries.append(entry)


def _change_timing(entry: Any, area: Area) -> None:
    """Of an inline table."""
    hours = other_hours(entry, area)
    if _other_dwell(entry, area):
        entry["dwell_s"] = area.dwell_s
    if hours:
        entry["schedule"] = inline_hours(hours)
    elif hours is not None:
        entry.pop("schedule", None)


def _change_entry(entry: Any, area: Area) -> None:
    """`entry` may hold one of both keys alone."""
    if entry.get("name", area.name) != area.name:
        entry["name"] = area.name
    corners = entry.get("polygon")
    if corners is None or _same(corners, area.polygon):
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
