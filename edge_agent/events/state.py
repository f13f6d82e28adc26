"""What open events carry over from one recording to the next.

Moments are on the timeline of the recording that just ended; what restores them moves them
onto that of the next one, which begins `offset_s` later.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from edge_agent.domain import RuleHit, SnapshotRef
from edge_agent.events.lifecycle import OpenState
from edge_agent.geometry import BBox


class BestState(msgspec.Struct, frozen=True, array_like=True):
    """A `BestPicture`."""

    bbox: BBox
    score: float
    quality: float
    at_s: float


class VisitState(msgspec.Struct, frozen=True, array_like=True):
    """A `Visit`."""

    open: OpenState
    snapshot: SnapshotRef | None
    hits: tuple[RuleHit, ...]
    tracks: tuple[int, ...]
    apart_since_s: dict[int, float]
    main: RuleHit
    top_score: float
    entered: tuple[str, ...]
    best: BestState


class BurstState(msgspec.Struct, frozen=True, array_like=True):
    """A burst of motion."""

    first_s: float
    last_s: float
    changed_frac: float
    top_frac: float
    bbox: BBox | None


class BookState(msgspec.Struct, frozen=True, array_like=True):
    """An `EventBook`."""

    visits: tuple[VisitState, ...]
    not_before_s: float
    burst: BurstState | None
    motion: OpenState | None


def moved_hit(hit: RuleHit, offset_s: float) -> RuleHit:
    track = replace(
        hit.track, first_s=hit.track.first_s - offset_s, seen_s=hit.track.seen_s - offset_s
    )
    return replace(hit, track=track, since_s=hit.since_s - offset_s)
