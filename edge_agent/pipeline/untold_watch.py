"""Keeps, while a camera is watched, what shows who was not told: `edge-agent why` asks tomorrow.

Nothing more is decoded or inferred for it, and nobody is followed: a detection that is none of
those who are told opens a window, and the numbers of its frames are kept. Who was seen in it, and
what would have told them, is found when somebody asks (`cases_of`), not in the running agent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from edge_agent.config import CameraConfig
from edge_agent.config.profiles import OWN, in_profile
from edge_agent.domain import Detection, Lighting, RuleHit
from edge_agent.geometry import FULL_FRAME, BBox, shows_same_person
from edge_agent.pipeline.analysis import Analysis
from edge_agent.pipeline.moment_bytes import KeptMoment, packed_moment, unpacked_moments
from edge_agent.pipeline.near_miss import (
    FLOOR_FRAC,
    LATEST_S,
    LEAST_FAINT,
    LEAST_WEAK,
    SAME_FOR_S,
    Faint,
    NearMiss,
    NearMissWatch,
    is_near,
)
from edge_agent.pipeline.rehearsal import AFTER_S, BEFORE_S, Moment, Rehearsal
from edge_agent.pipeline.stages import Thresholds, thresholds
from edge_agent.pipeline.together import Case
from edge_agent.pipeline.untold import is_worth_telling
from edge_agent.pipeline.why import Why, why_untold
from edge_agent.rules import parse_schedules

#: A window's frames in which something moved or was looked at, a minute of a busy camera; who
#: stays longer is in the next one, too.
_MOST_KEPT = 300
#: Nobody takes them up: the newest are kept.
_MOST_WAITING = 64


@dataclass(slots=True)
class UntoldTally:
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
class KeptWindow:
    """Frames as bytes (`moment_bytes`) in which somebody may not have been told; what held."""

    first_s: float
    last_s: float
    best_score: float
    moments: bytes = field(repr=False)
    camera: CameraConfig = field(repr=False)
    own: OwnThresholds
    profile: str = OWN  # of `camera`, that was in force


@dataclass(slots=True)
class _Window:
    """That is open: when somebody was seen in it, and how often at least how sure."""

    first_s: float
    last_s: float
    place: BBox
    best_score: float = 0.0
    looks: int = 0
    weak: int = 0
    sure: int = 0

    @property
    def matters(self) -> bool:
        return self.looks >= LEAST_FAINT or self.weak >= LEAST_WEAK or self.sure > 0


class UntoldWatch:
    """One camera's. Owned by the analysis thread, but for `take`; costs next to nothing."""

    def __init__(self, camera: CameraConfig, own: Thresholds) -> None:
        self._tally = UntoldTally()
        self._kept: deque[KeptWindow] = deque(maxlen=_MOST_WAITING)
        self._moments: deque[tuple[float, bytes]] = deque(maxlen=_MOST_KEPT)
        self._window: _Window | None = None
        self._set(camera, own, OWN)

    def apply(self, camera: CameraConfig, own: Thresholds) -> None:
        """Other settings hold from now on."""
        self.close()
        self._set(camera, own, OWN)

    @property
    def camera(self) -> CameraConfig:
        """The settings in force."""
        return self._in_force

    @property
    def profile(self) -> str:
        """The profile in force."""
        return self._profile

    @property
    def holding(self) -> tuple[float, float]:
        """The candidate and the confirm threshold."""
        return self._holding

    def take(self) -> tuple[UntoldTally, list[KeptWindow]]:
        """What came since the last call; by any one thread. Late by one picture at worst."""
        tally, self._tally = self._tally, UntoldTally()
        return tally, [self._kept.popleft() for _ in range(len(self._kept))]

    def add(self, at_s: float, weekminute: int, analysis: Analysis) -> None:
        """One picture that was analysed; none that was recalled."""
        if analysis.profile != self._profile:
            self.close()
            self._set(self._camera, self._own, analysis.profile)
        motion, faint = analysis.motion, analysis.faint
        if faint is None:
            faint = Faint(analysis.searched, analysis.detections)
        self._count(analysis, faint, weekminute)
        if motion.regions or faint.searched:
            blind = any(region.bbox == FULL_FRAME for region in analysis.searched)
            moment = Moment(at_s, weekminute, motion, faint, blind)
            self._moments.append((at_s, packed_moment(moment, analysis.hits)))
        strangers = _strangers(faint.detections, analysis.hits)
        if strangers:
            self._open(strangers, at_s)
        elif self._window is not None:
            self._consider(self._window, analysis.hits, at_s)

    def close(self) -> None:
        """No more pictures for a while: who was seen until now has been seen."""
        self._end()
        self._moments.clear()

    def _set(self, camera: CameraConfig, own: Thresholds, profile: str) -> None:
        self._camera, self._profile = camera, profile
        self._in_force = in_profile(camera, profile)
        self._own = OwnThresholds(own.candidate_threshold, own.confirm_threshold)
        self._holding = thresholds(self._in_force.person, own)
        self._schedules = [parse_schedules(zone.schedule) for zone in self._in_force.zones]

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

    def _open(self, strangers: Sequence[Detection], at_s: float) -> None:
        best = max(strangers, key=lambda each: each.score)
        window = self._window
        if window is not None and at_s - window.first_s > self._span_s():
            self._end()
            window = None
        if window is None:
            window = self._window = _Window(at_s, at_s, best.bbox)
        window.last_s, window.place = at_s, best.bbox
        window.best_score = max(window.best_score, best.score)
        window.looks += 1
        window.weak += best.score >= self._holding[0]
        window.sure += best.score >= self._holding[1]

    def _span_s(self) -> float:
        """Of what is remembered, without what comes before and after somebody."""
        if len(self._moments) < _MOST_KEPT:
            return float("inf")
        return self._moments[-1][0] - self._moments[0][0] - BEFORE_S

    def _consider(self, window: _Window, hits: Sequence[RuleHit], at_s: float) -> None:
        """Whether it is over, or was but somebody who came in and is told now."""
        short = window.last_s - window.first_s <= SAME_FOR_S >= at_s - window.last_s
        if short and any(is_near(window.place, hit.track.bbox) for hit in hits):
            self._window = None
        elif at_s - window.last_s > LATEST_S:
            self._end()

    def _end(self) -> None:
        window, self._window = self._window, None
        if window is None or not window.matters:
            return
        begin_s, end_s = window.first_s - BEFORE_S, window.last_s + max(AFTER_S, SAME_FOR_S)
        near = b"".join(data for at_s, data in self._moments if begin_s <= at_s <= end_s)
        self._kept.append(
            KeptWindow(
                window.first_s,
                window.last_s,
                window.best_score,
                near,
                self._camera,
                self._own,
                self._profile,
            )
        )


