"""Who was seen and not told: every candidate followed, whatever the thresholds say of them.

A weak detection begins no track, so the tracker's tracks say nothing of a person who always
scored too little. Here a second tracker follows every candidate as if it were sure. Those whom the
rules report are dropped; the others are near misses. Idle pictures cost nothing.

Pure: detections, hits and the time in, near misses out. Why they were not told, and what would
have told them, is found by `edge_agent.pipeline.why`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.config import PersonConfig
from edge_agent.domain import Detection, Region, RuleHit, Track
from edge_agent.geometry import FULL_FRAME, BBox, shows_same_person
from edge_agent.track import Tracker

#: Candidates count from this share of the camera's candidate threshold on.
FLOOR_FRAC = 0.5
#: A near miss has at most so many sightings, two minutes of somebody who moves; the newest count.
MOST_SIGHTINGS = 600
#: What was seen less often is noise: where it was never a candidate, where it never confirmed.
LEAST_FAINT, LEAST_WEAK = 3, 2
#: Who is told is the same person so long before and after, within so many sizes of them: half of
#: them came in first, or their track broke.
SAME_FOR_S = 3.0
_SAME_WITHIN = 2.0
#: Until then whoever comes after them is told, with the usual settings.
LATEST_S = 8.0
#: Where nothing moves the tracker would look at somebody known as often.
CONTROL_EVERY_S = 1.0
_SLACK_S = 0.01
#: The region of a look, in sizes of the person, as the tracker's.
_CONTEXT = 1.8


@dataclass(frozen=True, slots=True)
class Sighting:
    """One look that showed them."""

    at_s: float
    weekminute: int
    bbox: BBox
    score: float
    looked: bool = True  # the pipeline looked, too; not a control look alone


@dataclass(frozen=True, slots=True)
class Faint:
    """What a watch asked for, beside the pipeline's own question: from its floor on."""

    searched: tuple[Region, ...]
    detections: tuple[Detection, ...]


@dataclass(frozen=True, slots=True)
class NearMiss:
    """Somebody who was seen and not told. `sightings`: at least one, in order of time."""

    sightings: tuple[Sighting, ...]

    @property
    def first_s(self) -> float:
        return self.sightings[0].at_s

    @property
    def last_s(self) -> float:
        return self.sightings[-1].at_s

    @property
    def best(self) -> Sighting:
        return max(self.sightings, key=lambda each: each.score)


