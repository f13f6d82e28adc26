"""Keeps, while a camera is watched, who was not told: `edge-agent why` is asked tomorrow.

Nothing more is decoded or inferred for it, so it knows only what the pipeline looked at. What
would have told somebody is found when somebody asks (`edge_agent.pipeline.why`), not here.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from edge_agent.config import CameraConfig
from edge_agent.domain import Lighting
from edge_agent.geometry import FULL_FRAME
from edge_agent.pipeline.analysis import Analysis
from edge_agent.pipeline.moment_bytes import packed_moment, packed_sightings
from edge_agent.pipeline.near_miss import FLOOR_FRAC, Faint, NearMiss, NearMissWatch
from edge_agent.pipeline.rehearsal import AFTER_S, BEFORE_S, Moment
from edge_agent.pipeline.stages import Thresholds, thresholds
from edge_agent.rules import parse_schedules

#: Of the pictures in which something moved or was looked at: three minutes of a busy camera.
_MOST_MOMENTS = 900
#: Around somebody's best look, at most: a minute's worth of looks says it all.
_MOST_KEPT = 300
#: Nobody takes them up: the newest are kept.
_MOST_WAITING = 64


@dataclass(slots=True)
class Tally:
    """What was seen since it was begun: a minute, as a rule."""

    pictures: int = 0  # analysed
    looks: int = 0
    moved: int = 0  # pictures with something moving
    unsteady: int = 0  # pictures whose light changed
    told: int = 0  # pictures with somebody who was told
    unwatched: int = 0  # pictures taken when no zone is watched
    changed_frac: float = 0.0  # most of the picture that changed, while the light was steady
    best_score: float = 0.0


@dataclass(frozen=True, slots=True)
class OwnThresholds:
    """The detector's, at the time."""

    candidate_threshold: float
    confirm_threshold: float


@dataclass(frozen=True, slots=True)
class KeptMiss:
    """One near miss as bytes (`edge_agent.pipeline.moment_bytes`), with the settings that held."""

    first_s: float
    last_s: float
    best_score: float
    sightings: bytes = field(repr=False)
    moments: bytes = field(repr=False)
    camera: CameraConfig = field(repr=False)
    own: OwnThresholds


class UntoldWatch:
    """One camera's. Owned by the analysis thread, but for `take`; costs nothing while it idles."""

    def __init__(self, camera: CameraConfig, own: Thresholds) -> None:
        self._tally = Tally()
        self._misses: deque[KeptMiss] = deque(maxlen=_MOST_WAITING)
        self._moments: deque[tuple[float, bytes]] = deque(maxlen=_MOST_MOMENTS)
        self._set(camera, own)

    def apply(self, camera: CameraConfig, own: Thresholds) -> None:
        """Other settings hold from now on."""
        self.close()
        self._set(camera, own)

    @property
    def holding(self) -> tuple[float, float]:
        """The candidate and the confirm threshold."""
        return self._holding

    def take(self) -> tuple[Tally, list[KeptMiss]]:
        """What came since the last call; by any one thread. Late by one picture at worst."""
        tally, self._tally = self._tally, Tally()
        return tally, [self._misses.popleft() for _ in range(len(self._misses))]

    def add(self, at_s: float, weekminute: int, analysis: Analysis) -> None:
        """One picture that was analysed; none that was recalled."""
        motion, faint = analysis.motion, analysis.faint
        if faint is None:
            faint = Faint(analysis.searched, analysis.detections)
        self._count(analysis, faint, weekminute)
        if motion.regions or faint.searched:
            blind = any(region.bbox == FULL_FRAME for region in analysis.searched)
            moment = Moment(at_s, weekminute, motion, faint, blind)
            self._moments.append((at_s, packed_moment(moment)))
        moment_of = (at_s, weekminute)
        misses = self._watch.update(
            faint, analysis.searched, motion.regions, analysis.hits, moment_of
        )
        for miss in misses:
            self._keep(miss)

    def close(self) -> None:
        """No more pictures for a while: who was seen until now has been seen."""
        for miss in self._watch.close():
            self._keep(miss)
        self._moments.clear()

    def _set(self, camera: CameraConfig, own: Thresholds) -> None:
        self._camera = camera
        self._own = OwnThresholds(own.candidate_threshold, own.confirm_threshold)
        self._holding = thresholds(camera.person, own)
        floor = FLOOR_FRAC * self._holding[0]
        self._watch = NearMissWatch(camera.person, floor=floor, thresholds=self._holding)
        self._schedules = [parse_schedules(zone.schedule) for zone in camera.zones]

    def _count(self, analysis: Analysis, faint: Faint, weekminute: int) -> None:
        tally, motion = self._tally, analysis.motion
        tally.pictures += 1
        tally.looks += bool(analysis.searched)
        tally.moved += bool(motion.regions)
        tally.told += bool(analysis.hits)
        if motion.lighting is Lighting.STEADY:
            tally.changed_frac = max(tally.changed_frac, motion.changed_frac)
        else:
            tally.unsteady += 1
        for each in faint.detections:
            tally.best_score = max(tally.best_score, each.score)
        if self._schedules and not any(each.active(weekminute) for each in self._schedules):
            tally.unwatched += 1

    def _keep(self, miss: NearMiss) -> None:
        begin_s, end_s = miss.first_s - BEFORE_S, miss.last_s + AFTER_S
        near = [moment for moment in self._moments if begin_s <= moment[0] <= end_s]
        if len(near) > _MOST_KEPT:
            best_s = miss.best.at_s
            begin = sum(at_s < best_s for at_s, _ in near) - _MOST_KEPT // 2
            begin = min(max(0, begin), len(near) - _MOST_KEPT)
            near = near[begin : begin + _MOST_KEPT]
        seen = miss.sightings
        if near:
            seen = tuple(each for each in seen if near[0][0] <= each.at_s <= near[-1][0]) or seen
        self._misses.append(
            KeptMiss(
                miss.first_s,
                miss.last_s,
                miss.best.score,
                packed_sightings(seen[-_MOST_KEPT:]),
                b"".join(data for _, data in near),
                self._camera,
                self._own,
            )
        )
