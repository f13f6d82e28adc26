"""A clip that is decoded and encoded anew, so that something can be hidden in it.

Same use as a `ClipFile`. Pictures are as the camera sent them but for what is hidden: not turned
by `source.rotate`, which whoever plays the clip with the camera's settings does.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import av.codec
import av.error
import cv2
import numpy as np
from av.video.stream import VideoStream

from edge_agent.domain import U8, Packet, PacketStream
from edge_agent.errors import MediaError
from edge_agent.geometry import FrameSize, Polygon
from edge_agent.media import ClipFacts
from edge_agent.media.clip_file import ChunkSink, write_all
from edge_agent.sources import DecodedPixels, Decoder, Picture, PictureRules

#: A face that fills a quarter of the picture is 9 px high then; to recognise it takes 20 or so.
COARSE_ROWS = 36
#: More pictures a second than are analysed help nobody.
_LEAST_STEP_S = 0.09
_TICKS_PER_S = 1000
_FLAGS = {"movflags": "empty_moov+default_base_moof+frag_keyframe", "frag_duration": "1000000"}
#: H.264 where this libav may encode it (x264 is under the GPL), MPEG-4 everywhere else.
_ENCODERS = (("libx264", {"preset": "veryfast", "crf": "23"}), ("mpeg4", {"qscale": "4"}))


@dataclass(frozen=True, slots=True)
class Hiding:
    """What nobody may see in the clip."""

    masks: tuple[Polygon, ...] = ()
    blur: bool = False
    rules: PictureRules = field(default_factory=PictureRules)

    @property
    def anything(self) -> bool:
        return self.blur or bool(self.masks)


class CodedClip:
    """Written by one thread. The first packet must be a keyframe."""

    def __init__(self, path: Path, stream: PacketStream, hiding: Hiding) -> None:
        """Raises OSError, and MediaError for streams that cannot be decoded."""
        if not isinstance(stream.template, VideoStream):
            raise MediaError(f"a stream in {stream.codec} cannot be kept as a clip")
        self.path = path
        self.broken = False
        self._hiding = hiding
        self._decoder = Decoder(stream.template, stream.time_base, hiding.rules)
        self._sink = ChunkSink()
        self._container = av.open(self._sink, "w", format="mp4", options=_FLAGS)
        self._out: VideoStream | None = None
        self._size = FrameSize(2, 2)
        self._first_s: float | None = None
        self._last_s = 0.0
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        os.fchmod(descriptor, 0o600)  # whatever the umask
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self.size_bytes = 0

    def add(self, packet: Packet) -> None:
        """Raises OSError (disk) and MediaError; then only `seal` may follow."""
        for picture in self._decoder.decode(packet):
            self._take(picture)
        if self._decoder.complaint:
            raise MediaError(f"{self.path}: the source {self._decoder.complaint}")

    def seal(self) -> ClipFacts:
        """Write what is still inside, if that can be."""
        try:
            for picture in self._decoder.drain():
                self._take(picture)
            if self._out is not None:
                self._container.mux(self._out.encode(None))
            self._container.close()
            self._drain()
        except (av.error.FFmpegError, OSError, MediaError, ValueError):
            self.broken = True
        return ClipFacts("", self.size_bytes, self._last_s)

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()

    def _take(self, picture: Picture) -> None:
        if self._first_s is None:
            self._first_s, self._last_s = picture.pts_s, -1.0
        at_s = picture.pts_s - self._first_s
        if picture.damaged or at_s - self._last_s < _LEAST_STEP_S:
            return
        self._last_s = at_s
        try:
            self._encode(hidden(picture, self._hiding), at_s)
        except (av.error.FFmpegError, ValueError) as error:
            self.broken = True
            why = getattr(error, "strerror", None) or error
            raise MediaError(f"{self.path}: cannot be written: {why}") from None
        self._drain()

    def _encode(self, bgr: U8, at_s: float) -> None:
        if self._out is None:
            self._out = self._begin(bgr)
        if bgr.shape[:2] != (self._size.height, self._size.width):  # even, and all of one size
            size = (self._size.width, self._size.height)
            bgr = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(bgr), format="bgr24")
        frame.pts, frame.time_base = round(at_s * _TICKS_PER_S), Fraction(1, _TICKS_PER_S)
        self._container.mux(self._out.encode(frame))

    def _begin(self, bgr: U8) -> VideoStream:
        height, width = bgr.shape[:2]
        self._size = FrameSize(width + width % 2, height + height % 2)  # 4:2:0 has even sides
        codec, options = next(each for each in _ENCODERS if _has_encoder(each[0]))
        stream = self._container.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = self._size.width, self._size.height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS_PER_S)
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = 25
        return stream

    def _drain(self) -> None:
        chunks = self._sink.take()
        if chunks:
            try:
                write_all(self._file.fileno(), chunks)
            except OSError:
                self.broken = True
                raise
            self.size_bytes += sum(map(len, chunks))


def hidden(picture: Picture, hiding: Hiding) -> U8:
    """BGR, uint8 (height, width, 3), as the camera sent it, with what is hidden."""
    pixels = DecodedPixels(picture.unit, hiding.masks, picture.orientation).bgr()
    if hiding.blur:
        pixels = coarse(pixels)
    turns: Sequence[int] = (0, cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180)
    turns = (*turns, cv2.ROTATE_90_CLOCKWISE)
    quarter = hiding.rules.turned_deg // 90 % 4
    return np.asarray(cv2.rotate(pixels, turns[quarter]), np.uint8) if quarter else pixels


def coarse(bgr: U8) -> U8:
    """Of the same size, with the detail of a picture `COARSE_ROWS` high."""
    height, width = bgr.shape[:2]
    small = (max(1, round(width * COARSE_ROWS / height)), COARSE_ROWS)
    reduced = cv2.resize(bgr, small, interpolation=cv2.INTER_AREA)
    return np.asarray(
        cv2.resize(reduced, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8
    )


def _has_encoder(name: str) -> bool:
    try:
        av.codec.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True
