"""What the tracker carries over from one recording to the next."""

from __future__ import annotations

import msgspec

from edge_agent.geometry import BBox

Four = tuple[float, float, float, float]  # centre x, centre y, width, height


class FilterState(msgspec.Struct, frozen=True, array_like=True):
    """A `BoxFilter`."""

    at_s: float
    position: Four
    velocity: Four
    pp: Four
    pv: Four
    vv: Four


class TrackState(msgspec.Struct, frozen=True, array_like=True):
    """One track. Moments are on the timeline of the recording that just ended."""

    track_id: int
    filter: FilterState
    first_bbox: BBox
    last_bbox: BBox
    first_s: float
    seen_s: float
    looked_s: float
    supported_s: float
    doubt_s: float
    moved_s: float
    missing_since_s: float | None
    score: float
    top_score: float
    recent: tuple[tuple[float, float], ...]  # (moment, score), oldest first
    sure_height: float
    looks: int
    confirmed: bool


class TrackerState(msgspec.Struct, frozen=True, array_like=True):
    next_id: int
    updated_s: float
    people: tuple[TrackState, ...]
