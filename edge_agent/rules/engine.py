"""Which tracked people matter. Pure: tracks and the time in, rule hits out.

The confirm rule in one sentence: a person is reported once `confirm_looks` detections of
them within `confirm_window_s` scored at least `confirm_threshold`, and stays confirmed
until they are gone. The tracker measures that as `Track.confidence`; a zone may ask for
another threshold, then its own holds inside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from edge_agent.config.schema import IgnoreZoneConfig, PersonConfig, ZoneConfig
from edge_agent.domain import NuisanceSpot, RuleHit, Track
from edge_agent.geometry import Polygon
from edge_agent.rules.nuisance import NuisanceMap
from edge_agent.rules.state import RulesPerson, RulesState
from edge_agent.rules.zones import Zone, ZoneVisit

#: Whoever was reported stays reported until they failed the rules for this long: out of
#: all zones, in an ignore zone, too small. Shorter would cut one visit into several.
LEAVE_S = 3.0

#: min_height_frac and the like are typed with few digits.
_SIZE_SLACK = 1e-9


class _Person:
    """What the rules remember of one track."""

    def __init__(self, since_s: float, zones: Sequence[Zone]) -> None:
        self.visits = [ZoneVisit(zone) for zone in zones]
        self.looked_s = float("-inf")
        self.sure = False  # for the threshold of some zone at least
        self.confirmed = False
        self.counting = False  # at the newest look
        self.entered: list[str] = []
        self.current: tuple[str, ...] = ()
        self.since_s = since_s
        self.reported = self.reported_before = False
        self.fulfilled_s = float("-inf")

    def state(self, track_id: int) -> RulesPerson:
        return RulesPerson(
            track_id=track_id,
            stays={visit.zone.name: visit.state() for visit in self.visits},
            looked_s=self.looked_s,
            sure=self.sure,
            confirmed=self.confirmed,
            counting=self.counting,
            entered=tuple(self.entered),
            since_s=self.since_s,
            reported=self.reported,
            reported_before=self.reported_before,
            fulfilled_s=self.fulfilled_s,
        )

    @classmethod
    def restored(cls, state: RulesPerson, zones: Sequence[Zone], offset_s: float) -> _Person:
        """On a timeline that begins `offset_s` later, with the zones of today."""
        person = cls(state.since_s - offset_s, ())
        person.visits = [
            ZoneVisit.restored(zone, state.stays.get(zone.name), offset_s) for zone in zones
        ]
        person.looked_s, person.fulfilled_s = (
            state.looked_s - offset_s,
            state.fulfilled_s - offset_s,
        )
        person.sure = state.sure
        person.confirmed, person.counting = state.confirmed, state.counting
        names = {zone.name for zone in zones}
        person.entered = [name for name in state.entered if name in names]
        person.reported, person.reported_before = state.reported, state.reported_before
        return person


class RuleEngine:
    """Implements `pipeline.RuleStage` for one camera. Not thread-safe.

    Without zones every confirmed person counts. With zones a person counts while their feet
    are in a watched zone whose dwell time and threshold they fulfil. Once reported they stay
    reported, in whatever part of the picture, until they failed for LEAVE_S. Positions are
    judged only at real looks, so that a predicted bbox never enters a zone. What always stands
    at a place that was learned as a nuisance does not count (`NuisanceMap`).
    """

    def __init__(
        self,
        person: PersonConfig,
        zones: Sequence[ZoneConfig] = (),
        ignore_zones: Sequence[IgnoreZoneConfig] = (),
        *,
        confirm_threshold: float,
    ) -> None:
        self._min_height, self._max_height = person.min_height_frac, person.max_height_frac
        self._confirm_threshold = confirm_threshold
        self._zones = [Zone.of(zone, confirm_threshold=confirm_threshold) for zone in zones]
        self._ignored = [Polygon.of(zone.polygon) for zone in ignore_zones]
        self._people: dict[int, _Person] = {}
        self._nuisance = NuisanceMap()

    @property
    def nuisances(self) -> tuple[NuisanceSpot, ...]:
        """Places where whatever keeps still is not told any more."""
        return self._nuisance.learned

    def forget_nuisances(self) -> int:
        """Tell of all places again; returns how many were learned."""
        return self._nuisance.forget()

    @property
    def lowest_threshold(self) -> float:
        """From which score on a detection may help to confirm: the tracker's `high_score`."""
        zones = (zone.confirm_threshold for zone in self._zones)
        return min(zones, default=self._confirm_threshold)

    def update(self, tracks: Sequence[Track], at_s: float, weekminute: int) -> Sequence[RuleHit]:
        """`weekminute`: minutes since Monday 00:00 in the box's time zone."""
        self._nuisance.expire(at_s)
        known, self._people = self._people, {}
        hits = []
        for track in tracks:
            person = known.get(track.track_id) or _Person(track.first_s, self._zones)
            self._people[track.track_id] = person
            if not person.reported_before:
                person.since_s = track.first_s  # the tracker may have looked back
            if track.seen_s > person.looked_s:
                self._look(person, track)
            if self._reports(person, at_s, weekminute):
                entered = tuple(person.entered)
                hits.append(RuleHit(track, person.since_s, person.current, entered))
        sure = [track for track in tracks if self._people[track.track_id].sure]
        self._nuisance.learn(sure, at_s)
        return hits

    def reset(self) -> None:
        """Forget everybody; what was learned of places stays."""
        self._people = {}

    def state(self) -> bytes:
        """What the next recording of this camera needs."""
        people = [person.state(track_id) for track_id, person in self._people.items()]
        return msgspec.msgpack.encode(RulesState(tuple(people), self._nuisance.state()))

    def restore(self, data: bytes, offset_s: float) -> None:
        """Go on from `state` of a recording that began `offset_s` before this one.

        Zones are recognised by their names; of one that is new nothing is remembered. Raises
        ValueError or msgspec.MsgspecError for what is no such state.
        """
        state = msgspec.msgpack.decode(data, type=RulesState)
        self._people = {
            person.track_id: _Person.restored(person, self._zones, offset_s)
            for person in state.people
        }
        self._nuisance.restore(state.nuisance, offset_s)

    def _look(self, person: _Person, track: Track) -> None:
        person.looked_s = track.seen_s
        person.sure |= track.confidence >= self.lowest_threshold
        person.counting = self._is_countable(track)
        person.confirmed |= person.counting and track.confidence >= self._confirm_threshold
        foot = track.bbox.foot if person.counting else None
        for visit in person.visits:
            visit.look(foot, track.confidence, track.seen_s)

    def _is_countable(self, track: Track) -> bool:
        height = track.bbox.h
        tall_enough = height >= self._min_height - _SIZE_SLACK
        small_enough = height <= self._max_height + _SIZE_SLACK
        ignored = any(polygon.contains(track.bbox.foot) for polygon in self._ignored)
        return (
            tall_enough and small_enough and not ignored and not self._nuisance.is_nuisance(track)
        )

    def _reports(self, person: _Person, at_s: float, weekminute: int) -> bool:
        """Bring `person` up to date and say whether they are reported now."""
        visits = [visit for visit in person.visits if visit.counts(weekminute)]
        person.current = tuple(visit.zone.name for visit in visits)
        fulfilled = bool(visits) if self._zones else person.confirmed and person.counting
        if fulfilled:
            person.fulfilled_s = at_s
            if not person.reported:
                _begin(person, visits)
        elif person.reported and at_s - person.fulfilled_s > LEAVE_S:
            person.reported = False
        visits.sort(key=lambda visit: visit.inside_since_s)
        person.entered += [
            visit.zone.name for visit in visits if visit.zone.name not in person.entered
        ]
        return person.reported


def _begin(person: _Person, visits: Sequence[ZoneVisit]) -> None:
    """The person becomes reported: for the first time, or back after a while elsewhere."""
    person.reported = True
    person.entered.clear()
    if person.reported_before:
        person.since_s = min((visit.inside_since_s for visit in visits), default=person.looked_s)
    person.reported_before = True