def cases_of(
    moments: bytes, camera: CameraConfig, own: Thresholds, profile: str = OWN
) -> list[Case]:
    """Those of a window who were not told, each with what would have told them.

    Raises ValueError or struct.error for bytes that are no window.
    """
    kept = list(unpacked_moments(moments))
    looks, holding = [each.moment for each in kept], in_profile(camera, profile)
    return [
        Case(replace(why, profile=profile), camera, Rehearsal(looks, why.miss, own))
        for why in whys_in(kept, holding, own)
    ]


def whys_in(
    kept: Sequence[KeptMoment],
    camera: CameraConfig,
    own: Thresholds,
    matters: Callable[[NearMiss], bool] = lambda miss: True,
) -> list[Why]:
    """The same, of moments in order of time; `matters`: whose answer is wanted."""
    holding = thresholds(camera.person, own)
    watch = NearMissWatch(camera.person, floor=FLOOR_FRAC * holding[0], thresholds=holding)
    misses: list[NearMiss] = []
    for each in kept:
        moment, looked = each.moment, each.moment.faint.searched
        at = moment.at_s, moment.weekminute
        misses += watch.update(moment.faint, looked, moment.motion.regions, each.hits, at)
    misses += watch.close()
    moments = [each.moment for each in kept]
    whys = [
        why_untold(miss, moments, camera, own, watch.floor)
        for miss in sorted(filter(matters, misses), key=lambda miss: miss.first_s)
    ]
    return [why for why in whys if is_worth_telling(why)]


def _strangers(detections: Sequence[Detection], hits: Sequence[RuleHit]) -> Sequence[Detection]:
    """Those that are nobody who is told."""
    if not hits:
        return detections
    told = [(bbox, bbox.x, bbox.x2, bbox.y, bbox.y2) for bbox in (hit.track.bbox for hit in hits)]

    def is_told(one: BBox) -> bool:
        left, right, top, bottom = one.x, one.x2, one.y, one.y2
        return any(
            # Most lie apart, and that is seen sooner.
            x < right and left < x2 and y < bottom and top < y2 and shows_same_person(one, bbox)
            for bbox, x, x2, y, y2 in told
        )

    return [each for each in detections if not is_told(each.bbox)]
