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


_FILTERED = ("h264", "hevc")


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
        self._errors = self._pictures = 0
        self.tried = False  # a packet was decoded since `take_pictures`
        self._full = codec
        self._lean: VideoCodecContext | None = None
        self._loop_filter = True

    def use_loop_filter(self, on: bool) -> None:
        """From the next keyframe or flush on. Without it a third is saved, and blocks show.

        Good enough to see that nothing moves, not for the detector. H.264 and H.265 only.
        """
        self._loop_filter = on or self._full.name not in _FILTERED

    @property
    def lean(self) -> bool:
        """Decoding without the loop filter."""
        return self._codec is not self._full

    def decode(self, packet: Packet) -> list[Picture]:
        """The frames that this packet completed; empty when it is damaged or reordered."""
        unit = packet.unit
        if not isinstance(unit, av.Packet):
            raise TypeError(f"not a demuxer's packet: {unit!r}")
        if packet.is_key and self._loop_filter is not (self._codec is self._full):
            return self._changed_over() + self._decode(unit, packet.pts_s)
        return self._decode(unit, packet.pts_s)

    def drain(self) -> list[Picture]:
        """The frames still inside, at the end of a recording. Call `flush` to go on."""
        return self._decode(None, self._last_s)

    def flush(self) -> None:
        """Forget everything; the next packet must be a keyframe."""
        self._codec.flush_buffers()
        self._choose_codec()

    def take_errors(self) -> int:
        """Damaged packets since the last call."""
        errors, self._errors = self._errors, 0
        return errors

    def take_pictures(self) -> int:
        """Pictures decoded since the last call."""
        pictures, self._pictures, self.tried = self._pictures, 0, False
        return pictures

    def _changed_over(self) -> list[Picture]:
        """Go on with the other codec context, at a keyframe; what the old one still held."""
        held = self.drain()
        self.flush()
        return held

    def _choose_codec(self) -> None:
        if self._lean is None and not self._loop_filter:
            self._lean = _without_loop_filter(self._full)
        self._codec = self._full if self._loop_filter or self._lean is None else self._lean

    def _decode(self, unit: av.Packet[VideoStream] | None, pts_s: float) -> list[Picture]:
        self.tried = True
        try:
            frames = self._codec.decode(unit)
        except av.error.FFmpegError:
            self._errors += 1
            return []
        pictures = []
        self._pictures += len(frames)
        for frame in frames:
            if frame.pts is not None:
                pts_s = float(frame.pts * self._time_base)
            self._last_s = pts_s
            pictures.append(Picture(pts_s, frame, self._orientation_of(frame)))
        return pictures

    def _orientation_of(self, frame: av.VideoFrame) -> Orientation:
        """Read from the stream's first frame, and again when its rotation changes."""
        if self._codec is self._lean and self._orientation is not None:
            return self._orientation  # that context knows the stream, not its container
        if self._orientation is None or frame.rotation != self._rotation:
            self._orientation, self._rotation = Orientation.of(frame), frame.rotation
        return self._orientation


def _without_loop_filter(codec: VideoCodecContext) -> VideoCodecContext:
    """A context of its own: libav reads the option only when a context is opened."""
    lean = av.CodecContext.create(codec.name, "r")
    if not isinstance(lean, VideoCodecContext):
        raise TypeError(f"{codec.name} is not a video codec")
    lean.extradata = codec.extradata
    lean.thread_count = 1
    lean.options = {"skip_loop_filter": "all"}
    return lean
