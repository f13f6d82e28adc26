"""The gate's vocabulary: what it is told, what it answers, what it tells of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.domain import Lighting, Motion, Track
from edge_agent.geometry import BBox


class GateState(StrEnum):
    IDLE = "idle"  # keyframes only
    ACTIVE = "active"  # everything is decoded: something happens, or the stream is measured
    ALWAYS = "always"  # everything is decoded: this stream cannot be gated


class GateStep(StrEnum):
    """What the decoder control does next."""

    SKIP = "skip"  # kept in the ring, not decoded
    LOOK = "look"  # a keyframe alone: decode it and tell `looked`
    DECODE = "decode"  # decode and hand on
    WAKE = "wake"  # decode anew from `rewind_to_s` to the newest packet, and hand it on


@dataclass(frozen=True, slots=True)
class PacketFact:
    """What a packet's outside says."""

    is_key: bool
    pts_s: float  # stream time
    at_s: float  # the same moment on the timeline of frames and findings


@dataclass(frozen=True, slots=True)
class Sight:
    """One picture compared with the background of keyframes."""

    at_s: float
    moving: tuple[BBox, ...]
    lighting: Lighting

    @classmethod
    def of(cls, motion: Motion, at_s: float) -> Sight:
        return cls(at_s, tuple(region.bbox for region in motion.regions), motion.lighting)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the analysis made of one frame that it was handed."""

    at_s: float
    moving: tuple[BBox, ...]
    tracks: tuple[Track, ...]
    candidates: tuple[BBox, ...] = ()  # detections, also weak ones
    overlays: tuple[BBox, ...] = ()  # burnt-in clocks
    suspects: bool = False  # one may be found in the next pictures

    @classmethod
    def of(
        cls, at_s: float, motion: Motion, tracks: Sequence[Track], candidates: Sequence[BBox]
    ) -> Finding:
        steady = motion.lighting is Lighting.STEADY
        moving = tuple(region.bbox for region in motion.regions) if steady else ()
        weak, lines = tuple(candidates), motion.overlays
        return cls(at_s, moving, tuple(tracks), weak, lines, motion.suspects)


@dataclass(frozen=True, slots=True)
class DecodeMode:
    """How a camera is decoded at the moment and why, in words for a technician."""

    name: str
    reason: str


@dataclass(slots=True)
class GateCounters:
    """Since the feed was made; written by the source thread, read by others."""

    packets: int = 0
    decoded_packets: int = 0
    looks: int = 0  # keyframes compared with the background
    wakes: int = 0
    false_wakes: int = 0  # wakes after which the analysis saw nothing move
    idle_s: float = 0.0

    @property
    def decoded_frac(self) -> float:
        return self.decoded_packets / self.packets if self.packets else 0.0
