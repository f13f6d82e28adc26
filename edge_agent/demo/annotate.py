"""Writes what the agent saw: an annotated clip, or a sheet of pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
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

from edge_agent.config import ZoneConfig
from edge_agent.demo.overlay import Overlay, annotated
from edge_agent.domain import U8, Event, EventId, Phase
from edge_agent.errors import OperatorError
from edge_agent.geometry import FrameSize
from edge_agent.pipeline import Analysis

#: An ended event is still shown for this long, so that the eye can read why.
_SHOW_ENDED_S = 1.5

#: H.264 where this libav may encode it (x264 is under the GPL), MPEG-4 everywhere else.
_ENCODERS = (("libx264", {"preset": "veryfast", "crf": "21"}), ("mpeg4", {"qscale": "3"}))


class AnnotatedWriter:
    """A clip to which pictures are added one by one; all are brought to one size.

    Raises OperatorError when the file cannot be written.
    """

    def __init__(self, path: Path, size: FrameSize, fps: float) -> None:
        self._path = path
        # 4:2:0 needs even sides.
        self._width, self._height = size.width + size.width % 2, size.height + size.height % 2
        self._rate = Fraction(fps).limit_denominator(1001)
        self._count = 0
        try:
            self._container, self._stream = self._open()
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise OperatorError(f"{path}: cannot be written as a video ({error})") from error

    def _open(self) -> tuple[OutputContainer, VideoStream]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        codec, options = next(item for item in _ENCODERS if _has_encoder(item[0]))
        container = av.open(str(self._path), "w")
        stream = container.add_stream(codec, rate=self._rate, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = self._width, self._height, "yuv420p"
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
        self._container.mux(self._stream.encode(frame))
        return drawn

    def close(self) -> None:
        """Write the file's end; without it players refuse an mp4."""
        self._container.mux(self._stream.encode(None))
        self._container.close()


def _has_encoder(name: str) -> bool:
    try:
        av.codec.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


class AnnotatedClip:
    """An annotated clip fed with the pipeline's own results; `fps`: pictures a second.

    The file is made with the first picture, whose size it takes; a context manager.
    """

    def __init__(self, path: Path, *, fps: float, zones: Sequence[ZoneConfig] = ()) -> None:
        self._path, self._fps = path, fps
        self._zones = zones
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

    def add(self, bgr: U8, analysis: Analysis) -> U8:
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


def contact_sheet(pictures: Sequence[U8], *, columns: int = 3, cell_width_px: int = 480) -> bytes:
    """A JPEG with the pictures in rows, each brought to the first one's shape.

    Raises ValueError without a picture.
    """
    if not pictures:
        raise ValueError("a contact sheet needs at least one picture")
    height, width = pictures[0].shape[:2]
    cell = (cell_width_px, max(1, round(cell_width_px * height / width)))
    columns = min(columns, len(pictures))
    rows, gap = math.ceil(len(pictures) / columns), max(2, cell_width_px // 120)
    sheet = np.full(
        (rows * (cell[1] + gap) + gap, columns * (cell[0] + gap) + gap, 3), 255, np.uint8
    )
    for index, picture in enumerate(pictures):
        top = gap + index // columns * (cell[1] + gap)
        left = gap + index % columns * (cell[0] + gap)
        shrinks = picture.shape[1] > cell[0]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        sheet[top : top + cell[1], left : left + cell[0]] = cv2.resize(
            picture, cell, interpolation=how
        )
    _, jpeg = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 88])
    return bytes(jpeg.tobytes())
