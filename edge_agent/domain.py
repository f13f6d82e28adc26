"""What the stages hand to each other. Immutable values, no behaviour, no I/O.

    Packet -> Frame -> Motion(Region...) -> Detection -> Track -> RuleHit -> Event (-> Snapshot)

Moments are seconds (`*_s`) on the timeline of the source: monotonic seconds for a live
camera, seconds since the recording's first frame for a recording. Only the edge that
sends something turns them into UTC (`Timeline`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any, NewType, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from edge_agent.geometry import BBox, FrameSize

#: What the id of a ward, a box, a camera or a zone looks like, as a regular expression without
#: anchors: ids are parts of topics, file names and SQL rows. The one place that says so.
ID = "[a-z0-9][a-z0-9_-]{0,31}"
_ID = re.compile(ID)


def is_id(text: str) -> bool:
    """Whether all of `text` is an id; `$` would overlook a line end behind one."""
    return _ID.fullmatch(text) is not None


CameraId = NewType("CameraId", str)
EventId = NewType("EventId", str)  # a ULID

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


class Pixels(Protocol):
    """A decoded picture that converts on demand. Used by one thread at a time."""

    @property
    def size(self) -> FrameSize: ...

    def luma(self) -> U8:
        """uint8 (height, width), the Y plane; must not be written to."""
        ...

    def bgr(self) -> U8:
        """uint8 BGR (height, width, 3); converted on the first call, must not be written to."""
        ...


@runtime_checkable
class SampledPixels(Protocol):
    """Pixels whose colour can be had without converting all of them."""

    def sample_bgr(self) -> U8:
        """uint8 BGR, about every eighth pixel of every eighth row, masks not blackened: for
        figures of the whole picture only."""
        ...


@dataclass(frozen=True, slots=True)
class Packet:
    """One encoded unit as the camera sent it."""

    pts_s: float  # seconds on the stream's own timeline
    received_s: float  # monotonic
    is_key: bool
    size_bytes: int
    unit: object = field(repr=False)  # the demuxer's packet; only sources/ and media/ look inside
    after_loss: bool = False  # the network lost something just before it


@dataclass(frozen=True, slots=True)
class PacketStream:
    """What a clip must know of the stream that its packets come from; one per connection."""

    codec: str  # libav's name: h264, hevc, mjpeg ...
    time_base: Fraction  # seconds per tick of the packets' pts and dts
    template: object = field(repr=False, compare=False)  # only sources/ and media/ look inside


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded picture of one camera, privacy masks already blackened."""

    camera: CameraId
    captured_s: float
    pixels: Pixels = field(repr=False, compare=False)
    #: Older than frames that were handed on before: was somebody who was found then there already?
    recalled: bool = False
    #: Minutes since Monday 00:00 where the box stands, for schedules.
    weekminute: int = 0


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the frame worth a look by the detector."""

    bbox: BBox


class Lighting(StrEnum):
    """What the motion detector thinks of the whole picture."""

    WARMING_UP = "warming_up"  # no background yet: nothing can be said
    STEADY = "steady"
    CHANGED = "changed"  # lamp, IR switch, exposure: background is learned anew


@dataclass(frozen=True, slots=True)
class Motion:
    """The motion detector's word on one frame."""

    regions: tuple[Region, ...]
    changed_frac: float  # share of the frame's pixels that differ from the background
    lighting: Lighting
    overlays: tuple[BBox, ...] = ()  # burnt-in clocks, in which motion is left out
    suspects: bool = False  # the next pictures may show that something in it is a clock


@dataclass(frozen=True, slots=True)
class Detection:
    """One person in one frame; `score` is the model's, 0..1."""

    bbox: BBox
    score: float


