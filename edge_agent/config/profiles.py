"""Profiles: a camera's settings with those of a profile laid over them, and what is wrong there.

A profile is kept as it is written. What holds is always made of both, so that an edit of the
camera's own keys reaches every profile that does not write them anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from edge_agent.config.camera import CameraConfig
from edge_agent.config.checks import CHECKS
from edge_agent.config.schema import AgentFile
from edge_agent.config.validate import ConfigFinding, Validator

#: What may differ: all that decides about pictures which are decoded as they were.
TABLES = ("person", "motion", "zones", "ignore_zones")
#: No profile is in force: the camera's own settings.
OWN = ""
#: What may be asked for beside a profile's name.
AUTO, NONE = "auto", "none"
_LISTS = ("zones", "ignore_zones")
_ENTRY = re.compile(r"(zones|ignore_zones)\[(\d+)\]")


def in_profile(camera: CameraConfig, name: str) -> CameraConfig:
    """The camera with what this profile writes; `OWN`: as it is."""
    if name == OWN:
        return camera
    # As JSON and back: tuples of the structs are lists in a file.
    raw = msgspec.json.decode(
        msgspec.json.encode({table: getattr(camera, table) for table in TABLES})
    )
    written = msgspec.to_builtins(camera.profiles[name])
    laid = {table: _laid(table, raw.get(table), written.get(table)) for table in TABLES}
    kinds = {field.name: field.type for field in msgspec.structs.fields(CameraConfig)}
    tables = {table: msgspec.convert(laid[table], kinds[table]) for table in TABLES}
    return msgspec.structs.replace(camera, **tables)


def fitting(camera: CameraConfig, name: str) -> CameraConfig:
    """`in_profile` of a draft that nobody checked; as it is where the profile does not fit it."""
    try:
        return in_profile(camera, name) if name in camera.profiles else camera
    except msgspec.ValidationError:  # a zone went of which the profile writes a part
        return camera


def variants(camera: CameraConfig) -> list[CameraConfig]:
    """All settings that may be in force: its own, then those of each profile."""
    return [in_profile(camera, name) for name in (OWN, *camera.profiles)]


def key_in_file(camera: CameraConfig, profile: str, key: str) -> str:
    """Where a key of `in_profile(camera, profile)` is written: `profiles.night.person.dwell_s`.

    What the profile does not write stands among the camera's own keys.
    """
    if profile == OWN:
        return key
    table, _, name = key.partition(".")
    written = camera.profiles[profile]
    if found := _ENTRY.fullmatch(table):
        kept, index = found[1], int(found[2])
        own = [zone.name for zone in getattr(camera, kept)]
        entries: Sequence[Mapping[str, Any]] = getattr(written, kept)
        names = [str(entry["name"]) for entry in entries]
        zone = (own + [each for each in names if each not in own])[index]
        if zone in names:
            at = names.index(zone)
            if zone not in own or (name or "polygon") in entries[at]:
                return f"profiles.{profile}.{kept}[{at}]" + (f".{name}" if name else "")
        return key
    return f"profiles.{profile}.{key}" if name in getattr(written, table, {}) else key


def camera_findings(raw: Mapping[str, object]) -> Iterator[ConfigFinding]:
    """All problems of a camera's file, with those of its profiles."""
    found = []
    for finding in Validator(CameraConfig, CHECKS, AgentFile).findings(raw):
        found.append(finding)
        yield finding
    profiles = raw.get("profiles")
    if not isinstance(profiles, Mapping):
        return
    for name, written in profiles.items():
        path = f"profiles.{name}"
        shapes = tuple(f"{path}.{table}" for table in TABLES)
        wrong = any(each.path.startswith(shapes) for each in found)
        if isinstance(written, Mapping) and not wrong:
            yield from _of_profile(raw, path, written, found)


def _of_profile(
    raw: Mapping[str, object],
    path: str,
    written: Mapping[str, object],
    known: Sequence[ConfigFinding],
) -> Iterator[ConfigFinding]:
    name = path.partition(".")[2]
    if name in (AUTO, NONE):
        yield ConfigFinding(
            path, f"is called {name}", "that word asks for no profile: use another name"
        )
    if not any(written.get(table) for table in TABLES):
        fix = f"write below it what differs: {', '.join(TABLES)}"
        yield ConfigFinding(path, "changes nothing", fix, is_warning=True)
    for table in _LISTS:
        unnamed = list(_unnamed(f"{path}.{table}", written.get(table, [])))
        yield from unnamed
        if unnamed:
            written = {**written, table: []}
    laid = {table: _laid(table, raw.get(table), written.get(table)) for table in TABLES}
    whole = {key: value for key, value in raw.items() if key not in ("profiles", *TABLES)}
    whole |= {table: value for table, value in laid.items() if value is not None}
    said = {(each.path, each.found) for each in known}
    for each in Validator(CameraConfig, CHECKS, AgentFile).findings(whole):
        if each.path.partition(".")[0].partition("[")[0] in TABLES and (
            (each.path, each.found) not in said
        ):
            yield each._replace(path=_written_at(path, raw, written, each.path))


def _unnamed(path: str, entries: object) -> Iterator[ConfigFinding]:
    """Raw zones of a profile that do not say which they are, or say it twice."""
    names: list[object] = []
    for index, entry in enumerate(cast("list[Mapping[str, object]]", entries)):
        name = entry.get("name")
        if not isinstance(name, str):
            yield ConfigFinding(
                f"{path}[{index}].name", "is missing", "name the zone that it changes"
            )
        elif name in names:
            yield ConfigFinding(f"{path}[{index}].name", "is there twice", "write its keys once")
        names.append(name)


def _written_at(
    path: str, raw: Mapping[str, object], written: Mapping[str, object], key: str
) -> str:
    """Where the reader of a message finds `key` of the laid tables."""
    table, dot, rest = key.partition(".")
    found = _ENTRY.match(table)
    if not found:
        return f"{path}.{key}"
    kept, index = found[1], int(found[2])
    own, entries = _names(raw.get(kept)), _names(written.get(kept))
    zone = (own + [each for each in entries if each not in own])[index]
    at = f"{path}.{kept}[{entries.index(zone)}]" if zone in entries else f"{kept}[{index}]"
    return f"{at}{table[found.end() :]}{dot}{rest}"


def _names(entries: object) -> list[object]:
    return [
        entry.get("name") if isinstance(entry, Mapping) else None
        for entry in (entries if isinstance(entries, list) else [])
    ]


def _laid(table: str, under: Any, over: Any) -> Any:
    """A raw table, or list of zones, with what the profile writes; as it is where that is none."""
    if not over:
        return under
    if table not in _LISTS:
        return {**under, **over} if isinstance(under, Mapping) else over
    if not isinstance(under, list | tuple):
        under = []
    changes = {entry.get("name"): entry for entry in over}
    zones = [
        {**zone, **changes.pop(zone.get("name"), {})} if isinstance(zone, Mapping) else zone
        for zone in under
    ]
    return [*zones, *changes.values()]
