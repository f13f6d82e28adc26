"""Says why somebody was not told, and what would have told them, as a camera's file says it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edge_agent.config import CameraConfig
from edge_agent.config.profiles import in_profile, key_in_file

if TYPE_CHECKING:
    from edge_agent.config import PersonConfig
    from edge_agent.config.camera import Schedule
    from edge_agent.pipeline.change import Change
    from edge_agent.pipeline.together import SharedChange
    from edge_agent.pipeline.why import Why

_NOTHING_TOLD = "no threshold, zone or time told them"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def reason_text(why: Why, camera: CameraConfig) -> str:
    """What held them back, and the smallest change that would have told them."""
    reason, change = reason_words(why, camera)
    return f"{reason} -> {change}" if change else reason


def reason_words(why: Why, camera: CameraConfig) -> tuple[str, str]:
    """The two alone; no change: none was found."""
    keys = keys_of(why, camera)
    if not why.changes:
        return _unexplained(why, keys), ""
    holding = in_profile(camera, why.profile)
    details = (_detail(key, why, holding) for key in why.held_back_by)
    reasons = " and ".join(f"{key} ({each})" for key, each in zip(keys, details, strict=True))
    return reasons, " and ".join(change_text(change) for change in changes_of(why, camera))


def keys_of(why: Why, camera: CameraConfig) -> list[str]:
    """What held them back, as the camera's file has it: `profiles.night.person.confirm_looks`."""
    return [key_in_file(camera, why.profile, key) for key in why.held_back_by]


def changes_of(why: Why, camera: CameraConfig) -> list[Change]:
    """The same of the changes."""
    return [
        replace(change, key=key_in_file(camera, why.profile, change.key)) for change in why.changes
    ]


def change_text(change: Change) -> str:
    """As it is written into the camera's file."""
    if change.value is None:
        return f"without {change.key}"
    key = f"{change.key}.polygon" if change.key.endswith("]") else change.key
    return f"{key} = {_toml(change.value)}"


def _toml(value: Any) -> str:
    if isinstance(value, int | float):
        return f"{value:g}"
    if value and isinstance(value[0], tuple):
        return "[" + ", ".join(f"[{round(x, 3):g}, {round(y, 3):g}]" for x, y in value) + "]"
    return "[" + ", ".join(_schedule(entry) for entry in value) + "]"


def _schedule(entry: Schedule) -> str:
    days = "".join(f'"{day}", ' for day in entry.days).removesuffix(", ")
    first = f"days = [{days}], " if days else ""
    return f'{{{first}start = "{entry.start}", end = "{entry.end}"}}'


def _unexplained(why: Why, keys: Sequence[str]) -> str:
    if not _is_looked(why):
        return f"not looked at (nothing moved there: {', '.join(keys)})"
    if why.without_change:
        return "nothing held them back: a place learned as a nuisance, or taken for somebody told"
    return f"{_NOTHING_TOLD}: part of somebody else, or too seldom seen"


def is_unexplained(why: Why) -> bool:
    """Whether the answer says nothing that anybody could act upon."""
    return _is_looked(why) and not why.changes and not why.without_change


def closing_lines(
    whys: Sequence[Why], together: Sequence[SharedChange], camera: str, time_zone: str
) -> Iterator[str]:
    """Below the list of those who were not told: what holds for several of them."""
    count = sum(map(is_unexplained, whys))
    if count:
        yield (
            f"{count} more: no threshold, zone or time told them: "
            "part of somebody else, or too seldom seen"
        )
    for each in together:
        who = f"all {each.asked}" if each.told == each.asked else f"{each.told} of {each.asked}"
        yield f"one value that tells {who}: {change_text(each.change)}"
    keys = {change.key for why in whys for change in why.changes}
    if any(key.endswith((".polygon", "]")) for key in keys):
        yield f"zones are easier drawn than typed: edge-agent zones {camera}"
    if any(key.endswith(".schedule") for key in keys):
        yield f"a schedule's times are of {time_zone} (box.timezone)"


def _is_looked(why: Why) -> bool:
    return any(sighting.looked for sighting in why.miss.sightings)


def _detail(key: str, why: Why, camera: CameraConfig) -> str:
    """What was measured, and what is asked for."""
    measured, person = why.measured, camera.person
    table, _, name = key.partition(".")
    foot = f"({measured.foot[0]:.2f}, {measured.foot[1]:.2f})"
    if table == "motion" or (table.startswith("ignore_zones") and not _is_looked(why)):
        return "nobody looked: nothing moved there"
    if table.startswith("ignore_zones"):
        return f'feet at {foot} in ignore zone "{camera.ignore_zones[_index(table)].name}"'
    if table == "person":
        return _detail_of_person(name, why, person)
    zone = camera.zones[_index(table)]
    return {
        "confirm_threshold": _scores(why, person),
        "dwell_s": f"seen for {why.miss.last_s - why.miss.first_s:.1f} of {zone.dwell_s:g} s",
        "schedule": f'{weektime(measured.weekminute)}, when zone "{zone.name}" is not watched',
        "polygon": f'feet at {foot}, outside zone "{zone.name}"',
    }[name]


def _detail_of_person(name: str, why: Why, person: PersonConfig) -> str:
    measured, high = why.measured, _heights(why)
    within = f"within {person.confirm_window_s:g} s"
    candidate = measured.candidate_threshold
    return {
        "confirm_threshold": _scores(why, person),
        "candidate_threshold": f"best {measured.best_score:.2f}, from {candidate:g} on",
        "confirm_looks": f"{measured.looks} of {person.confirm_looks} looks {within}",
        "min_height_frac": f"{high}, least {person.min_height_frac:g}",
        "max_height_frac": f"{high}, most {person.max_height_frac:g}",
    }[name]


def _heights(why: Why) -> str:
    """`0.29 to 0.42 high`: whoever comes nearer grows, and the rules ask at every look."""
    heights = [sighting.bbox.h for sighting in why.miss.sightings]
    low, high = f"{min(heights):.2f}", f"{max(heights):.2f}"
    return f"{low} high" if low == high else f"{low} to {high} high"


def _scores(why: Why, person: PersonConfig) -> str:
    measured, looks = why.measured, person.confirm_looks
    needed = f"of {measured.confirm_threshold:g}"
    if measured.nth_score >= measured.confirm_threshold:
        return f"{looks} looks scored {measured.nth_score:.2f} {needed}, but not where it counts"
    if measured.nth_score == 0:
        return f"best {measured.best_score:.2f} {needed}"
    scored = "one look" if looks == 1 else f"{looks} looks"
    return f"{scored} scored {measured.nth_score:.2f} {needed}"


def _index(table: str) -> int:
    return int(table[table.index("[") + 1 : -1])


def weektime(weekminute: int) -> str:
    """`Thu 14:20`."""
    day, minute = divmod(weekminute % (7 * 1440), 1440)
    return f"{_DAYS[day]} {minute // 60:02}:{minute % 60:02}"
