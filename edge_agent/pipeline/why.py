"""Why somebody was not told, and the smallest change of the settings that would have told them.

A key has held somebody back when changing it tells them. So every answer is tried on the recorded
looks (`Rehearsal`): one key after the other, then two, then as few as will do. What is proposed
was seen to work; where nothing works the answer says so. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from edge_agent.config import CameraConfig
from edge_agent.pipeline.change import Change, Setting, applied, settings_of
from edge_agent.pipeline.near_miss import NearMiss, Sighting
from edge_agent.pipeline.outline import Point, Points, distance, inside
from edge_agent.pipeline.rehearsal import Moment, Rehearsal
from edge_agent.pipeline.stages import Thresholds, thresholds
from edge_agent.rules.zones import Zone

_SLACK_S = 0.01
#: So many keys at once are tried in all combinations; beyond that they are dropped one by one.
_TRIED_TOGETHER = 2
#: Of two, the first begins at so many of its values.
_MOST_STARTS = 12
_MOST_ZONES = 4
#: More than redrawing a zone costs.
_WAS_SURE = 3.0
_SURENESS = ("confirm_threshold", "candidate_threshold", "confirm_looks")
_CANDIDATE = "person.candidate_threshold"


@dataclass(frozen=True, slots=True)
class Measured:
    """The numbers of a near miss, as the rules compare them."""

    best_score: float
    nth_score: float  # the n-th best within the window, 0 where there were fewer looks
    looks: int  # most within the window that scored enough
    candidate_threshold: float
    confirm_threshold: float
    height_frac: float  # at the best look
    foot: tuple[float, float]
    weekminute: int


@dataclass(frozen=True, slots=True)
class Why:
    """The answer for one near miss. `held_back_by`: full keys of the settings that held, where
    `profile` was in force (`key_in_file` says where such a key is written).

    `changes` together would have told them; empty: none was found by the recorded looks, as where
    nobody looked because nothing moved.
    """

    miss: NearMiss
    measured: Measured
    held_back_by: tuple[str, ...]
    changes: tuple[Change, ...]
    #: Alone, with the settings of today, they would have been told.
    without_change: bool = False
    profile: str = ""


def why_untold(
    miss: NearMiss, moments: Sequence[Moment], camera: CameraConfig, own: Thresholds, floor: float
) -> Why:
    """`moments`: those around the near miss at least; `own`: the thresholds of the detector."""
    holding = thresholds(camera.person, own)
    rehearsal = Rehearsal(moments, miss, own)
    measured = measure(miss, camera, holding)
    if rehearsal.tells(camera):  # known as a nuisance, or taken for somebody else
        return Why(miss, measured, (), (), without_change=True)
    choices = [
        [_weighed(each, measured) for each in settings_of(camera, miss, holding, floor, zone)]
        for zone in _zones(camera, miss)
    ]
    changes = _smallest(camera, rehearsal, choices)
    keys = [change.key for change in changes] or _of_motion(camera, miss)
    if _is_below(changes, holding[0]) and _CANDIDATE not in keys:
        keys.insert(0, _CANDIDATE)  # gives way by itself where it is `auto`
    return Why(miss, measured, tuple(keys), changes)


def measure(miss: NearMiss, camera: CameraConfig, holding: tuple[float, float]) -> Measured:
    person, best = camera.person, miss.best
    confirm = min(
        (Zone.of(zone, confirm_threshold=holding[1]).confirm_threshold for zone in camera.zones),
        default=holding[1],
    )
    nth, looks = 0.0, 0
    for within in _windows(miss.sightings, person.confirm_window_s):
        scores = sorted((sighting.score for sighting in within), reverse=True)
        if len(scores) >= person.confirm_looks:
            nth = max(nth, scores[person.confirm_looks - 1])
        looks = max(looks, sum(score >= confirm for score in scores))
    return Measured(
        best_score=best.score,
        nth_score=nth,
        looks=looks,
        candidate_threshold=holding[0],
        confirm_threshold=confirm,
        height_frac=best.bbox.h,
        foot=best.bbox.foot,
        weekminute=best.weekminute,
    )


def _windows(sightings: Sequence[Sighting], window_s: float) -> Iterator[Sequence[Sighting]]:
    """For each sighting those that were not older than `window_s`."""
    begin = 0
    for end, newest in enumerate(sightings, 1):
        while sightings[begin].at_s < newest.at_s - window_s - _SLACK_S:
            begin += 1
        yield sightings[begin:end]


def _of_motion(camera: CameraConfig, miss: NearMiss) -> list[str]:
    """Why nobody looked: what moves in an ignore zone wakes nobody, nor what hardly moves."""
    if any(sighting.looked for sighting in miss.sightings):
        return []
    middle = miss.best.bbox.center
    ignored = [
        f"ignore_zones[{index}]"
        for index, zone in enumerate(camera.ignore_zones)
        if inside(zone.polygon, middle) or inside(zone.polygon, miss.best.bbox.foot)
    ]
    return ignored or ["motion.min_area_frac", "motion.sensitivity"]


def _weighed(setting: Setting, measured: Measured) -> Setting:
    """Who was surely a person, but elsewhere, is told by moving the zone rather than the bar."""
    sure = measured.nth_score >= measured.confirm_threshold
    name = setting.key.rpartition(".")[2]
    return replace(setting, handicap=_WAS_SURE) if sure and name in _SURENESS else setting


def _is_below(changes: Sequence[Change], candidate: float) -> bool:
    """Whether any of them asks for scores that are no candidates today."""
    return any(
        change.key.endswith("confirm_threshold")
        and isinstance(change.value, float)
        and change.value < candidate
        for change in changes
    )


def _zones(camera: CameraConfig, miss: NearMiss) -> list[int | None]:
    """The zones that they came nearest to; None alone where there are no zones."""
    feet = [sighting.bbox.foot for sighting in miss.sightings]

    def how_far(points: Points, foot: Point) -> float:
        return 0.0 if inside(points, foot) else distance(points, foot)

    by_distance = sorted(
        range(len(camera.zones)),
        key=lambda i: min(how_far(camera.zones[i].polygon, foot) for foot in feet),
    )
    return list(by_distance[:_MOST_ZONES]) or [None]


def _smallest(
    camera: CameraConfig, rehearsal: Rehearsal, choices: Sequence[Sequence[Setting]]
) -> tuple[Change, ...]:
    """The fewest changes of any of the choices that tell them, and of those the smallest."""
    for count in range(1, _TRIED_TOGETHER + 1):
        solved = [
            _least(camera, rehearsal, chosen)
            for chosen in dict.fromkeys(
                chosen for settings in choices for chosen in combinations(settings, count)
            )
            if _tells(camera, rehearsal, chosen)
        ]
        if solved:
            return min(solved, key=lambda answer: answer[1])[0]
    solved = [
        _least(camera, rehearsal, _needed(camera, rehearsal, settings))
        for settings in choices
        if _tells(camera, rehearsal, settings)
    ]
    return min(solved, key=lambda answer: answer[1])[0] if solved else ()


def _needed(
    camera: CameraConfig, rehearsal: Rehearsal, settings: Sequence[Setting]
) -> tuple[Setting, ...]:
    """Without those that can be left out; what costs most is left out first."""
    kept = sorted(settings, key=lambda setting: -setting.cost(0))
    for setting in list(kept):
        rest = [each for each in kept if each is not setting]
        if _tells(camera, rehearsal, rest):
            kept = rest
    return tuple(setting for setting in settings if setting in kept)


def _tells(camera: CameraConfig, rehearsal: Rehearsal, settings: Sequence[Setting]) -> bool:
    most = [setting.to(-1) for setting in settings]
    return rehearsal.tells(applied(camera, most))


def _least(
    camera: CameraConfig, rehearsal: Rehearsal, settings: Sequence[Setting]
) -> tuple[tuple[Change, ...], float]:
    """The smallest changes of these that tell them; all of them at their most are known to."""
    most = [len(setting.values) - 1 for setting in settings]
    tried: dict[tuple[int, ...], bool] = {tuple(most): True}

    def tells(levels: Sequence[int]) -> bool:
        key = tuple(levels)
        if key not in tried:
            pairs = zip(settings, levels, strict=True)
            tried[key] = rehearsal.tells(applied(camera, [s.to(level) for s, level in pairs]))
        return tried[key]

    def cost(levels: Sequence[int]) -> float:
        return sum(s.cost(level) for s, level in zip(settings, levels, strict=True))

    # Of two, a little of both is less than much of one.
    firsts = _spread(most[0]) if len(settings) == _TRIED_TOGETHER else [most[0]]
    starts = [[first, *most[1:]] for first in firsts]
    ends = [_lowered(levels, tells) for levels in starts if tells(levels)]
    best = min(ends, key=cost)
    return tuple(s.to(level) for s, level in zip(settings, best, strict=True)), cost(best)


def _spread(most: int) -> list[int]:
    """0, `most`, and not many between; `_lowered` finds those that lie closer."""
    count = min(most, _MOST_STARTS - 1)
    return [round(i * most / count) for i in range(count + 1)] if count else [0]


def _lowered(levels: list[int], tells: Callable[[Sequence[int]], bool]) -> list[int]:
    """One level after the other as low as will do, the last one first."""
    for i in reversed(range(len(levels))):
        low, high = 0, levels[i]
        while low < high:
            middle = (low + high) // 2
            if tells([*levels[:i], middle, *levels[i + 1 :]]):
                high = middle
            else:
                low = middle + 1
        levels = [*levels[:i], high, *levels[i + 1 :]]
    return levels
