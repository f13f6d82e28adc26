"""What one camera's analysis sees now, for a person who draws zones or walks before the camera.

Kept only while somebody asks; who asks does so again and again, and is told what came since the
last time. So a watcher costs the agent one small answer per question, and nobody holds a
connection. Pictures have their privacy masks black, as everything behind the source.

    LIVE_SOCKET    one line {"camera": "gate", "after": 12, "picture": true} -> a `LiveAnswer`
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from edge_agent.clock import Clock
from edge_agent.domain import U8, Detection, Frame, Track
from edge_agent.geometry import BBox
from edge_agent.media import encode_jpeg
from edge_agent.pipeline import Analysis

LIVE_SOCKET = "live.sock"

#: Who does not ask for so long watches no more.
_WATCHED_S = 10.0
#: A minute at the highest rate that analyses anything useful.
_MOST_LOOKS = 600
#: A picture that nobody fetched is not fresh any more.
_FRESH_S = 2.0
#: A picture to draw on may be larger than one for the ward.
_MOST_JPEG_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class LiveFrame:
    """One analysed picture as numbers. `told`: the zones of each track that fulfils the rules."""

    number: int  # rises by one
    at_s: float
    utc_s: float
    weekminute: int
    moving: tuple[BBox, ...]
    searched: bool  # the detector was asked
    detections: tuple[Detection, ...]
    tracks: tuple[Track, ...]
    told: dict[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """`after`: the newest look that the asker has. `record_s`: keep footage for so long, 0: end."""

    camera: str
    after: int = 0
    picture: bool = False
    record_s: Annotated[float, msgspec.Meta(ge=0, le=7200)] | None = None


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """`looks` are those after the asker's newest, `jpeg` a picture of the last seconds."""

    error: str = ""
    state: str = ""  # the feed's: streaming, unreachable ...
    reason: str = ""
    candidate_threshold: float = 0.0
    confirm_threshold: float = 0.0
    newest: int = 0  # the number of the newest look; less than before: it counts anew
    looks: tuple[LiveFrame, ...] = ()
    jpeg: bytes | None = field(default=None, repr=False)
    profile: str = ""  # in force


class LiveView:
    """One camera's. `add` belongs to the analysis thread, the rest to the socket's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looks: deque[LiveFrame] = deque(maxlen=_MOST_LOOKS)
        self._asked_s = float("-inf")
        self._number = 0
        self._wants_picture = False
        self._picture: tuple[float, U8] | None = None

    def add(self, frame: Frame, analysis: Analysis) -> None:
        now_s = self._clock.mono_s()
        if now_s - self._asked_s > _WATCHED_S:
            self._looks.clear()
            self._picture = None
            return
        if self._wants_picture:
            self._wants_picture = False
            self._picture = now_s, frame.pixels.bgr()
        self._number += 1
        self._looks.append(
            LiveFrame(
                self._number,
                frame.captured_s,
                self._clock.read().utc_s,
                frame.weekminute,
                tuple(region.bbox for region in analysis.motion.regions),
                bool(analysis.searched),
                analysis.detections,
                analysis.tracks,
                {hit.track.track_id: hit.zones_current for hit in analysis.hits},
            )
        )

    def watch(self, *, picture: bool) -> None:
        """Somebody watches now; `picture`: and wants the next one, where none is fresh."""
        self._asked_s = self._clock.mono_s()
        if picture and self._picture is None:
            self._wants_picture = True

    @property
    def newest(self) -> int:
        return self._number

    def looks(self, after: int) -> tuple[LiveFrame, ...]:
        return tuple(look for look in tuple(self._looks) if look.number > after)

    def take_picture(self) -> bytes | None:
        """The JPEG that was wanted, once; None while there is none."""
        taken, self._picture = self._picture, None
        if taken is None or self._clock.mono_s() - taken[0] > _FRESH_S:
            return None
        return encode_jpeg(taken[1], _MOST_JPEG_BYTES)[0]


@dataclass(frozen=True, slots=True)
class WatchedCamera:
    """What the answer says of a camera besides its view."""

    view: LiveView
    state: str
    reason: str
    thresholds: tuple[float, float]  # candidate, confirm
    record: Callable[[float], None]  # footage, for so many seconds
    profile: str = ""  # in force


def live_answer(line: bytes, cameras: Mapping[str, WatchedCamera]) -> bytes:
    """Of one request; what is no request is answered with an error."""
    return msgspec.msgpack.encode(_answer(line, cameras))


def _answer(line: bytes, cameras: Mapping[str, WatchedCamera]) -> LiveAnswer:
    try:
        request = msgspec.json.decode(line, type=LiveRequest)
    except msgspec.MsgspecError as error:
        return LiveAnswer(f"no request: {error}")
    watched = cameras.get(request.camera)
    if watched is None:
        known = ", ".join(cameras) or "none"
        return LiveAnswer(f"the agent watches no stream {request.camera}; it has: {known}")
    watched.view.watch(picture=request.picture)
    if request.record_s is not None:
        watched.record(request.record_s)
    return LiveAnswer(
        state=watched.state,
        reason=watched.reason,
        candidate_threshold=watched.thresholds[0],
        confirm_threshold=watched.thresholds[1],
        newest=watched.view.newest,
        looks=watched.view.looks(request.after),
        jpeg=watched.view.take_picture() if request.picture else None,
        profile=watched.profile,
    )
