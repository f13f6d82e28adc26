"""What the rules carry over from one recording to the next."""

from __future__ import annotations

import msgspec


class StayState(msgspec.Struct, frozen=True, array_like=True):
    """One person and one zone."""

    inside_since_s: float | None
    inside_s: float
    confirmed: bool


class PersonState(msgspec.Struct, frozen=True, array_like=True):
    """One track. Moments are on the timeline of the recording that just ended."""

    track_id: int
    stays: dict[str, StayState]  # by the zone's name
    looked_s: float
    confirmed: bool
    counting: bool
    entered: tuple[str, ...]
    since_s: float
    reported: bool
    reported_before: bool
    fulfilled_s: float
