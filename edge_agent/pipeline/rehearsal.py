"""What the pipeline would have told of recorded looks, had the settings been others.

Decodes and infers nothing: the numbers of each frame are kept once and decided upon many times.
A rehearsal knows only what was looked at. Where other settings would look, it sees nobody, so it
rather says "not told" than promise too much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.config import CameraConfig
from edge_agent.domain import Detection, Motion, Region, RuleHit
from edge_agent.geometry import FULL_FRAME, BBox, shows_same_person
from edge_agent.pipeline.near_miss import Faint, NearMiss
from edge_agent.pipeline.stages import Thresholds, thresholds
from edge_agent.rules import RuleEngine
from edge_agent.track import Tracker
from edge_agent.track.looks import LOOK_AGAIN_S

#: Who was there just before leaves tracks that others are not mistaken for.
BEFORE_S, AFTER_S = 5.0, 2.0
#: A detector that looks at a region finds who lies in it with this share of their box.
_SHOWN = 0.6


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame as numbers. `blind`: the pipeline looked everywhere, as the light changed."""

    at_s: float
    weekminute: int
    motion: Motion
    faint: Faint
    blind: bool


class Rehearsal:
    """The moments around one near miss, to be decided upon again and again."""

    def __init__(self, moments: Sequence[Moment], miss: NearMiss, own: Thresholds) -> None:
        begin_s, end_s = miss.first_s - BEFORE_S, miss.last_s + AFTER_S
        self._moments = [each for each in moments if begin_s <= each.at_s <= end_s]
        self._places = {sighting.at_s: sighting.bbox for sighting in miss.sightings}
        self._own = own
        self._last_s = miss.last_s
        self.runs = 0

    def tells(self, camera: CameraConfig) -> bool:
        """Whether somebody at the places of the near miss would have been reported."""
        self.runs += 1
        candidate, confirm = thresholds(camera.person, self._own)
        rules = RuleEngine(
            camera.person, camera.zones, camera.ignore_zones, confirm_threshold=confirm
        )
        tracker = Tracker(camera.person, high_score=rules.lowest_threshold)
        for moment in self._moments:
            wanted = tracker.look_at(moment.motion.regions, moment.at_s)
            searched, found = _looked(moment, wanted, candidate)
            tracks = tracker.update(found, searched, moment.at_s)
            hits = rules.update(tracks, moment.at_s, moment.weekminute)
            if self._are_them(hits, moment.at_s) and not self._is_late(camera, moment.at_s):
                return True
        return False

    def _is_late(self, camera: CameraConfig, at_s: float) -> bool:
        """Whether a stay counts only by the last look, which may as well come a little sooner."""
        waits = any(zone.dwell_s > 0 for zone in camera.zones)
        return waits and at_s > self._last_s - LOOK_AGAIN_S

    def _are_them(self, hits: Sequence[RuleHit], at_s: float) -> bool:
        place = self._places.get(at_s)
        return place is not None and any(shows_same_person(hit.track.bbox, place) for hit in hits)


def _looked(
    moment: Moment, wanted: Sequence[Region], candidate: float
) -> tuple[list[BBox], list[Detection]]:
    """What is looked at, and who was found there: all that moved was, while somebody was seen."""
    if not moment.faint.searched:
        return [], []
    searched = [FULL_FRAME] if moment.blind else [region.bbox for region in wanted]
    found = [
        detection
        for detection in moment.faint.detections
        if detection.score >= candidate and _is_shown(detection.bbox, searched)
    ]
    return searched, found


def _is_shown(bbox: BBox, regions: Sequence[BBox]) -> bool:
    seen = bbox.clipped()
    return any(seen.intersection_frac(region) >= _SHOWN * seen.area_frac for region in regions)
