"""One clip on its way to the disk: packets as the camera sent them, in a fragmented MP4.

Nothing is decoded or encoded anew. A fragment is complete in itself, so that a power cut
costs what came after the newest one and leaves a file that plays; for the same reason the
file is only ever appended to, which lets its fingerprint grow along with it. Audio is not
there to be written: sources never open it.
"""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import OutputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from edge_agent.domain import Packet, PacketStream
from edge_agent.errors import MediaError

#: Those that were tried: written, killed, decoded. Raw pictures (USB yuyv422) would be 20 MB/s.
CLIP_CODECS = frozenset({"h264", "hevc", "mjpeg"})

#: A killed process costs at most a GOP or this much of the clip, whichever is shorter; a power
#: cut also what the kernel had not written yet, which SYNC_EVERY_S bounds.
FRAGMENT_S = 1.0
SYNC_EVERY_S = 5.0

_FLAGS = "empty_moov+default_base_moof"
#: What libav hands over at once: a fragment in few pieces.
_BUFFER_BYTES = 64 * 1024
#: IOV_MAX of Linux, limits.h.
_MAX_CHUNKS = 1024
#: A stream of one packet has no step; any plausible one will do.
_ONE_STEP_S = Fraction(1, 25)


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What a finished file is."""

    sha256: str
    size_bytes: int
    duration_s: float


class ClipFile:
    """Written by one thread. The first packet must be a keyframe."""

    def __init__(self, path: Path, stream: PacketStream) -> None:
        """Raises OSError, and MediaError for streams that cannot be kept as clips."""
        self.path = path
        self._stream = stream
        self._sink = ChunkSink()
        self._container, self._track = _muxer(self._sink, stream)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        os.fchmod(descriptor, 0o600)  # whatever the umask
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._digest = hashlib.sha256()
        self._size_bytes = 0
        self._broken = False
        self._first_dts: int | None = None
        self._last_dts = self._synced_dts = 0
        self._begin_pts = self._end_pts = self._kept_pts = 0
        # In ticks: a fraction's arithmetic for each packet costs more than muxing it.
        self._step = max(1, round(_ONE_STEP_S / stream.time_base))
        self._sync_every = round(SYNC_EVERY_S / stream.time_base)

    @property
    def size_bytes(self) -> int:
        """What is in the file by now."""
        return self._size_bytes

    @property
    def broken(self) -> bool:
        """Something could not be written; what is in the file plays all the same."""
        return self._broken

    def add(self, packet: Packet) -> None:
        """Append one packet. Raises OSError (disk) and MediaError; then only `seal` may follow."""
        end_pts = self._end_pts
        try:
            self._container.mux(self._timed(packet))
        except av.error.FFmpegError as error:
            self._broken = True
            raise MediaError(f"{self.path}: cannot be written: {error.strerror}") from None
        if self._drain():
            self._kept_pts = end_pts  # a fragment is written once the next one begins

    def seal(self) -> ClipFacts:
        """Write what is still inside, if that can be. The facts are those of the file."""
        try:
            self._container.close()
            if not self._broken:
                self._drain()
                self._kept_pts = self._end_pts
        except (av.error.FFmpegError, OSError):
            self._broken = True  # the last fragment is missing; those before it play
        span = max(self._kept_pts - self._begin_pts, 0)
        duration_s = float(span * self._stream.time_base)
        return ClipFacts(self._digest.hexdigest(), self._size_bytes, duration_s)

    def sync_due(self) -> bool:
        """Whether what was written since the last time should be made durable now."""
        due = self._last_dts - self._synced_dts >= self._sync_every
        if due:
            self._synced_dts = self._last_dts
        return due

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()

    def _drain(self) -> bool:
        """What libav made goes to the disk, wholly or not at all; whether it made anything."""
        chunks = self._sink.take()
        if not chunks:
            return False
        try:
            write_all(self._file.fileno(), chunks)
        except OSError:
            self._broken = True
            os.ftruncate(self._file.fileno(), self._size_bytes)
            raise
        for chunk in chunks:
            self._digest.update(chunk)
            self._size_bytes += len(chunk)
        return True

    def _timed(self, packet: Packet) -> av.Packet[Stream]:
        """A copy for the muxer, which changes what it is given; its time begins at 0."""
        unit = packet.unit
        assert isinstance(unit, av.Packet)
        pts = unit.pts if unit.pts is not None else round(packet.pts_s / self._stream.time_base)
        dts = pts if unit.dts is None else unit.dts
        if self._first_dts is None:
            self._first_dts, shifted = dts, 0
            self._begin_pts = max(pts - dts, 0)
        else:
            # Cameras repeat and reverse times by a tick or two; MP4 has none of it.
            shifted = max(dts - self._first_dts, self._last_dts + 1)
            self._step = shifted - self._last_dts
        copy = av.Packet(unit)  # type: ignore[arg-type]  # it takes any buffer
        copy.time_base = self._stream.time_base
        copy.dts = self._last_dts = shifted
        copy.pts = max(pts - self._first_dts, shifted)
        copy.duration = self._step
        copy.is_keyframe = packet.is_key
        copy.stream = self._track
        self._end_pts = max(self._end_pts, copy.pts + self._step)
        return copy


class ChunkSink(io.RawIOBase):
    """Where libav writes. Not the file itself: an error there must not pass through C."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        chunk = bytes(data)  # type: ignore[call-overload]  # libav's own buffer: a copy
        self._chunks.append(chunk)
        return len(chunk)

    def take(self) -> list[bytes]:
        chunks, self._chunks = self._chunks, []
        return chunks


def write_all(descriptor: int, chunks: list[bytes]) -> None:
    """All of it. Raises OSError, some of it written."""
    for first in range(0, len(chunks), _MAX_CHUNKS):
        some = chunks[first : first + _MAX_CHUNKS]
        written = os.writev(descriptor, some)
        rest = memoryview(b"".join(some))[written:] if written < sum(map(len, some)) else b""
        while rest:  # a disk that is nearly full takes a part
            rest = rest[os.write(descriptor, rest) :]


def _muxer(sink: ChunkSink, stream: PacketStream) -> tuple[OutputContainer, Stream]:
    template = stream.template
    if stream.codec not in CLIP_CODECS or not isinstance(template, VideoStream):
        raise MediaError(f"a stream in {stream.codec} cannot be kept as a clip")
    if stream.codec != "mjpeg" and not template.codec_context.extradata:
        raise MediaError(f"the {stream.codec} stream came without its parameter sets")
    # In MJPEG every picture is a keyframe, and a fragment for each is work for nothing.
    flags = _FLAGS if stream.codec == "mjpeg" else f"{_FLAGS}+frag_keyframe"
    options = {"movflags": flags, "frag_duration": str(round(FRAGMENT_S * 1e6))}
    container = av.open(sink, "w", format="mp4", options=options, buffer_size=_BUFFER_BYTES)
    # opaque: by the decoder's name. Otherwise PyAV looks for an encoder, which an FFmpeg
    # without x264 and x265 does not have.
    track = container.add_stream_from_template(template, opaque=True)
    if stream.codec == "hevc":
        track.codec_context.codec_tag = "hvc1"  # Apple's players take no other
    return container, track
