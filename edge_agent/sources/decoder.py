"""Packets to frames. The codec context lives and dies in the source thread."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import av.error
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from edge_agent.domain import Packet
from edge_agent.sources.pixels import Orientation


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded frame with its place in the stream."""

    pts_s: float
    unit: av.VideoFrame
    orientation: Orientation


class Decoder:
    """Damaged packets are counted and skipped: a camera on bad Wi-Fi sends some every day."""

    def __init__(self, codec: VideoCodecContext, time_base: Fraction) -> None:
        # One thread: frame threads add a frame of delay each and cost memory; several
        # cameras already keep all cores busy.
        codec.thread_count = 1
        self._codec = codec
        self._time_base = time_base
        self._last_s = 0.0
        self._orientation: Orientation | None = None
        self._rotation = 0
        self._errors = 0

    def decode(self, packet: Packet) -> list[Picture]:
        """The frames that this packet completed; empty when it is damaged or reordered."""
        unit = packet.unit
        if not isinstance(unit, av.Packet):
            raise TypeError(f"not a demuxer's packet: {unit!r}")
        return self._decode(unit, packet.pts_s)

    def drain(self) -> list[Picture]:
        """The frames still inside, at the end of a recording. Call `flush` to go on."""
        return self._decode(None, self._last_s)

    def flush(self) -> None:
        """Forget everything; the next packet must be a keyframe."""
        self._codec.flush_buffers()

    def take_errors(self) -> int:
        """Damaged packets since the last call."""
        errors, self._errors = self._errors, 0
        return errors

    def _decode(self, unit: av.Packet[VideoStream] | None, pts_s: float) -> list[Picture]:
        try:
            frames = self._codec.decode(unit)
        except av.error.FFmpegError:
            self._errors += 1
            return []
        pictures = []
        for frame in frames:
            if frame.pts is not None:
                pts_s = float(frame.pts * self._time_base)
            self._last_s = pts_s
            pictures.append(Picture(pts_s, frame, self._orientation_of(frame)))
        return pictures

    def _orientation_of(self, frame: av.VideoFrame) -> Orientation:
        """Read from the stream's first frame, and again when its rotation changes."""
        if self._orientation is None or frame.rotation != self._rotation:
            self._orientation, self._rotation = Orientation.of(frame), frame.rotation
        return self._orientation
