"""Keeps what is needed to say who was not told, while a pipeline runs, and says it at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_agent.config import CameraConfig
from edge_agent.config.profiles import OWN, in_profile
from edge_agent.geometry import FULL_FRAME
from edge_agent.pipeline.analysis import Analysis
from edge_agent.pipeline.minutes import MinuteWatch, UnlookedMinute
from edge_agent.pipeline.near_miss import FLOOR_FRAC, Faint, NearMiss, NearMissWatch
from edge_agent.pipeline.rehearsal import Moment, Rehearsal
from edge_agent.pipeline.stages import Thresholds, thresholds
from edge_agent.pipeline.together import Case, SharedChange, together
from edge_agent.pipeline.why import Why, why_untold


@dataclass(frozen=True, slots=True)
class Untold:
    """Of one recording, in order of time."""

    whys: tuple[Why, ...]
    minutes: tuple[UnlookedMinute, ...]
    together: tuple[SharedChange, ...] = ()


class UntoldBook:
    """One recording's. `watch` belongs into the pipeline whose analyses are added.

    Keeps some 300 bytes of each picture in which something moved.
    """

    def __init__(self, camera: CameraConfig, own: Thresholds) -> None:
        """`own`: the detector's own thresholds."""
        holding = thresholds(camera.person, own)
        self._profiles: list[tuple[float, str]] = []  # since when each was in force
        self.watch = NearMissWatch(camera.person, floor=FLOOR_FRAC * holding[0], thresholds=holding)
        self._camera, self._own = camera, own
        self._minutes = MinuteWatch(camera.motion.min_area_frac)
        self._moments: list[Moment] = []
        self._misses: list[NearMiss] = []
        self._unlooked: list[UnlookedMinute] = []

    def add(self, at_s: float, weekminute: int, analysis: Analysis) -> None:
        """One picture that was analysed; none that was recalled."""
        if not self._profiles or analysis.profile != self._profiles[-1][1]:
            self._profiles.append((at_s, analysis.profile))
            self._minutes.min_area_frac = in_profile(
                self._camera, analysis.profile
            ).motion.min_area_frac
        motion, faint = analysis.motion, analysis.faint or Faint((), ())
        if motion.regions or faint.searched:
            blind = any(region.bbox == FULL_FRAME for region in analysis.searched)
            self._moments.append(Moment(at_s, weekminute, motion, faint, blind))
        self._misses += analysis.near_misses
        self._unlooked += self._minutes.update(motion, bool(analysis.searched), at_s)

    @property
    def moments(self) -> Sequence[Moment]:
        """Of all pictures in which something moved or was looked at."""
        return self._moments

    def close(self) -> Untold:
        """No more pictures."""
        misses = [*self._misses, *self.watch.close()]
        misses.sort(key=lambda miss: miss.first_s)
        whys = tuple(filter(is_worth_telling, map(self._why, misses)))
        cases = [
            Case(why, self._camera, Rehearsal(self._moments, why.miss, self._own))
            for why in whys
            if why.changes
        ]
        return Untold(whys, (*self._unlooked, *self._minutes.close()), tuple(together(cases)))

    def _why(self, miss: NearMiss) -> Why:
        """With the profile that was in force when they were seen best."""
        at_s = miss.best.at_s
        profile = next((name for since_s, name in self._profiles[::-1] if since_s <= at_s), OWN)
        camera = in_profile(self._camera, profile)
        floor = FLOOR_FRAC * thresholds(camera.person, self._own)[0]
        why = why_untold(miss, self._moments, camera, self._own, floor)
        return replace(why, profile=profile)


def is_worth_telling(why: Why) -> bool:
    """What was never a candidate, and can be made none, is noise, or a part of somebody."""
    measured = why.measured
    explained = why.held_back_by or why.without_change
    return bool(explained) or measured.best_score >= measured.candidate_threshold