class NearMissWatch:
    """One camera's. Not thread-safe; deterministic.

    `floor`: candidates that score lower are not followed. `thresholds`: the candidate and the
    confirm threshold of the pipeline; who never reached them and was hardly seen is no near miss.
    `control_every_s`: how long
    nothing is looked at before the whole picture is, for those whom motion does not show.
    """

    def __init__(
        self,
        person: PersonConfig,
        *,
        floor: float,
        thresholds: tuple[float, float],
        control_every_s: float = CONTROL_EVERY_S,
    ) -> None:
        self._set(person, floor, thresholds)
        self._seen: dict[int, list[Sighting]] = {}
        self._places: dict[int, BBox] = {}  # where those are now
        self._told: set[int] = set()
        self._told_lately: list[tuple[BBox, float]] = []
        self._over: list[NearMiss] = []  # and may be of somebody who is told soon
        self._control_every_s = control_every_s
        self._looked_s = float("-inf")

    def apply(self, person: PersonConfig, thresholds: tuple[float, float]) -> None:
        """Other settings hold from now on: who was seen until now has been seen."""
        if (person, thresholds) == (self._person, (self._candidate, self._confirm)):
            return
        self._end(here=set())
        self._told, self._places = set(), {}
        self._set(person, FLOOR_FRAC * thresholds[0], thresholds)

    def _set(self, person: PersonConfig, floor: float, thresholds: tuple[float, float]) -> None:
        self.floor, self._person = floor, person
        self._candidate, self._confirm = thresholds
        self._tracker = Tracker(person, high_score=floor)

    def look_at(
        self, searched: tuple[Region, ...], moving: Sequence[Region], at_s: float
    ) -> tuple[Region, ...]:
        """What to ask the detector for, where the pipeline looks at `searched`.

        While somebody is not told, wherever they may be: other settings would look there.
        """
        if self._seen:
            around = [Region(bbox.scaled(_CONTEXT).clipped()) for bbox in self._places.values()]
            return tuple(dict.fromkeys((*searched, *moving, *around)))
        if not searched and at_s - self._looked_s < self._control_every_s - _SLACK_S:
            return ()
        self._looked_s = at_s
        return searched or (Region(FULL_FRAME),)

    def update(
        self,
        faint: Faint,
        looked: Sequence[Region],
        moving: Sequence[Region],
        hits: Sequence[RuleHit],
        moment: tuple[float, int],
    ) -> tuple[NearMiss, ...]:
        """What one frame showed at `moment` (captured_s, weekminute), and who of it was told.

        `looked`: what the pipeline itself looked at. Returns the near misses that are over.
        """
        at_s, weekminute = moment
        if not (faint.detections or hits or self._seen or self._told or self._over):
            return ()
        self._tracker.look_at(moving, at_s)
        tracks = self._tracker.update(
            faint.detections, [region.bbox for region in faint.searched], at_s
        )
        self._told_lately = [each for each in self._told_lately if at_s - each[1] <= SAME_FOR_S]
        self._told_lately += [(hit.track.bbox, at_s) for hit in hits]
        for track in tracks:
            if track.track_id not in self._told:
                sighting = Sighting(at_s, weekminute, track.bbox, track.score, bool(looked))
                self._follow(track, hits, sighting)
        self._places = {t.track_id: t.bbox for t in tracks if t.track_id in self._seen}
        self._end(here={track.track_id for track in tracks})
        told = [(hit.track.bbox, hit.since_s) for hit in hits]
        self._over = [miss for miss in self._over if not _is_told(miss, told)]
        ripe = [miss for miss in self._over if at_s - miss.last_s > LATEST_S]
        self._over = [miss for miss in self._over if miss not in ripe]
        return tuple(ripe)

    def close(self) -> tuple[NearMiss, ...]:
        """No more pictures: the near misses that are left. Everybody is forgotten."""
        self._end(here=set())
        left, self._over = tuple(self._over), []
        self._tracker.reset()
        self._told_lately = []
        return left

    def _follow(self, track: Track, hits: Sequence[RuleHit], sighting: Sighting) -> None:
        new = track.track_id not in self._seen
        if any(shows_same_person(track.bbox, hit.track.bbox) for hit in hits) or (
            new and self._was_told(track.bbox)
        ):
            self._told.add(track.track_id)
            self._seen.pop(track.track_id, None)
        elif track.seen_s == sighting.at_s:
            sightings = self._seen.setdefault(track.track_id, [])
            sightings.append(sighting)
            del sightings[:-MOST_SIGHTINGS]

    def _was_told(self, bbox: BBox) -> bool:
        return any(is_near(bbox, told) for told, _ in self._told_lately)

    def _end(self, here: set[int]) -> None:
        self._told &= here
        gone = [track_id for track_id in self._seen if track_id not in here]
        over = [NearMiss(tuple(self._seen.pop(track_id))) for track_id in gone]
        self._over += [miss for miss in over if self._matters(miss)]

    def _matters(self, miss: NearMiss) -> bool:
        best, often = miss.best.score, len(miss.sightings)
        if best < self._candidate:
            return often >= LEAST_FAINT
        return best >= self._confirm or often >= LEAST_WEAK


def _is_told(miss: NearMiss, told: Sequence[tuple[BBox, float]]) -> bool:
    """Whether one of those who are told, since a moment, had just come where they were."""
    return any(
        -SAME_FOR_S <= since_s - miss.last_s <= SAME_FOR_S
        and is_near(miss.sightings[-1].bbox, bbox)
        for bbox, since_s in told
    )


def is_near(bbox: BBox, told: BBox) -> bool:
    """Within so many sizes of somebody told that a broken track of theirs may begin there."""
    return told.scaled(_SAME_WITHIN).intersection_frac(bbox) > 0
