"""What the rules carry over from one recording to the next."""

from __future__ import annotations

import msgspec

from edge_agent.geometry import BBox


class StayState(msgspec.Struct, frozen=True, array_like=True):
    """One person and one zone."""

    inside_since_s: float | None
    inside_s: float
    confirmed: bool


class RulesPerson(msgspec.Struct, frozen=True, array_like=True):
    """One track. Moments are on the timeline of the recording that just ended."""

    track_id: int
    stays: dict[str, StayState]  # by the zone's name
    looked_s: float
    sure: bool
    confirmed: bool
    counting: bool
    entered: tuple[str, ...]
    since_s: float
    reported: bool
    reported_before: bool
    fulfilled_s: float


class SpotState(msgspec.Struct, frozen=True, array_like=True):
    """A place of a `NuisanceMap`."""

    bbox: BBox
    times: int
    first_s: float
    seen_s: float
    learned_s: float | None


class NuisanceState(msgspec.Struct, frozen=True, array_like=True):
    """A `NuisanceMap`."""

    spots: tuple[SpotState, ...]
    counted_s: dict[int, float]  # by track


class RulesState(msgspec.Struct, frozen=True, array_like=True):
    """A `RuleEngine`."""

    people: tuple[RulesPerson, ...]
    nuisance: NuisanceState
