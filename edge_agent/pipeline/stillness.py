"""Who was not looked at because nothing moved there, as far as the settings say.

What moves is not kept, so the pictures around them are seen once more, by motion detectors with
other settings. The least change that shows them moving, and has them told of the recorded looks,
is proposed. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from edge_agent.config import CameraConfig
from edge_agent.config.profiles import in_profile
from edge_agent.domain import U8, Motion, Region
from edge_agent.geometry import BBox, Polygon
from edge_agent.motion import MotionDetector
from edge_agent.pipeline.change import Change, applied
from edge_agent.pipeline.rehearsal import AFTER_S, Moment, Rehearsal
from edge_agent.pipeline.stages import Thresholds
from edge_agent.pipeline.why import Why

#: The background is known after that.
_WARM_UP_S = 30.0
#: From the least change to the most: (factor of min_area_frac, factor of sensitivity).
_FACTORS = ((0.5, 1.0), (1.0, 1.5), (0.25, 1.0), (1.0, 2.0), (0.1, 1.0), (1.0, 3.0), (0.25, 2.0))
_MOST_SENSITIVE = 10.0
#: As the detector's crops (detect/regions.py).
_CONTEXT, _LEAST = 1.5, 0.25
_IGNORE = "ignore_zones["


@dataclass(slots=True)
class _Trial:
    changes: tuple[Change, ...]
    camera: CameraConfig
    detector: MotionDetector
    seen: dict[float, Motion] = field(default_factory=dict)


class StillnessTrials:
    """Of one recording; `see` is given its pictures once more, in order."""

    def __init__(
        self, whys: Sequence[Why], moments: Sequence[Moment], camera: CameraConfig, own: Thresholds
    ) -> None:
        self._whys = [why for why in whys if _is_unlooked(why)]
        self._moments, self._own = moments, own
        self._spans = [
            (why.miss.first_s - _WARM_UP_S, why.miss.last_s + AFTER_S) for why in self._whys
        ]
        self._trials = {
            profile: list(_trials(whys, in_profile(camera, profile)))
            for profile, whys in _by_profile(self._whys).items()
        }

    def __bool__(self) -> bool:
        """Whether there is anything to see."""
        return any(self._trials.values())

    def see(self, luma: U8, at_s: float) -> None:
        """One picture; uint8 (height, width)."""
        if any(begin_s <= at_s <= end_s for begin_s, end_s in self._spans):
            for trial in chain.from_iterable(self._trials.values()):
                trial.seen[at_s] = trial.detector.update(luma, at_s)

    def answered(self, whys: Sequence[Why]) -> tuple[Why, ...]:
        """The same answers, with the changes that were found."""
        return tuple(self._answer(why) if why in self._whys else why for why in whys)

    def _answer(self, why: Why) -> Why:
        for trial in self._trials[why.profile]:
            moments = [
                replace(moment, motion=_with_context(trial.seen[moment.at_s]))
                for moment in self._moments
                if moment.at_s in trial.seen
            ]
            if Rehearsal(moments, why.miss, self._own).tells(trial.camera):
                keys = tuple(change.key for change in trial.changes)
                return replace(why, held_back_by=keys, changes=trial.changes)
        return why


def _with_context(motion: Motion) -> Motion:
    """A detector sees a moving part with its surroundings, and so the person whom it is of."""
    boxes = [region.bbox.scaled(_CONTEXT) for region in motion.regions]
    wide = [box.union(_around(box.center)).clipped() for box in boxes]
    return replace(motion, regions=tuple(Region(box) for box in wide))


def _around(center: tuple[float, float]) -> BBox:
    return BBox(center[0] - _LEAST / 2, center[1] - _LEAST / 2, _LEAST, _LEAST)


def _is_unlooked(why: Why) -> bool:
    looked = any(sighting.looked for sighting in why.miss.sightings)
    return not looked and not why.changes and not why.without_change


def _by_profile(whys: Sequence[Why]) -> dict[str, list[Why]]:
    found: dict[str, list[Why]] = {}
    for why in whys:
        found.setdefault(why.profile, []).append(why)
    return found


def _trials(whys: Sequence[Why], camera: CameraConfig) -> Iterator[_Trial]:
    keys = dict.fromkeys(key for why in whys for key in why.held_back_by)
    for key in keys:
        if key.startswith(_IGNORE):
            index = int(key[len(_IGNORE) : -1])
            yield _trial(camera, (Change(key, camera.ignore_zones[index].polygon, None),))
    motion = camera.motion
    for area, sensitivity in _FACTORS:
        changes = []
        if area != 1.0 and motion.min_area_frac > 0:
            value = float(f"{motion.min_area_frac * area:.2g}")
            changes.append(Change("motion.min_area_frac", motion.min_area_frac, value))
        if sensitivity != 1.0 and motion.sensitivity < _MOST_SENSITIVE:
            value = min(round(motion.sensitivity * sensitivity, 2), _MOST_SENSITIVE)
            changes.append(Change("motion.sensitivity", motion.sensitivity, value))
        if changes:
            yield _trial(camera, tuple(changes))


def _trial(camera: CameraConfig, changes: tuple[Change, ...]) -> _Trial:
    changed = applied(camera, changes)
    ignored = [Polygon.of(zone.polygon) for zone in changed.ignore_zones]
    return _Trial(changes, changed, MotionDetector(changed.motion, ignored))
