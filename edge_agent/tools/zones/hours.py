"""The schedule of a zone in a camera's TOML: compared, and written anew where it changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.items import Array

from edge_agent.config.camera import Schedule
from edge_agent.config.lines import statements
from edge_agent.tools.zones.draft import Area

Entry = dict[str, Any]


def other_hours(old: Mapping[str, Any], area: Area) -> list[Entry] | None:
    """What the file is to say; None: it says so."""
    if area.schedule is None:
        return None
    wanted = [(list(each.days), each.start, each.end) for each in area.schedule]
    usual = Schedule()
    written = [
        (
            list(each.get("days", usual.days)),
            each.get("start", usual.start),
            each.get("end", usual.end),
        )
        for each in old.get("schedule", [])
    ]
    if wanted == written:
        return None
    return [
        {**({"days": days} if days else {}), "start": start, "end": end}
        for days, start, end in wanted
    ]


def hours_lines(kind: str, hours: Sequence[Entry]) -> list[str]:
    """As tables of their own."""
    lines: list[str] = []
    for entry in hours:
        lines += ["", f"[[{kind}.schedule]]"]
        lines += [f"{key} = {tomlkit.item(value).as_string()}" for key, value in entry.items()]
    return lines


def inline_hours(hours: Sequence[Entry]) -> Array:
    found = tomlkit.array()
    for entry in hours:
        table = tomlkit.inline_table()
        table.update(entry)
        found.append(table)
    return found


def with_hours_of(text: str, kind: str, number: int, hours: Sequence[Entry]) -> str:
    """Instead of those of the zone, behind its last statement."""
    table = f"{kind}[{number}]"
    own = f"{table}.schedule"
    gone: set[int] = set()
    before, inside, last = -1, False, 0
    for statement in statements(text):
        path = statement.path
        is_theirs = path == own or path.startswith((f"{own}[", f"{own}."))
        if is_theirs:
            gone.update(range(before + 1 if inside else statement.first, statement.last + 1))
        elif path == table or path.startswith(f"{table}."):
            last = statement.last
        before, inside = statement.last, is_theirs
    lines = text.split("\n")
    kept = [line for at, line in enumerate(lines[: last + 1]) if at not in gone]
    rest = [line for at, line in enumerate(lines[last + 1 :], last + 1) if at not in gone]
    while rest and not rest[0].strip() and hours:
        rest.pop(0)
    return "\n".join([*kept, *hours_lines(kind, hours), *([""] if hours and rest else []), *rest])
