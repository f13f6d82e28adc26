"""Says of a replayed clip who was not told, what held them back, and what would have told them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from edge_agent.config import CameraConfig
from edge_agent.geometry import BBox

if TYPE_CHECKING:
    from edge_agent.config import PersonConfig
    from edge_agent.config.camera import Schedule
    from edge_agent.pipeline.change import Change
    from edge_agent.pipeline.minutes import UnlookedMinute
    from edge_agent.pipeline.untold import Untold
    from edge_agent.pipeline.why import Why

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def print_untold(untold: Untold, camera: CameraConfig) -> None:
    """One line each, after the table of events."""
    if not untold.whys and not untold.minutes:
        print("  nobody was seen who was not told")
    for why in untold.whys:
        print("  " + line_of(why, camera))
    for minute in untold.minutes:
        print("  " + _minute_line(minute))


def print_untold_json(clip: Path, untold: Untold) -> None:
    """One object a line, after the payloads; none of them is a payload (they have `data`)."""
    for why in untold.whys:
        print(json.dumps({"untold": {"clip": clip.name, **why_object(why)}}))
    for minute in untold.minutes:
        found = msgspec.to_builtins(minute)
        print(json.dumps({"not_looked_at": {"clip": clip.name, **found}}))


def drawn_untold(untold: Untold) -> dict[float, list[tuple[BBox, str]]]:
    """What is drawn at each moment: where they were, their score, and what held them back."""
    drawn: dict[float, list[tuple[BBox, str]]] = {}
    for why in untold.whys:
        reason = " + ".join(why.held_back_by) or "not looked at"
        for seen in why.miss.sightings:
            drawn.setdefault(seen.at_s, []).append((seen.bbox, f"{seen.score:.2f} {reason}"))
    return drawn


def line_of(why: Why, camera: CameraConfig, when: str = "") -> str:
    """`untold 0:04.0-0:10.0  best 0.85  ...`; `when` in place of the recording's own time."""
    miss = why.miss
    when = when or f"{clip_time(miss.first_s)}-{clip_time(miss.last_s)}"
    return f"untold {when}  best {miss.best.score:.2f}  {reason_text(why, camera)}"


def reason_text(why: Why, camera: CameraConfig) -> str:
    """What held them back, and the smallest change that would have told them."""
    if not why.changes:
        return _unexplained(why)
    reasons = " and ".join(f"{key} ({_detail(key, why, camera)})" for key in why.held_back_by)
    changes = " and ".join(change_text(change) for change in why.changes)
    return f"{reasons} -> {changes}"


def change_text(change: Change) -> str:
    """As it is written into the camera's file."""
    if change.value is None:
        return f"without {change.key}"
    key = change.key if "." in change.key else f"{change.key}.polygon"
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


def _unexplained(why: Why) -> str:
    if not any(sighting.looked for sighting in why.miss.sightings):
        return f"not looked at (nothing moved there: {', '.join(why.held_back_by)})"
    if why.without_change:
        return "nothing held them back: a place learned as a nuisance, or taken for somebody told"
    return "no threshold, zone or time told them: part of somebody else, or too seldom seen"


def _detail(key: str, why: Why, camera: CameraConfig) -> str:
    """What was measured, and what is asked for."""
    measured, person = why.measured, camera.person
    table, _, name = key.partition(".")
    foot = f"({measured.foot[0]:.2f}, {measured.foot[1]:.2f})"
    if table.startswith("ignore_zones"):
        return f"feet at {foot} in {camera.ignore_zones[_index(table)].name}"
    if table == "person":
        return _detail_of_person(name, why, person)
    zone = camera.zones[_index(table)]
    return {
        "confirm_threshold": _scores(why, person),
        "dwell_s": f"seen for {why.miss.last_s - why.miss.first_s:.1f} of {zone.dwell_s:g} s",
        "schedule": f"{_weektime(measured.weekminute)}, when {zone.name} is not watched",
        "polygon": f"feet at {foot}, outside {zone.name}",
    }[name]


def _detail_of_person(name: str, why: Why, person: PersonConfig) -> str:
    measured, high = why.measured, f"{why.measured.height_frac:.2f} high"
    within = f"within {person.confirm_window_s:g} s"
    candidate = measured.candidate_threshold
    return {
        "confirm_threshold": _scores(why, person),
        "candidate_threshold": f"best {measured.best_score:.2f}, from {candidate:g} on",
        "confirm_looks": f"{measured.looks} of {person.confirm_looks} looks {within}",
        "min_height_frac": f"{high}, least {person.min_height_frac:g}",
        "max_height_frac": f"{high}, most {person.max_height_frac:g}",
    }[name]


def _scores(why: Why, person: PersonConfig) -> str:
    measured, looks = why.measured, person.confirm_looks
    needed = f"of {measured.confirm_threshold:g}"
    if measured.nth_score >= measured.confirm_threshold:
        return f"{looks} looks scored {measured.nth_score:.2f} {needed}, but not where it counts"
    if measured.nth_score == 0:
        return f"best {measured.best_score:.2f} {needed}"
    scored = "one look" if looks == 1 else f"{looks} looks"
    return f"{scored} scored {measured.nth_score:.2f} {needed}"


def _minute_line(minute: UnlookedMinute) -> str:
    begin = clip_time(minute.begin_s)
    changed = f"{minute.moved} of {minute.pictures} pictures moved, at most "
    changed += f"{minute.most_changed_frac:.5f} of the picture changed"
    return (
        f"not looked at {begin}-{clip_time(minute.begin_s + 60)}  {minute.held_back_by} ({changed})"
    )


def why_object(why: Why) -> dict[str, Any]:
    """For programs."""
    measured = why.measured
    return {
        "from_s": round(why.miss.first_s, 3),
        "to_s": round(why.miss.last_s, 3),
        "looked_at": any(sighting.looked for sighting in why.miss.sightings),
        "best_score": round(measured.best_score, 3),
        "nth_score": round(measured.nth_score, 3),
        "looks": measured.looks,
        "candidate_threshold": measured.candidate_threshold,
        "confirm_threshold": measured.confirm_threshold,
        "height_frac": round(measured.height_frac, 3),
        "foot": [round(value, 3) for value in measured.foot],
        "time": _weektime(measured.weekminute),
        "held_back_by": list(why.held_back_by),
        "changes": [_change_object(change) for change in why.changes],
    }


def _change_object(change: Change) -> dict[str, Any]:
    found = msgspec.to_builtins({"key": change.key, "from": change.before, "to": change.value})
    assert isinstance(found, dict)
    return found


def _index(table: str) -> int:
    return int(table[table.index("[") + 1 : -1])


def _weektime(weekminute: int) -> str:
    day, minute = divmod(weekminute % (7 * 1440), 1440)
    return f"{_DAYS[day]} {minute // 60:02}:{minute % 60:02}"


def clip_time(seconds: float) -> str:
    """`2:03.4` on the clip's own time."""
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:04.1f}"
