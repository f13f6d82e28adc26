"""Everybody a recording shows, however weakly, with the score that confirms them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edge_agent.config import CameraConfig
from edge_agent.geometry import Polygon, shows_same_person
from edge_agent.pipeline.near_miss import FLOOR_FRAC
from edge_agent.pipeline.stages import Thresholds, thresholds
from edge_agent.rules import parse_schedules
from edge_agent.tools.tuning.decision import Decided, RecordedFrame
from edge_agent.tools.tuning.labels import Interval
from edge_agent.track import Tracker

_SLACK_S = 0.01
#: So few people have no gap that says anything.
_LEAST = 4


@dataclass(frozen=True, slots=True)
class PersonLooks:
    """`looks`: (moment, score, whether they were where and as large as counts then)."""

    looks: tuple[tuple[float, float, bool], ...]
    told: bool

    def is_in(self, visits: Sequence[Interval]) -> bool:
        """Whether most of their looks are within a labelled visit."""
        inside = sum(any(v.from_s <= at_s <= v.to_s for v in visits) for at_s, _, _ in self.looks)
        return 2 * inside > len(self.looks)

    def deciding_score(self, looks: int, window_s: float) -> float:
        """The n-th best within the window, which `confirm_threshold` is compared with; 0: none."""
        best = 0.0
        for at_s, _, _ in self.looks:
            within = [
                score for then, score, _ in self.looks if at_s - window_s - _SLACK_S <= then <= at_s
            ]
            if len(within) >= looks:
                best = max(best, sorted(within, reverse=True)[looks - 1])
        return best


def people_of(
    looks: Sequence[RecordedFrame], decided: Decided, camera: CameraConfig, own: Thresholds
) -> list[PersonLooks]:
    """In order of their coming; those whom a single look showed are noise."""
    floor = FLOOR_FRAC * thresholds(camera.person, own)[0]
    tracker = Tracker(camera.person, high_score=floor)
    counts = _Where(camera)
    seen: dict[int, list[tuple[float, float, bool]]] = {}
    told: set[int] = set()
    for look, hits in zip(looks, decided.hits, strict=True):
        tracker.look_at(look.motion.regions, look.at_s)
        searched = [region.bbox for region in look.searched]
        strong = [each for each in look.found if each.score >= floor]
        for track in tracker.update(strong, searched, look.at_s):
            if any(shows_same_person(track.bbox, hit.track.bbox) for hit in hits):
                told.add(track.track_id)
            if track.seen_s == look.at_s:
                where = counts.counts(track.bbox.foot, track.bbox.h, look.weekminute)
                seen.setdefault(track.track_id, []).append((look.at_s, track.score, where))
    return [
        PersonLooks(tuple(found), track_id in told)
        for track_id, found in seen.items()
        if len(found) > 1
    ]


class _Where:
    """The rules without time: sizes, zones, schedules."""

    def __init__(self, camera: CameraConfig) -> None:
        self._person = camera.person
        self._ignored = [Polygon.of(zone.polygon) for zone in camera.ignore_zones]
        self._zones = [
            (Polygon.of(zone.polygon), parse_schedules(zone.schedule)) for zone in camera.zones
        ]

    def counts(self, foot: tuple[float, float], height: float, weekminute: int) -> bool:
        person = self._person
        if not person.min_height_frac <= height <= person.max_height_frac:
            return False
        if any(polygon.contains(foot) for polygon in self._ignored):
            return False
        return not self._zones or any(
            polygon.contains(foot) and schedule.active(weekminute)
            for polygon, schedule in self._zones
        )


@dataclass(frozen=True, slots=True)
class ScoreGap:
    """Where no deciding score lies; the threshold lies in its middle."""

    low: float
    high: float

    @property
    def threshold(self) -> float:
        return round((self.low + self.high) / 2, 2)


def dividing_gap(scores: Sequence[tuple[float, bool]], floor: float) -> ScoreGap | None:
    """Where a threshold parts those who are to be told (True) from the others with the fewest
    mistakes; of equals the widest. None: too few, or nobody, to say anything.

    Nothing below `floor` is known.
    """
    ordered = sorted(scores)
    if len(ordered) < _LEAST or not any(wanted for _, wanted in ordered):
        return None
    edges = [floor, *(score for score, _ in ordered), 1.0]
    gaps = [ScoreGap(low, high) for low, high in pairwise(edges[:-1])]

    def mistakes(gap: ScoreGap) -> int:
        return sum(wanted != (score >= gap.high) for score, wanted in ordered)

    return min(gaps, key=lambda gap: (mistakes(gap), gap.low - gap.high))
