"""Writes what the agent saw: an annotated clip."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import av.codec
import av.error
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from edge_agent.config import IgnoreZoneConfig, ZoneConfig
from edge_agent.domain import U8, Event, EventId, Phase
from edge_agent.errors import OperatorError
from edge_agent.geometry import BBox, FrameSize
from edge_agent.pipeline import Analysis
from edge_agent.tools.overlay import Overlay, annotated

#: An ended event is still shown for this long, so that the eye can read why.
_SHOW_ENDED_S = 1.5

#: H.264 where this libav may encode it (x264 is under the GPL), MPEG-4 everywhere else.
_ENCODERS = (("libx264", {"preset": "veryfast", "crf": "21"}), ("mpeg4", {"qscale": "3"}))


class AnnotatedWriter:
    """A clip to which pictures are added one by one; all are brought to one size.

    Every method raises OperatorError when the file cannot be written.
    """

    def __init__(self, path: Path, size: FrameSize, fps: float) -> None:
        self._path = path
        # 4:2:0 needs even sides.
        self._width, self._height = size.width + size.width % 2, size.height + size.height % 2
        self._rate = Fraction(fps).limit_denominator(1001)
        self._count = 0
        with self._told():
            self._container, self._stream = self._open()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (av.error.FFmpegError, OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise OperatorError(f"{self._path}: cannot be written as a video ({why})") from error

    def _open(self) -> tuple[OutputContainer, VideoStream]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        codec, options = next(item for item in _ENCODERS if _has_encoder(item[0]))
        container = av.open(str(self._path), "w")
        stream = container.add_stream(codec, rate=self._rate, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = self._width, self._height, "yuv420p"
        # Now, not with the first finished picture: a file that cannot be made is told at once.
        container.start_encoding()
        return container, stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def add(self, bgr: U8, overlay: Overlay) -> U8:
        """Draw and append; returns the drawn picture, uint8 (height, width, 3)."""
        drawn = annotated(bgr, overlay)
        if drawn.shape[:2] != (self._height, self._width):
            drawn = np.asarray(
                cv2.resize(drawn, (self._width, self._height), interpolation=cv2.INTER_AREA),
                np.uint8,
            )
        frame = av.VideoFrame.from_ndarray(drawn, format="bgr24")
        frame.pts, frame.time_base = self._count, 1 / self._rate
        self._count += 1
        with self._told():
            self._container.mux(self._stream.encode(frame))
        return drawn

    def close(self) -> None:
        """Write the file's end; without it players refuse an mp4."""
        with self._told():
            try:
                self._container.mux(self._stream.encode(None))
            finally:
                self._container.close()


def _has_encoder(name: str) -> bool:
    try:
        av.codec.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


class AnnotatedClip:
    """An annotated clip fed with the pipeline's own results; `fps`: pictures a second.

    The file is made with the first picture, whose size it takes; a context manager. `untold`:
    who was seen at a moment and not told, with the reason; then motion is drawn, too.
    """

    def __init__(
        self,
        path: Path,
        *,
        fps: float,
        zones: Sequence[ZoneConfig] = (),
        ignored: Sequence[IgnoreZoneConfig] = (),
        untold: Mapping[float, Sequence[tuple[BBox, str]]] | None = None,
    ) -> None:
        self._path, self._fps = path, fps
        self._zones, self._ignored = zones, ignored
        self._untold = untold
        self._writer: AnnotatedWriter | None = None
        self._count = 0
        self._shown: dict[EventId, Event] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer:
            self._writer.close()

    def add(self, bgr: U8, analysis: Analysis, captured_s: float = 0.0) -> U8:
        """Append one analysed frame; returns the drawn picture."""
        if self._writer is None:
            size = FrameSize(bgr.shape[1], bgr.shape[0])
            self._writer = AnnotatedWriter(self._path, size, self._fps)
        at_s = self._count / self._fps
        self._count += 1
        self._follow(analysis.events, at_s)
        overlay = Overlay(
            at_s=at_s,
            regions=analysis.searched,
            tracks=analysis.tracks,
            reported=frozenset(hit.track.track_id for hit in analysis.hits),
            events=tuple(self._shown.values()),
            zones=self._zones,
            ignored=self._ignored,
            moving=() if self._untold is None else analysis.motion.regions,
            untold=(self._untold or {}).get(captured_s, ()),
        )
        return self._writer.add(bgr, overlay)

    def _follow(self, events: Sequence[Event], at_s: float) -> None:
        """Keep the newest message of every event that is open or has just ended."""
        self._shown |= {event.event_id: event for event in events}
        self._shown = {
            key: event
            for key, event in self._shown.items()
            if event.phase is not Phase.END or at_s - event.at_s <= _SHOW_ENDED_S
        }
