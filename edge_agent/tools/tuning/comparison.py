"""Which events other settings gain and lose, and which key made the difference. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from edge_agent.config import CameraConfig
from edge_agent.config.profiles import in_profile
from edge_agent.pipeline.near_miss import NearMiss
from edge_agent.pipeline.stages import Thresholds
from edge_agent.pipeline.untold_watch import whys_in
from edge_agent.pipeline.why import Why
from edge_agent.tools.tuning.decision import Decided, RecordedFrame, ToldEvent, kept_moments

#: Events of one visit begin and end a little apart.
_SLACK_S = 1.0
#: What came just before and after tells whom somebody may be.
_AROUND_S = 10.0


@dataclass(frozen=True, slots=True)
class Difference:
    """An event that one side alone tells; `why`: what kept the other from it, if known.

    `within`: the other side tells of somebody else at that time.
    """

    told: ToldEvent
    why: Why | None
    within: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """From A to B: `lost` are A's alone, `gained` B's alone, each in order of time."""

    same: tuple[tuple[ToldEvent, ToldEvent], ...]
    lost: tuple[Difference, ...]
    gained: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """Settings, the numbers that they were decided on, and what came of it."""

    camera: CameraConfig
    looks: Sequence[RecordedFrame]
    decided: Decided

    def whys(self, events: Sequence[ToldEvent], own: Thresholds | None) -> list[Why]:
        """Who was not told while the other side told these, and why."""
        if own is None or not events:
            return []
        begin_s, end_s = min(e.start_s for e in events), max(e.end_s for e in events)
        kept = [
            each
            for each in kept_moments(self.looks, self.decided)
            if begin_s - _AROUND_S <= each.moment.at_s <= end_s + _AROUND_S
        ]
        moments_s = (look.at_s for look in self.looks)
        in_force = dict(zip(moments_s, self.decided.profiles, strict=True))

        def matters(miss: NearMiss) -> bool:
            return any(_overlap_s(e, miss) >= -_SLACK_S for e in events)

        return [
            replace(why, profile=profile)
            for profile, moments in groupby(kept, lambda each: in_force[each.moment.at_s])
            for why in whys_in(list(moments), in_profile(self.camera, profile), own, matters)
        ]


def compared(a: Side, b: Side, own: Thresholds | None) -> Comparison:
    """`own`: the detector's thresholds, where reasons are wanted; they cost most."""
    pairs = paired(a.decided.told, b.decided.told)
    lost = [each for each in a.decided.told if each not in [one for one, _ in pairs]]
    gained = [each for each in b.decided.told if each not in [other for _, other in pairs]]
    return Comparison(
        tuple(pairs),
        _explained(lost, b.whys(lost, own), b.decided.told),
        _explained(gained, a.whys(gained, own), a.decided.told),
    )


def paired(a: Sequence[ToldEvent], b: Sequence[ToldEvent]) -> list[tuple[ToldEvent, ToldEvent]]:
    """Events of both that are one visit: those that share most time first, each at most once."""
    candidates = [
        (_shared_s(one, other), one, other)
        for one in a
        for other in b
        if _shared_s(one, other) >= 0
    ]
    candidates.sort(key=lambda each: (-each[0], each[1].start_s, each[2].start_s))
    pairs: list[tuple[ToldEvent, ToldEvent]] = []
    for _, one, other in candidates:
        if not any(one is first or other is second for first, second in pairs):
            pairs.append((one, other))
    pairs.sort(key=lambda pair: pair[0].start_s)
    return pairs


def _shared_s(one: ToldEvent, other: ToldEvent) -> float:
    """Below 0: none, by more than the slack."""
    return min(one.end_s, other.end_s) - max(one.start_s, other.start_s) + _SLACK_S


def _explained(
    events: Sequence[ToldEvent], whys: Sequence[Why], others: Sequence[ToldEvent]
) -> tuple[Difference, ...]:
    return tuple(
        Difference(each, _why_of(each, whys), any(_shared_s(each, o) >= 0 for o in others))
        for each in events
    )


def _why_of(told: ToldEvent, whys: Sequence[Why]) -> Why | None:
    """The near miss that shares most of its time."""

    near = [why for why in whys if _overlap_s(told, why.miss) >= -_SLACK_S]
    return max(near, key=lambda why: _overlap_s(told, why.miss)) if near else None


def _overlap_s(told: ToldEvent, miss: NearMiss) -> float:
    return min(told.end_s, miss.last_s) - max(told.start_s, miss.first_s)
