"""What a camera's feed is told and tells: its settings, its state, its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from edge_agent.config.schema import AnalysisConfig, CameraConfig, MotionConfig, SourceConfig
from edge_agent.domain import CameraId
from edge_agent.errors import (
    AgentError,
    CredentialRefused,
    SourceEnded,
    SourceStalled,
    SourceUnreachable,
)
from edge_agent.geometry import BBox, Polygon
from edge_agent.sources.gate import DecodeMode, GateCounters, GatePlan
from edge_agent.sources.meter import StreamFigures
from edge_agent.sources.packets import StreamInfo
from edge_agent.sources.picture_rules import ANY_CAMERA, PictureRules
from edge_agent.sources.ring import REWIND_SPAN_S, SPAN_S


class FeedState(StrEnum):
    CONNECTING = "connecting"
    STREAMING = "streaming"
    STALLED = "stalled"  # connected, but nothing comes
    UNREACHABLE = "unreachable"
    REFUSED = "refused"  # wrong login: a person must act
    UNUSABLE = "unusable"  # bad file or setting: a person must act
    ENDED = "ended"  # closed by the other side, or a recording's end


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """What a feed needs to know of its camera."""

    camera: CameraId
    source: SourceConfig
    fps: float  # frames a second that are analysed, at most
    privacy_masks: tuple[Polygon, ...] = ()
    motion: MotionConfig = field(default_factory=MotionConfig)
    ignore_zones: tuple[Polygon, ...] = ()
    clips: bool = True  # are clips taken from it?
    rules: PictureRules = ANY_CAMERA
    detects: bool = True  # is there a detector? Without one all motion would seem to be nobody's

    @property
    def ring_span_s(self) -> float:
        """What is remembered of the stream; each second at 1 Mbit/s takes an eighth of a MB."""
        if self.clips:
            return SPAN_S
        return REWIND_SPAN_S if self.gated else 0.0

    @property
    def gated(self) -> bool:
        return self.source.gate == "auto" and self.detects

    @classmethod
    def of(
        cls,
        camera: CameraConfig,
        default_fps: float,
        *,
        clips: bool = False,
        detects: bool = True,
        analysis: AnalysisConfig | None = None,
    ) -> FeedSettings:
        return cls(
            CameraId(camera.id),
            camera.source,
            default_fps if camera.fps is None else camera.fps,
            tuple(Polygon.of(mask.polygon) for mask in camera.privacy_masks),
            camera.motion,
            tuple(Polygon.of(zone.polygon) for zone in camera.ignore_zones),
            clips,
            PictureRules.of(camera.source, analysis),
            detects,
        )


@dataclass(frozen=True, slots=True)
class GateStatus:
    """How the camera is decoded, and what that saved so far."""

    plan: GatePlan
    mode: DecodeMode
    nuisance_frac: float  # share of the picture where motion is known to be nobody's
    counters: GateCounters
    cpu_s: float  # of the source thread: receiving, decoding, comparing


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """What there is to tell about a feed at one moment."""

    camera: CameraId
    state: FeedState
    reason: str | None  # why it does not stream, for a person; holds no secret
    info: StreamInfo | None  # of the newest connection; None before the first
    figures: StreamFigures
    last_packet_age_s: float | None  # None before the first packet
    gate: GateStatus | None  # None before the first connection
    decoded: int  # frames, since the feed was made; so are the next three
    delivered: int
    decode_errors: int
    connections: int
    damaged: int = 0  # pictures that were not looked at, because something of them was lost
    lost_packets: int = 0  # of the network
    told: str = ""  # of a failure, for the ward: no address, no user
    remarks: tuple[str, ...] = ()  # what is wrong though it plays, for a technician
    sender_ahead_s: float | None = None  # the camera's UTC minus our monotonic seconds


def overlay_remark(overlays: Sequence[BBox]) -> str:
    """Of burnt-in clocks: where, as an ignore zone would say it."""
    if not overlays:
        return ""
    zones = "; ".join(f"polygon = {_corners(box)}" for box in overlays)
    return (
        "a clock is burnt into the picture, and motion in it is left out; an ignore zone keeps it "
        f"so from the first second: {zones}"
    )


def _corners(box: BBox) -> str:
    left, top = max(0.0, box.x), max(0.0, box.y)
    right, bottom = min(1.0, box.x + box.w), min(1.0, box.y + box.h)
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return "[" + ", ".join(f"[{x:.3f}, {y:.3f}]" for x, y in corners) + "]"


@dataclass(slots=True)
class FeedCounts:
    decoded: int = 0
    delivered: int = 0
    decode_errors: int = 0
    connections: int = 0
    damaged: int = 0
    lost_packets: int = 0


def state_after(error: AgentError) -> FeedState:
    """What a failure makes of a feed."""
    states: tuple[tuple[type[AgentError], FeedState], ...] = (
        (CredentialRefused, FeedState.REFUSED),
        (SourceStalled, FeedState.STALLED),
        (SourceEnded, FeedState.ENDED),
        (SourceUnreachable, FeedState.UNREACHABLE),
    )
    return next((state for kind, state in states if isinstance(error, kind)), FeedState.UNUSABLE)