@dataclass(frozen=True, slots=True)
class Track:
    """One person over frames.

    `confidence` is what the confirm rule compares with its threshold: the n-th best score
    among the looks of the last seconds (n and seconds are the tracker's settings), 0 while
    there were fewer than n.
    """

    track_id: int
    bbox: BBox
    score: float  # of the newest supporting detection
    top_score: float
    confidence: float
    first_s: float  # first supporting detection
    seen_s: float  # newest detection that was sure, or where something moves
    looks: int  # detections so far, weak ones too
    first_bbox: BBox | None = None  # where it began; lets events join a broken track's pieces
    moved_s: float = float("-inf")  # when something last moved within their bbox


@dataclass(frozen=True, slots=True)
class NuisanceSpot:
    """A place that is taken for a person again and again, and where nothing ever moves."""

    bbox: BBox
    times: int  # taken for a person
    learned_s: float
    seen_s: float  # taken for a person last


class Label(StrEnum):
    MOTION = "motion"
    PERSON = "person"
    HEALTH = "health"


class Severity(StrEnum):
    """Of a health event: who should care."""

    INFO = "info"
    WARNING = "warning"  # the camera sees worse than it should
    CRITICAL = "critical"  # the camera sees nothing


@dataclass(frozen=True, slots=True)
class Health:
    """What a health event says beyond camera and times. `detail` is any JSON object."""

    kind: str  # e.g. blocked, blurred, moved, dark, frozen, storm
    severity: Severity
    detail: Mapping[str, Any] = field(default_factory=dict)


class Phase(StrEnum):
    START = "start"
    UPDATE = "update"
    END = "end"


class EndReason(StrEnum):
    GONE = "gone"
    CAMERA_LOST = "camera_lost"
    PAUSED = "paused"
    RESTART = "restart"
    TIMEOUT = "timeout"
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class RuleHit:
    """A track that fulfils the camera's rules in this frame."""

    track: Track
    since_s: float  # when the person was first seen (not when the rule was first fulfilled)
    zones_current: tuple[str, ...]
    zones_entered: tuple[str, ...]  # in order of entry


@dataclass(frozen=True, slots=True)
class BestFrame:
    """This frame is the best picture so far of the person of this event."""

    event_id: EventId
    bbox: BBox
    score: float


class SnapshotState(StrEnum):
    STORED = "stored"
    UPLOADED = "uploaded"
    DROPPED = "dropped"
    PRIVACY = "privacy"


@dataclass(frozen=True, slots=True)
class SnapshotRef:
    """What an event says of its picture; the picture itself stays on the box."""

    sha256: str
    size_bytes: int
    size: FrameSize
    state: SnapshotState


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The best JPEG of one event."""

    camera: CameraId
    event_id: EventId
    captured_s: float
    jpeg: bytes = field(repr=False)
    ref: SnapshotRef


class ClipState(StrEnum):
    STORED = "stored"
    CUT = "cut"  # ends early: the disk was full, or the box overloaded


@dataclass(frozen=True, slots=True)
class ClipRef:
    """What an event's end says of one file of its clip; the file itself stays on the box."""

    sha256: str
    size_bytes: int
    codec: str  # libav's name, as the camera sent it: clips are never encoded anew
    offset_s: float  # of its first picture from the event's start; negative: before
    duration_s: float
    state: ClipState


@dataclass(frozen=True, slots=True)
class Event:
    """One message of an event's life: its start, an update or its end."""

    event_id: EventId
    camera: CameraId
    label: Label
    phase: Phase
    rev: int  # 0 for the start, then counting up
    at_s: float  # the moment this message speaks of
    start_s: float
    end_s: float | None
    score: float
    top_score: float
    bbox: BBox | None
    count: int = 0  # people in the camera's picture at this moment (person events)
    zones_current: tuple[str, ...] = ()
    zones_entered: tuple[str, ...] = ()
    end_reason: EndReason | None = None
    continues: EventId | None = None  # the event that this one carries on after a split
    snapshot: SnapshotRef | None = None
    clips: tuple[ClipRef, ...] = ()  # in order of time; only an end has any
    health: Health | None = None  # of a health event
    profile: str = ""  # in force at `at_s`; none: the camera's own settings
