"""Changes of a camera's settings, each as little as it can be: what would have told somebody?

A `Setting` names one key and its possible new values, from the least change to the most. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from edge_agent.config import CameraConfig
from edge_agent.config.camera import Schedule, ZoneConfig
from edge_agent.pipeline.near_miss import NearMiss, Sighting
from edge_agent.pipeline.outline import Points, distance, grown, inside, without
from edge_agent.pipeline.watch_hours import with_hours
from edge_agent.rules import parse_schedules

Value = float | int | Points | tuple[Schedule, ...] | None

#: A polygon is redrawn only where no number would do.
_REDRAWN = 1.0
_MOST_LEVELS = 12


@dataclass(frozen=True, slots=True)
class Change:
    """`key` as in `zones[0].dwell_s`; `value` None: the whole entry (an ignore zone) goes."""

    key: str
    before: Value | str
    value: Value


@dataclass(frozen=True, slots=True)
class Setting:
    """A key that may have held somebody back; `values` from the least change to the most."""

    key: str
    before: Value | str
    values: tuple[Value, ...]
    effective: float = 0.0  # the number that `auto` stands for, and any other number
    handicap: float = 0.0  # of what was fulfilled, though not where or when it was asked for

    def to(self, level: int) -> Change:
        return Change(self.key, self.before, self.values[level])

    def cost(self, level: int) -> float:
        """How large that change is: relative to the number now; redrawing costs most."""
        value = self.values[level]
        if isinstance(value, int | float):
            change = abs(value - self.effective) / max(abs(self.effective), 1e-6)
            return self.handicap + change
        return _REDRAWN + level / len(self.values)


def applied(camera: CameraConfig, changes: Sequence[Change]) -> CameraConfig:
    """The camera with these changes."""
    person: dict[str, Value] = {}
    motion: dict[str, Value] = {}
    zones, ignored = list(camera.zones), dict(enumerate(camera.ignore_zones))
    for change in changes:
        table, _, name = change.key.partition(".")
        if table == "person":
            person[name] = change.value
        elif table == "motion":
            motion[name] = change.value
        elif table.startswith("zones["):
            index = _index(table)
            zones[index] = msgspec.structs.replace(zones[index], **{name: change.value})
        elif change.value is None:
            del ignored[_index(table)]
        else:
            index = _index(table)
            ignored[index] = msgspec.structs.replace(ignored[index], polygon=change.value)
    return msgspec.structs.replace(
        camera,
        person=msgspec.structs.replace(camera.person, **person),
        motion=msgspec.structs.replace(camera.motion, **motion),
        zones=tuple(zones),
        ignore_zones=tuple(ignored.values()),
    )


def settings_of(
    camera: CameraConfig,
    miss: NearMiss,
    thresholds: tuple[float, float],
    floor: float,
    zone: int | None,
) -> tuple[Setting, ...]:
    """All that may have held them back, where `zone` (an index) is to tell them; None: no zones.

    `thresholds`: the candidate and the confirm threshold that hold.
    """
    found = [*_of_person(camera, miss, thresholds, floor, zone), *_of_ignored(camera, miss)]
    if zone is not None:
        found += _of_zone(camera.zones[zone], f"zones[{zone}]", miss, floor)
    return tuple(setting for setting in found if setting.values)


def _index(table: str) -> int:
    return int(table[table.index("[") + 1 : -1])


def _of_person(
    camera: CameraConfig,
    miss: NearMiss,
    thresholds: tuple[float, float],
    floor: float,
    zone: int | None,
) -> Iterator[Setting]:
    person, (candidate, confirm) = camera.person, thresholds
    if zone is None or camera.zones[zone].confirm_threshold == "auto":
        levels = _scores(miss, confirm, floor)
        yield Setting("person.confirm_threshold", person.confirm_threshold, levels, confirm)
    levels = _scores(miss, candidate, floor)
    yield Setting("person.candidate_threshold", person.candidate_threshold, levels, candidate)
    looks = tuple(range(person.confirm_looks - 1, 0, -1))
    yield Setting("person.confirm_looks", person.confirm_looks, looks, person.confirm_looks)
    heights = [sighting.bbox.h for sighting in miss.sightings]
    low, high = person.min_height_frac, person.max_height_frac
    # Every thousandth: a track is not as high as any look of it where nobody looked.
    lower = _thousandths(min(heights), min(max(heights), low - 0.001))[::-1]
    upper = _thousandths(max(min(heights), high + 0.001), max(heights) + 0.001)
    yield Setting("person.min_height_frac", low, lower, low)
    yield Setting("person.max_height_frac", high, upper, high)


def _of_ignored(camera: CameraConfig, miss: NearMiss) -> Iterator[Setting]:
    for index, zone in enumerate(camera.ignore_zones):
        feet = [s.bbox.foot for s in miss.sightings if inside(zone.polygon, s.bbox.foot)]
        feet.sort(key=lambda foot: distance(zone.polygon, foot))
        if not feet:
            continue
        cut = [without(zone.polygon, feet[:count]) for count in _counts(len(feet))]
        values: tuple[Value, ...] = (*(points for points in cut if points), None)
        yield Setting(f"ignore_zones[{index}]", zone.polygon, values)


def _of_zone(zone: ZoneConfig, key: str, miss: NearMiss, floor: float) -> Iterator[Setting]:
    if zone.confirm_threshold != "auto":
        own = zone.confirm_threshold
        yield Setting(f"{key}.confirm_threshold", own, _scores(miss, own, floor), own)
    outside = [s.bbox.foot for s in miss.sightings if not inside(zone.polygon, s.bbox.foot)]
    if outside:
        feet = [sighting.bbox.foot for sighting in miss.sightings]
        yield Setting(f"{key}.polygon", zone.polygon, (grown(zone.polygon, feet),))
    lasted_s = miss.last_s - miss.first_s
    stays = {_down(lasted_s * k / _MOST_LEVELS, 1) for k in range(_MOST_LEVELS + 1)} | {0.0}
    shorter = tuple(sorted((s for s in stays if s < zone.dwell_s), reverse=True))
    yield Setting(f"{key}.dwell_s", zone.dwell_s, shorter, zone.dwell_s)
    yield Setting(f"{key}.schedule", zone.schedule, tuple(_schedules(zone, miss.sightings)))


def _scores(miss: NearMiss, below: float, floor: float) -> tuple[float, ...]:
    found = {max(_down(sighting.score, 2), _up(floor, 2)) for sighting in miss.sightings}
    return tuple(sorted((score for score in found if score < below), reverse=True))


def _schedules(zone: ZoneConfig, sightings: Sequence[Sighting]) -> Iterator[tuple[Schedule, ...]]:
    """The whole hours in which they were there and nobody watched."""
    watched = parse_schedules(zone.schedule)
    missed = [s.weekminute for s in sightings if not watched.active(s.weekminute)]
    if missed:
        yield with_hours(zone.schedule, missed)


def _counts(most: int) -> list[int]:
    """1, 2, 4, ... and `most`."""
    powers = [2**k for k in range(most.bit_length()) if 2**k < most]
    return [*powers, most] if most else []


def _thousandths(least: float, most: float) -> tuple[float, ...]:
    """Of the picture's height, from the one to the other; none where `most` is less."""
    first, last = math.floor(least * 1000 + 1e-6), math.floor(most * 1000 + 1e-6)
    return tuple(i / 1000 for i in range(first, min(1000, last) + 1))


def _down(value: float, digits: int) -> float:
    return math.floor(value * 10.0**digits + 1e-9) / 10.0**digits


def _up(value: float, digits: int) -> float:
    return math.ceil(value * 10.0**digits - 1e-9) / 10.0**digits
