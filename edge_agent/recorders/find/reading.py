"""Clips and stills from a file that is already open: deleting it meanwhile does no harm.

An uploaded file is a stranger's: libav may only take it for what recorders write, so that a
playlist or a script under a clip's name reaches nothing else.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from edge_agent.clock import Clock
from edge_agent.config.schema import FileSource
from edge_agent.domain import Packet
from edge_agent.errors import MediaError
from edge_agent.geometry import FrameSize
from edge_agent.recorders.find.clip import ClipKind, ContentId, FoundClip, shown_path
from edge_agent.recorders.find.identity import (
    ClipChanged,
    OpenFile,
    content_of,
    open_regular,
    still_holds,
)
from edge_agent.runtime.stop import StopToken
from edge_agent.sources.decoder import Decoder
from edge_agent.sources.file import FilePackets, check_sizes, refuse_encrypted
from edge_agent.sources.jpeg_head import HEAD_BYTES
from edge_agent.sources.libav import Target, file_failure
from edge_agent.sources.packets import describe, video_stream
from edge_agent.sources.picture_rules import ANY_CAMERA, PictureRules

#: libav's names of the containers; several share one demuxer.
_VIDEO_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,dhav,flv,asf,h264,hevc,m4v,mjpeg"
)
_BARE_FORMATS = ("h264", "hevc", "m4v", "mjpeg")
_STILL_FORMATS = "jpeg_pipe"

#: A share that stopped answering, or gigabytes of garbage that libav searches for a picture.
OPEN_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 10.0

#: A picture must come out of this many packets, or of this much: a clip may begin anywhere.
TRY_PACKETS = 500
TRY_BYTES = 16 * 1024 * 1024

#: Of a GOP longer than this, everything is decoded.
MOST_HELD = 4_000


@dataclass(frozen=True, slots=True)
class ClipProperties:
    """What an opened clip says of itself; None: it does not say."""

    codec: str
    size: FrameSize
    fps: float | None
    duration_s: float | None
    created_utc_s: float | None  # as if it were UTC; see recorded_time
    rate_assumed: bool = False  # a bare stream: nothing in it says how fast it is played


class ClipPackets(FilePackets):
    """The packets of one clip, or the one packet of a still. `close` also closes the file."""

    def __init__(  # noqa: PLR0913 - one clip's parts, each by its name
        self,
        file: OpenFile,
        content: ContentId,
        container: InputContainer,
        stream: VideoStream,
        *,
        target: Target,
        stop: StopToken,
        clock: Clock,
        skip_s: float = 0.0,
    ) -> None:
        config = FileSource(path=os.fspath(file.path), pace="fast")
        super().__init__(container, stream, config=config, target=target, stop=stop, clock=clock)
        self._file: OpenFile | None = file
        self._content = content
        self._skip_s = skip_s

    def packets(self) -> Iterator[Packet]:
        """Raises ClipChanged at the end where the recorder wrote over the file meanwhile."""
        yield from without_beginning(super().packets(), self._skip_s)
        if self._file is not None and not still_holds(self._file, self._content):
            raise ClipChanged(f"{shown_path(self._file.path)} was written over while it was read")

    def close(self) -> None:
        super().close()
        if self._file is not None:
            self._file.close()
            self._file = None


def without_beginning(packets: Iterator[Packet], skip_s: float) -> Iterator[Packet]:
    """The first packet, which tells when the recording begins; then from the last keyframe on
    that lies before `skip_s` seconds after it: what lies between need not be decoded again."""
    first_s: float | None = None
    held: list[Packet] = []
    for packet in packets:
        if first_s is None:
            first_s = packet.pts_s
            yield packet
        elif packet.pts_s - first_s < skip_s and len(held) < MOST_HELD:
            if packet.is_key:
                held.clear()
            held.append(packet)
        else:
            skip_s = 0.0
            yield from held
            held = []
            yield packet


def open_clip(
    clip: FoundClip,
    *,
    stop: StopToken,
    clock: Clock,
    skip_s: float = 0.0,
    rules: PictureRules = ANY_CAMERA,
) -> ClipPackets:
    """Open what was found, without what lies before `skip_s`. Owned by the calling thread.

    Raises ClipGone, ClipChanged (the recorder wrote another clip under this name), MediaError.
    """
    file = open_regular(clip.path)
    try:
        _check_same(file, clip)
        target = Target(clip.camera, shown_path(clip.path))
        container, stream = _open(file, clip.kind, target, rules)
    except BaseException:
        file.close()
        raise
    return ClipPackets(
        file, clip.content, container, stream, target=target, stop=stop, clock=clock, skip_s=skip_s
    )


def _check_same(file: OpenFile, clip: FoundClip) -> None:
    same_stat = (file.size_bytes, file.mtime_ns) == (clip.size_bytes, clip.mtime_ns)
    if not same_stat and content_of(file) != clip.content:
        raise ClipChanged(f"{shown_path(clip.path)} holds another recording by now")


def facts_of(
    file: OpenFile, kind: ClipKind, camera: str, rules: PictureRules = ANY_CAMERA
) -> ClipProperties:
    """Open it, decode one picture, and say what it is. Raises MediaError with the reason."""
    target = Target(camera, shown_path(file.path))
    if file.size_bytes == 0:
        raise MediaError(f"{target} is empty (0 bytes)")
    if file.hole_bytes > file.size_bytes // 2:
        raise MediaError(
            f"{target} is mostly a hole ({file.hole_bytes // 2**20} of "
            f"{file.size_bytes // 2**20} MiB were never written): a copy that was not finished?"
        )
    container, stream = _open(file, kind, target, rules)
    try:
        size, first_s = _first_picture(container, stream, target, rules)
        info = describe(container, stream, "file")
        created_s = _created_s(container, stream)
        if created_s is None and container.format.name == "dhav":
            created_s = first_s  # its packets bear the recorder's date
        duration_s = info.duration_s if kind == "video" else 0.0
        bare = kind == "video" and container.format.name in _BARE_FORMATS
        return ClipProperties(info.codec, size, info.fps, duration_s, created_s, rate_assumed=bare)
    finally:
        container.close()


def _open(
    file: OpenFile, kind: ClipKind, target: Target, rules: PictureRules
) -> tuple[InputContainer, VideoStream]:
    os.lseek(file.fd, 0, os.SEEK_SET)  # libav's copy of the descriptor shares the place
    formats = _VIDEO_FORMATS if kind == "video" else _STILL_FORMATS
    options = {"fd": str(file.fd), "protocol_whitelist": "fd", "format_whitelist": formats}
    options |= rules.codec_options
    try:
        container = av.open(
            "fd:",
            "r",
            options=options,
            timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S),
            metadata_errors="replace",  # damaged titles are no reason not to look
        )
    except (av.error.FFmpegError, OSError) as error:
        failure = _failure(error, target)
        raise failure from None
    stream = video_stream(container)
    if stream is None:
        found = "only sound" if container.streams.audio else "no video that can be decoded"
        container.close()
        raise MediaError(f"{target} holds {found}")
    check_sizes(container, stream, os.pread(file.fd, HEAD_BYTES, 0), rules, target)
    return container, stream


def _first_picture(
    container: InputContainer, stream: VideoStream, target: Target, rules: PictureRules
) -> tuple[FrameSize, float | None]:
    """Its size, and the first packet's time in the stream."""
    decoder = Decoder(stream, stream.time_base or Fraction(1, 90_000), rules)
    first_s: float | None = None
    tried_bytes = 0
    try:
        for count, packet in enumerate(container.demux(stream)):
            if packet.pts is not None and first_s is None and packet.time_base:
                first_s = float(packet.pts * packet.time_base)
            if packet.size:
                refuse_encrypted(packet, target)
            # The empty packet at the end drains the decoder. Damage counts for nothing here: a
            # clip may begin in the middle of a GOP.
            pictures = decoder.decode_unit(packet) if packet.size else decoder.drain()
            if pictures:
                return FrameSize(pictures[0].unit.width, pictures[0].unit.height), first_s
            if decoder.complaint:
                raise MediaError(f"{target} {decoder.complaint}")
            tried_bytes += packet.size
            # After the empty packet PyAV 18.1 reads past the end of its table of streams, if one
            # (a recorder's sound) began later than the others.
            if packet.size == 0 or count >= TRY_PACKETS or tried_bytes >= TRY_BYTES:
                break
    except (av.error.FFmpegError, OSError) as error:
        failure = _failure(error, target)
        raise failure from None
    raise MediaError(f"{target} holds no picture that can be decoded")


def _failure(error: Exception, target: Target) -> MediaError:
    if isinstance(error, av.error.ExitError | av.error.TimeoutError):
        return MediaError(f"{target} could not be read within {OPEN_TIMEOUT_S:g} s")
    return file_failure(error, target)


def _created_s(container: InputContainer, stream: VideoStream) -> float | None:
    for metadata in (container.metadata, stream.metadata):
        text = metadata.get("creation_time") or metadata.get("date")
        if not text:
            continue
        try:
            moment = dt.datetime.fromisoformat(text)
        except ValueError:
            continue  # a year alone, free text
        return moment.replace(tzinfo=moment.tzinfo or dt.UTC).timestamp()
    return None
