"""What one frame led to, as the stages hand it on. Immutable."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_agent.domain import BestFrame, Detection, Event, Motion, Pixels, Region, RuleHit, Track
from edge_agent.pipeline.near_miss import Faint, NearMiss


@dataclass(frozen=True, slots=True)
class Search:
    """What moved in a frame, and where the detector is to look because of it (or not at all)."""

    motion: Motion
    regions: tuple[Region, ...]
    pixels: Pixels = field(repr=False)  # the frame's, or its main stream's for small people


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that one frame led to: the events, and why (for annotation and tuning)."""

    motion: Motion
    searched: tuple[Region, ...]  # where the detector looked; empty: it was not asked
    detections: tuple[Detection, ...]
    tracks: tuple[Track, ...]
    hits: tuple[RuleHit, ...]
    events: tuple[Event, ...]
    best_frames: tuple[BestFrame, ...]
    #: Where near misses are kept: all that was found, however weak, and who ended untold.
    faint: Faint | None = None
    near_misses: tuple[NearMiss, ...] = ()
    profile: str = ""  # in force for this frame; none: the camera's own settings
