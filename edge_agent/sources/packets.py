"""What every source of packets looks like, and how a packet gets its time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from edge_agent.clock import Clock
from edge_agent.config.words import scrubbed
from edge_agent.domain import Packet
from edge_agent.errors import AgentError, MediaError
from edge_agent.geometry import FrameSize
from edge_agent.sources.picture_rules import PictureRules
from edge_agent.sources.stream_time import REORDER_S, StreamTime

#: Where a stream does not say its rate and its packets have no time.
ASSUMED_FPS = 25.0


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What the source says of its stream; None: it does not say."""

    codec: str  # libav's name: h264, hevc, mjpeg, rawvideo ...
    size: FrameSize | None  # as stored, before rotation
    pixel_format: str | None
    fps: float | None
    transport: str  # tcp, udp, v4l2, file
    duration_s: float | None = None  # of a recording


class PacketSource(Protocol):
    """One opened stream, owned by one thread. Audio is never opened."""

    info: StreamInfo
    live: bool  # True: time is the clock's. False: a recording's own, as fast as it goes

    @property
    def stream(self) -> VideoStream:
        """Belongs to the thread that reads the packets; its codec context stays closed."""
        ...

    @property
    def time_base(self) -> Fraction: ...

    @property
    def lost_packets(self) -> int:
        """That the network lost since the opening, as far as it can be told."""
        ...

    @property
    def sender_ahead_s(self) -> float | None:
        """The camera's UTC minus our monotonic seconds; None: it does not tell its time."""
        ...

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is wrong with the stream though it plays, for a technician."""
        ...

    def packets(self) -> Iterator[Packet]:
        """Packets until the stop token is set or a recording ends.

        Raises SourceStalled, SourceEnded, SourceUnreachable, MediaError.
        """
        ...

    def close(self) -> None:
        """Let go of the connection. May be called twice."""
        ...


class PacketStamper:
    """Gives every packet a time, also where the container has none."""

    def __init__(self, stream: VideoStream, clock: Clock, *, follows_clock: bool = False) -> None:
        """`follows_clock`: of a live stream, whose own time may be wrong."""
        self._clock = clock
        self.time = StreamTime() if follows_clock else None
        self.time_base = stream.time_base or Fraction(1, 90_000)
        self.step_s = 1.0 / (rate_of(stream) or ASSUMED_FPS)
        self._last_s: float | None = None

    def stamp(self, unit: av.Packet[VideoStream], *, after_loss: bool = False) -> Packet:
        received_s = self._clock.mono_s()
        pts_s = self.own_s(unit)
        placed_s = self.time.placed(pts_s, received_s) if self.time else pts_s
        return self.placed(unit, pts_s, placed_s, after_loss=after_loss)

    def own_s(self, unit: av.Packet[VideoStream]) -> float:
        """The time that it came with (s), or one step after the one before. In their order."""
        ticks = unit.pts if unit.pts is not None else unit.dts
        if ticks is not None:
            pts_s = float(ticks * self.time_base)
        else:
            # Elementary streams and the first packets of some cameras.
            pts_s = 0.0 if self._last_s is None else self._last_s + self.step_s
        self._last_s = pts_s
        return pts_s

    def placed(
        self,
        unit: av.Packet[VideoStream],
        pts_s: float,
        placed_s: float,
        *,
        after_loss: bool = False,
    ) -> Packet:
        """With another time than its own, where that is not to be believed."""
        if placed_s != pts_s:
            unit.dts = self._moved(unit.dts, pts_s, placed_s)
            unit.pts, pts_s = round(placed_s / self.time_base), placed_s
        if unit.pts is None:
            unit.pts = round(pts_s / self.time_base)  # so that its frame has a time too
        received_s = self._clock.mono_s()
        return Packet(pts_s, received_s, unit.is_keyframe, unit.size, unit, after_loss)

    def _moved(self, dts: int | None, pts_s: float, placed_s: float) -> int | None:
        """The moment of decoding along with that of showing, where it belongs to it."""
        if dts is None or not 0 <= pts_s - float(dts * self.time_base) <= REORDER_S:
            return None
        return dts + round((placed_s - pts_s) / self.time_base)


class OpenedStream:
    """What all sources share: a libav container, and one video stream of it."""

    live = True

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        *,
        transport: str,
        clock: Clock,
        follows_clock: bool = False,
    ) -> None:
        self._container = container
        self._stream = stream
        self._clock = clock
        self._stamper = PacketStamper(stream, clock, follows_clock=follows_clock)
        self.info = describe(container, stream, transport)

    @property
    def stream(self) -> VideoStream:
        return self._stream

    @property
    def time_base(self) -> Fraction:
        return self._stamper.time_base

    @property
    def lost_packets(self) -> int:
        return 0

    @property
    def sender_ahead_s(self) -> float | None:
        return None

    @property
    def remarks(self) -> tuple[str, ...]:
        remark = self._stamper.time.remark if self._stamper.time else ""
        return (remark,) if remark else ()

    def close(self) -> None:
        self._container.close()


def read_packets(source: PacketSource, camera: str) -> Iterator[Packet]:
    """Whatever a library makes of a stream is that stream's fault, not the agent's."""
    packets = source.packets()
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except AgentError:
            raise
        except Exception as error:  # noqa: BLE001  any fault of a library
            kind = type(error).__name__
            raise MediaError(f"{camera}: cannot be read ({kind}: {scrubbed(str(error))})") from None
        yield packet


def video_stream(container: InputContainer) -> VideoStream | None:
    """The picture: the first video stream that is no cover art and can be decoded.

    A stream without codec context (truncated file, unknown codec) would crash the process
    in libav when decoded, so it does not count.
    """
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            continue
        # PyAV's types say "never None", its code says otherwise.
        codec: VideoCodecContext | None = stream.codec_context
        if codec is not None:
            return stream
    return None


def refuse_large(
    container: InputContainer, stream: VideoStream, rules: PictureRules, source: object
) -> None:
    """Raises MediaError for pictures that are not to be decoded, and closes the container."""
    try:
        rules.check(_size_of(stream), source)
    except MediaError:
        container.close()
        raise


def _size_of(stream: VideoStream) -> FrameSize | None:
    codec = stream.codec_context
    return FrameSize(codec.width, codec.height) if codec.width > 0 < codec.height else None


def describe(container: InputContainer, stream: VideoStream, transport: str) -> StreamInfo:
    codec = stream.codec_context
    return StreamInfo(
        codec.name,
        _size_of(stream),
        codec.pix_fmt,
        rate_of(stream),
        transport,
        _duration_s(container, stream),
    )


#: How Matroska's muxers tell a track's length: 00:01:02.345000000.
_DURATION_TAG = re.compile(r"(\d{1,9}):(\d\d):(\d\d(?:\.\d{1,18})?)")


def _duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    """The picture's own length where the file tells it, else that of everything in it."""
    time_base = stream.time_base or Fraction(0)
    tag = _DURATION_TAG.fullmatch(stream.metadata.get("DURATION", ""))
    if stream.duration is not None and tag is None:
        duration_s = float(stream.duration * time_base)
    else:
        # Matroska has the length of the file and a tag for each stream; both count from 0.
        end_s = (container.duration or 0) / av.time_base
        if tag:
            tagged_s = int(tag[1]) * 3600.0 + int(tag[2]) * 60.0 + float(tag[3])
            end_s = min(end_s or tagged_s, tagged_s)
        duration_s = end_s - max(0.0, float((stream.start_time or 0) * time_base))
    return duration_s if duration_s > 0 else None


def rate_of(stream: VideoStream) -> float | None:
    """Frames per second as the stream claims, None when it claims nothing plausible."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0 < rate <= 240:
            return float(rate)
    return None
