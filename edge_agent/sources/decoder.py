"""Packets to frames. The codec context lives and dies in the source thread."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction

import av
import av.error
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from edge_agent.domain import Packet
from edge_agent.geometry import FrameSize
from edge_agent.sources.jpeg_head import HEAD_BYTES, jpeg_size
from edge_agent.sources.picture_rules import ANY_CAMERA, PictureRules
from edge_agent.sources.pixels import Orientation


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded frame with its place in the stream."""

    pts_s: float
    unit: av.VideoFrame
    orientation: Orientation
    damaged: bool = False  # something of it, or of what it builds on, was lost: not to be believed


#: Damage is gone after so long without a new one: streams without keyframes (intra refresh) mend
#: themselves within seconds.
_HEALED_S = 20.0

_FILTERED = ("h264", "hevc")

#: Of a stream at household settings: the picture, its references and libav's own (measured at
#: 1080p: 10 MiB with H.264, 18 with H.265).
_BYTES_PER_PX = 9.0

#: Decoders of larger pictures give their memory back.
_RESTS_ABOVE_PX = 704 * 576


class Decoder:
    """Damaged packets are counted and skipped: a camera on bad Wi-Fi sends some every day."""

    def __init__(
        self, stream: VideoStream, time_base: Fraction, rules: PictureRules = ANY_CAMERA
    ) -> None:
        """`stream` is only read, and its own codec context is left closed: libav gives the
        frame buffers of a context back only with the context, and one that belongs to a
        stream stays until the connection ends."""
        self._stream = stream
        self._rules = rules
        self._name = stream.codec_context.name
        self._time_base = time_base
        self._codec: VideoCodecContext | None = None  # the one in use; None: at rest
        self._last_s = 0.0
        self._unclean_s: float | None = None  # when damage last came; None: clean since a keyframe
        self._orientation: Orientation | None = None
        self._rotation = 0
        self._errors = self._pictures = self._damaged = self._picture_px = 0
        self._shape: tuple[str, int, int] | None = None  # of the pictures that are known to convert
        self.complaint: str | None = None  # why the newest picture was not taken
        self.tried = False  # a packet was decoded since `take_pictures`
        self.lean = False  # decoding without the loop filter
        self._loop_filter = True

    def use_loop_filter(self, on: bool) -> None:
        """From the next keyframe or flush on. Without it a third is saved, and blocks show.

        Good enough to see that nothing moves, not for the detector. H.264 and H.265 only.
        """
        self._loop_filter = on or self._name not in _FILTERED

    def decode(self, packet: Packet) -> list[Picture]:
        """The frames that this packet completed; empty when it is damaged or reordered."""
        unit = packet.unit
        if not isinstance(unit, av.Packet):
            raise TypeError(f"not a demuxer's packet: {unit!r}")
        if packet.after_loss:
            self._unclean_s = packet.pts_s
        if packet.is_key and self.lean is self._loop_filter:
            return self._changed_over() + self._decode(unit, packet.pts_s)
        return self._decode(unit, packet.pts_s)

    def decode_unit(self, unit: av.Packet[VideoStream]) -> list[Picture]:
        """A packet that has no place in time."""
        return self._decode(unit, self._last_s)

    def drain(self) -> list[Picture]:
        """The frames still inside, at the end of a recording. Call `flush` to go on."""
        return self._decode(None, self._last_s)

    def flush(self) -> None:
        """Forget everything; the next packet must be a keyframe."""
        if self.lean is self._loop_filter:
            # libav reads that option only when a context is opened.
            self._codec, self.lean = None, not self._loop_filter
        elif self._codec is not None:
            self._codec.flush_buffers()

    def rest(self) -> None:
        """Give memory back until the next packet, which must be a keyframe.

        Of a 1080p stream 10 MiB with H.264 and 18 with H.265; the keyframe then costs 3 or 7 ms
        more, mostly for the kernel, which hands out empty pages again. A substream's one or two
        MiB are not worth it.
        """
        if self._picture_px > _RESTS_ABOVE_PX:
            self._codec = None

    @property
    def size_mb(self) -> float:
        """About what it holds: pictures of 1.5 bytes a pixel, and those that others refer to."""
        return 0.0 if self._codec is None else self._picture_px * _BYTES_PER_PX / 1e6

    def take_errors(self) -> int:
        """Damaged packets since the last call."""
        errors, self._errors = self._errors, 0
        return errors

    def take_damaged(self) -> int:
        """Pictures since the last call that are not to be believed."""
        damaged, self._damaged = self._damaged, 0
        return damaged

    def take_pictures(self) -> int:
        """Pictures decoded since the last call."""
        pictures, self._pictures, self.tried = self._pictures, 0, False
        return pictures

    def _changed_over(self) -> list[Picture]:
        """Go on with the other codec context, at a keyframe; what the old one still held."""
        held = self.drain()
        self.flush()
        return held

    def _decode(self, unit: av.Packet[VideoStream] | None, pts_s: float) -> list[Picture]:
        if self._codec is None:
            if unit is None:
                return []
            self._codec = _opened(self._stream, self._loop_filter, self._rules)
        self.tried = True
        try:
            frames = self._codec.decode(unit)
        except Exception:  # noqa: BLE001  whatever it is, it is this stream's fault
            self._errors += 1
            self._unclean_s = pts_s
            self._complain(unit)
            return []
        pictures = []
        for frame in frames:
            if not self._usable(frame):
                self._errors += 1
                continue
            self._pictures += 1
            if frame.pts is not None:
                pts_s = float(frame.pts * self._time_base)
            damaged = self._is_damaged(frame, pts_s)
            self._damaged += damaged
            self._last_s, self._picture_px = pts_s, frame.width * frame.height
            orientation = self._orientation_of(frame)
            pictures.append(Picture(pts_s, frame, orientation, damaged))
        return pictures

    def _is_damaged(self, frame: av.VideoFrame, pts_s: float) -> bool:
        """libav makes up what is missing, and all that builds on it is wrong until a keyframe."""
        if frame.is_corrupt:
            self._unclean_s = pts_s
        elif frame.key_frame or (
            self._unclean_s is not None and abs(pts_s - self._unclean_s) > _HEALED_S
        ):
            self._unclean_s = None
        return self._unclean_s is not None

    def _complain(self, unit: av.Packet[VideoStream] | None) -> None:
        """libav does not say that a picture was too large for it."""
        if self._name == "mjpeg" and unit is not None:
            self.complaint = self._rules.complaint(jpeg_size(bytes(unit)[:HEAD_BYTES]))

    def _usable(self, frame: av.VideoFrame) -> bool:
        """Small enough, and of a kind that can be converted: tried once for each."""
        shape = (frame.format.name, frame.width, frame.height)
        if shape == self._shape:
            return True
        self.complaint = self._rules.complaint(FrameSize(frame.width, frame.height))
        if self.complaint is None and not _converts(frame):
            self.complaint = f"has pictures in {shape[0]}, which cannot be converted"
        if self.complaint is None:
            self._shape = shape
        return self.complaint is None

    def _orientation_of(self, frame: av.VideoFrame) -> Orientation:
        """Read from the stream's first frame, and again when its rotation changes."""
        if self._orientation is None or frame.rotation != self._rotation:
            self._rotation = frame.rotation
            self._orientation = Orientation.of(frame, self._name).turned(self._rules.turned_deg)
        return self._orientation


def _converts(frame: av.VideoFrame) -> bool:
    """An error in converting would otherwise come up in the analysis of all cameras."""
    try:
        frame.reformat(width=16, height=16, format="bgr24", threads=1)
        frame.reformat(width=16, height=16, format="gray", threads=1)
    except Exception:  # noqa: BLE001  whatever it is, it is this stream's fault
        return False
    return True


def _opened(stream: VideoStream, loop_filter: bool, rules: PictureRules) -> VideoCodecContext:
    """A context of our own that knows all that the stream's would."""
    # The copy of a stream is the only one in PyAV that takes reordering and rotation along.
    # `null` takes any codec, and nothing is written.
    # Closed, it is in no reference cycle, so that a context goes when it is let go.
    with av.open(io.BytesIO(), "w", format="null") as holder:
        codec = holder.add_stream_from_template(stream, opaque=True).codec_context
    # One thread: frame threads add a frame of delay each and cost memory; several cameras
    # already keep all cores busy.
    codec.thread_count = 1
    codec.options = dict(rules.codec_options)
    if not loop_filter:
        codec.options = {**codec.options, "skip_loop_filter": "all"}
    return codec
