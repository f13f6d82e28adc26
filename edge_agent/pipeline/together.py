"""One value of a key for several who were not told: the smallest change that tells each of them.

As every answer, it is tried on the recorded looks (`Rehearsal`), and says of how many it is true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_agent.config import CameraConfig
from edge_agent.config.profiles import in_profile, key_in_file
from edge_agent.pipeline.change import Change, Value, applied
from edge_agent.pipeline.outline import grown, inside, without
from edge_agent.pipeline.rehearsal import Rehearsal
from edge_agent.pipeline.watch_hours import with_hours
from edge_agent.pipeline.why import Why
from edge_agent.rules import parse_schedules

#: The more the more are told; of all other numbers the less.
_UPWARDS = ("max_height_frac", "motion.sensitivity")


@dataclass(frozen=True, slots=True)
class Case:
    """An answer, the settings of that time with their profiles, and the looks to try others on."""

    why: Why
    camera: CameraConfig
    rehearsal: Rehearsal

    @property
    def holding(self) -> CameraConfig:
        """With what the profile of that time writes."""
        return in_profile(self.camera, self.why.profile)

    def written(self, key: str) -> str:
        """Where a key of `holding` stands in the camera's file."""
        return key_in_file(self.camera, self.why.profile, key)


@dataclass(frozen=True, slots=True)
class SharedChange:
    """`asked` of them are held back by the key, as it is written; with the change `told` of them
    are told."""

    change: Change
    asked: int
    told: int


def together(cases: Sequence[Case]) -> list[SharedChange]:
    """Of each key for which answers propose different values, in their order."""
    by_key: dict[str, list[tuple[Case, Change]]] = {}
    for case in cases:
        for change in case.why.changes:
            by_key.setdefault(case.written(change.key), []).append((case, change))
    wanted = {key: _wanted([c for c, _ in of], [c for _, c in of]) for key, of in by_key.items()}
    found = []
    for key, of_key in by_key.items():
        if len({change.value for _, change in of_key}) < 2:
            continue
        told = sum(_tells(case, wanted) for case, _ in of_key)
        if told:
            found.append(SharedChange(replace(wanted[key], key=key), len(of_key), told))
    return found


def _tells(case: Case, wanted: dict[str, Change]) -> bool:
    changes = [
        replace(wanted[case.written(change.key)], key=change.key) for change in case.why.changes
    ]
    return case.rehearsal.tells(applied(case.holding, changes))


def _wanted(cases: Sequence[Case], changes: Sequence[Change]) -> Change:
    """The newest settings changed so far that each is told."""
    newest, key = changes[-1], changes[-1].key
    values = [change.value for change in changes]
    numbers = [value for value in values if isinstance(value, int | float)]
    if None in values:  # an ignore zone that goes
        return Change(key, newest.before, None)
    if len(numbers) == len(values):
        most = max(numbers) if key.endswith(_UPWARDS) else min(numbers)
        return Change(key, newest.before, most)
    return Change(key, newest.before, _drawn(key, cases))


def _drawn(key: str, cases: Sequence[Case]) -> Value:
    """A polygon or a schedule."""
    camera, index = cases[-1].holding, int(key[key.index("[") + 1 : key.index("]")])
    feet = [seen.bbox.foot for case in cases for seen in case.why.miss.sightings]
    if key.startswith("ignore_zones"):
        polygon = camera.ignore_zones[index].polygon
        return without(polygon, [foot for foot in feet if inside(polygon, foot)]) or None
    zone = camera.zones[index]
    if key.endswith(".polygon"):
        return grown(zone.polygon, feet)
    schedule = zone.schedule
    for case in cases:
        watched = parse_schedules(schedule)
        minutes = [s.weekminute for s in case.why.miss.sightings]
        missed = [minute for minute in minutes if not watched.active(minute)]
        schedule = with_hours(schedule, missed) if missed else schedule
    return schedule
