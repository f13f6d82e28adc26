"""Places that the detector takes for a person again and again, and where nothing ever moves.

A statue in the evening light is "a person" for some minutes every day. Where that happens often
enough over hours, and nothing at that place ever moved by itself, the place is learned: what
begins there and keeps still is not told any more. Bounds keep a camera from going blind:

- who moves is told, wherever that is; who began at such a place and moves is alive, and the place
  is forgotten
- a place is learned from LEARN_TIMES sightings over at least LEARN_OVER_S, never sooner
- at most MOST_SPOTS places, none larger than LARGEST_FRAC of the picture, LARGEST_SUM_FRAC in all
- a place is forgotten FORGET_UNSEEN_S after it was last taken for a person, and FORGET_AFTER_S
  after it was learned in any case: then it is told again, once or more, and learned anew
- a technician sees them in the camera's status and can have them forgotten

Pure: tracks and moments in. Moments are on the timeline of the source.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.domain import NuisanceSpot, Track
from edge_agent.geometry import BBox
from edge_agent.rules.state import NuisanceState, SpotState

LEARN_TIMES = 6
LEARN_OVER_S = 2 * 3600.0
#: Who lasts counts once in so long: somebody asleep turns over more often in two hours.
COUNTED_EVERY_S = 20 * 60.0
MOST_SPOTS = 8
LARGEST_FRAC = 0.1
LARGEST_SUM_FRAC = 0.2
FORGET_UNSEEN_S = 24 * 3600.0
FORGET_AFTER_S = 7 * 24 * 3600.0

#: Candidates, learned or not; the one unseen for longest makes room.
_MOST_CANDIDATES = 32
#: Boxes of one still thing overlap at least this much.
_SAME_PLACE_IOU = 0.5


class _Spot:
    """One place: how often it was taken for a person, and since when it is known for that."""

    def __init__(self, bbox: BBox, at_s: float) -> None:
        self.bbox = bbox
        self.times = 0
        self.first_s = self.seen_s = at_s
        self.learned_s: float | None = None

    def state(self) -> SpotState:
        return SpotState(self.bbox, self.times, self.first_s, self.seen_s, self.learned_s)

    @classmethod
    def restored(cls, state: SpotState, offset_s: float) -> _Spot:
        """On a timeline that begins `offset_s` later."""
        spot = cls(state.bbox, state.first_s - offset_s)
        spot.times, spot.seen_s = state.times, state.seen_s - offset_s
        spot.learned_s = None if state.learned_s is None else state.learned_s - offset_s
        return spot

    def is_over(self, at_s: float) -> bool:
        old = self.learned_s is not None and at_s - self.learned_s > FORGET_AFTER_S
        return old or at_s - self.seen_s > FORGET_UNSEEN_S

    def is_ripe(self) -> bool:
        often = self.times >= LEARN_TIMES and self.seen_s - self.first_s >= LEARN_OVER_S
        return often and self.bbox.area_frac <= LARGEST_FRAC


class NuisanceMap:
    """One camera's. Not thread-safe; deterministic."""

    def __init__(self) -> None:
        self._spots: list[_Spot] = []
        self._counted_s: dict[int, float] = {}  # when a track that is here was counted last

    @property
    def learned(self) -> tuple[NuisanceSpot, ...]:
        return tuple(
            NuisanceSpot(spot.bbox, spot.times, spot.learned_s, spot.seen_s)
            for spot in self._spots
            if spot.learned_s is not None
        )

    def expire(self, at_s: float) -> None:
        """Forget what has had its time."""
        self._spots = [spot for spot in self._spots if not spot.is_over(at_s)]

    def learn(self, confirmed: Sequence[Track], at_s: float) -> None:
        """From the people of this moment: those who are sure enough to be told."""
        here = {track.track_id for track in confirmed}
        self._counted_s = {i: s for i, s in self._counted_s.items() if i in here}
        for track in confirmed:
            if not keeps_still(track):
                self._alive(track)
            elif self._counts(track, at_s):
                self._count(track, at_s)

    def is_nuisance(self, track: Track) -> bool:
        """Whether this is only what always is there."""
        return any(
            spot.learned_s is not None and spot.bbox.iou(track.bbox) >= _SAME_PLACE_IOU
            for spot in self._spots
        ) and keeps_still(track)

    def forget(self) -> int:
        """Everything, candidates too; returns how many places were learned."""
        learned = len(self.learned)
        self._spots, self._counted_s = [], {}
        return learned

    def state(self) -> NuisanceState:
        return NuisanceState(tuple(spot.state() for spot in self._spots), self._counted_s)

    def restore(self, state: NuisanceState, offset_s: float) -> None:
        self._spots = [_Spot.restored(spot, offset_s) for spot in state.spots]
        self._counted_s = {i: at_s - offset_s for i, at_s in state.counted_s.items()}

    def _counts(self, track: Track, at_s: float) -> bool:
        return at_s - self._counted_s.get(track.track_id, float("-inf")) >= COUNTED_EVERY_S

    def _count(self, track: Track, at_s: float) -> None:
        self._counted_s[track.track_id] = at_s
        spot = self._find(track.bbox)
        if spot is None:
            spot = _Spot(track.bbox, at_s)
            self._spots = [*self._spots, spot]
        spot.times += 1
        spot.seen_s = at_s
        if spot.learned_s is None and spot.is_ripe() and self._has_room(spot):
            spot.learned_s = at_s
        if len(self._spots) > _MOST_CANDIDATES:
            unlearned = [each for each in self._spots if each.learned_s is None]
            self._spots.remove(min(unlearned, key=lambda each: each.seen_s))

    def _alive(self, track: Track) -> None:
        """It stood there like the others, and now it moves: so may they have been people."""
        if track.track_id in self._counted_s and track.first_bbox is not None:
            spot = self._find(track.first_bbox)
            if spot is not None:
                self._spots.remove(spot)
            del self._counted_s[track.track_id]

    def _has_room(self, spot: _Spot) -> bool:
        learned = [each.bbox.area_frac for each in self._spots if each.learned_s is not None]
        fits = sum(learned) + spot.bbox.area_frac <= LARGEST_SUM_FRAC
        return fits and len(learned) < MOST_SPOTS

    def _find(self, bbox: BBox) -> _Spot | None:
        near = [spot for spot in self._spots if spot.bbox.iou(bbox) >= _SAME_PLACE_IOU]
        return max(near, key=lambda spot: spot.bbox.iou(bbox), default=None)


def keeps_still(track: Track) -> bool:
    """Nothing ever moved there by itself, and it is where it was found first."""
    begun = track.first_bbox if track.first_bbox is not None else track.bbox
    return track.moved_s == float("-inf") and begun.iou(track.bbox) >= _SAME_PLACE_IOU
