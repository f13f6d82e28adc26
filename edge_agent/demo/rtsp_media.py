"""A recording made ready for RTP: pictures already cut into payloads, and its SDP."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.video.stream import VideoStream

from edge_agent.demo import rtp
from edge_agent.errors import MediaError


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One encoded picture. `sent_s` is when it is due, `shown_s` what its timestamp says."""

    sent_s: float
    shown_s: float
    is_key: bool
    payloads: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Media:
    """A video as the server sends it. Immutable: any number of mounts and clients share it."""

    payload_type: int
    sdp_lines: tuple[str, ...]  # of the m= section: rtpmap, fmtp, framerate
    duration_s: float  # from the first picture to the loop's next first picture
    pictures: tuple[EncodedPicture, ...] = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> Media:
        """Read a clip (H.264, H.265 or MJPEG; any container libav knows) into memory.

        Raises MediaError for a file that cannot be read or sent.
        """
        try:
            with av.open(str(path)) as container:
                return _load(container)
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(f"{path}: cannot be read as a video") from error


def _load(container: InputContainer) -> Media:
    if not container.streams.video:
        raise MediaError(f"{container.name}: has no video")
    stream = container.streams.video[0]
    codec = stream.codec_context.name if stream.codec_context else "unknown"
    reader = _READERS.get(codec)
    if reader is None:
        raise MediaError(f"{container.name}: codec {codec} is not served, only H.264, H.265, MJPEG")
    rate = float(stream.average_rate or 0) or 25.0  # a bare elementary stream says none
    packaging = reader(container, stream)
    pictures = tuple(_pictures(packaging.units, rate))
    if not pictures or not pictures[0].is_key:
        raise MediaError(f"{container.name}: does not begin with a whole picture")
    duration_s = pictures[-1].sent_s + 1 / rate
    lines = (*packaging.sdp_lines(), f"a=framerate:{rate:g}")
    return Media(packaging.payload_type, lines, duration_s, pictures)


@dataclass(frozen=True, slots=True)
class _Unit:
    """One packet of the file; times in seconds, None where the container has none."""

    dts_s: float | None
    pts_s: float | None
    is_key: bool
    payloads: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Packaging:
    payload_type: int
    units: Iterable[_Unit]
    sdp_lines: Callable[[], tuple[str, ...]]  # asked when the units are read


def _pictures(units: Iterable[_Unit], rate: float) -> Iterator[EncodedPicture]:
    """Times from zero on; where the container has none, from the frame rate."""
    first_dts_s = first_pts_s = None
    for index, unit in enumerate(units):
        dts_s = unit.dts_s if unit.dts_s is not None else index / rate
        pts_s = unit.pts_s if unit.pts_s is not None else dts_s
        if first_dts_s is None or first_pts_s is None:
            first_dts_s, first_pts_s = dts_s, pts_s
        yield EncodedPicture(dts_s - first_dts_s, pts_s - first_pts_s, unit.is_key, unit.payloads)


def _seconds(ticks: int | None, packet: av.Packet[VideoStream]) -> float | None:
    return None if ticks is None else float(ticks * packet.time_base)


# --- H.264 and H.265 ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _NalCodec:
    """What differs between the two."""

    to_annex_b: str  # libav's bitstream filter
    kind: Callable[[bytes], int]
    parameter_kinds: tuple[int, ...]  # in the order in which decoders need them
    delimiter_kind: int
    payloads: Callable[[list[bytes]], tuple[bytes, ...]]
    sdp_lines: Callable[[dict[int, bytes]], tuple[str, ...]]


def _h264_sdp(sets: dict[int, bytes]) -> tuple[str, ...]:
    sps, pps = sets[7], sets[8]
    profile, sprop = sps[1:4].hex().upper(), f"{_base64(sps)},{_base64(pps)}"
    parameters = f"packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sprop}"
    return (
        f"a=rtpmap:{rtp.DYNAMIC_PAYLOAD_TYPE} H264/{rtp.CLOCK_HZ}",
        f"a=fmtp:{rtp.DYNAMIC_PAYLOAD_TYPE} {parameters}",
    )


def _h265_sdp(sets: dict[int, bytes]) -> tuple[str, ...]:
    vps, sps, pps = (_base64(sets[kind]) for kind in (32, 33, 34))
    return (
        f"a=rtpmap:{rtp.DYNAMIC_PAYLOAD_TYPE} H265/{rtp.CLOCK_HZ}",
        f"a=fmtp:{rtp.DYNAMIC_PAYLOAD_TYPE} sprop-vps={vps};sprop-sps={sps};sprop-pps={pps}",
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


_H264 = _NalCodec(
    "h264_mp4toannexb", lambda unit: unit[0] & 0x1F, (7, 8), 9, rtp.h264_payloads, _h264_sdp
)
_H265 = _NalCodec(
    "hevc_mp4toannexb",
    lambda unit: unit[0] >> 1 & 0x3F,
    (32, 33, 34),
    35,
    rtp.h265_payloads,
    _h265_sdp,
)


def _nal_packaging(codec: _NalCodec, container: InputContainer, stream: VideoStream) -> _Packaging:
    newest_sets: list[bytes] = []

    def units() -> Iterator[_Unit]:
        annex_b = BitStreamFilterContext(codec.to_annex_b, stream)
        for packet in container.demux(stream):
            if not packet.size:
                continue
            dts_s, pts_s = _seconds(packet.dts, packet), _seconds(packet.pts, packet)
            is_key = packet.is_keyframe
            found = [unit for part in annex_b.filter(packet) for unit in rtp.nal_units(bytes(part))]
            found = [unit for unit in found if codec.kind(unit) != codec.delimiter_kind]
            sets = [unit for unit in found if codec.kind(unit) in codec.parameter_kinds]
            if sets:
                newest_sets[:] = sets
            # Every key picture brings its parameter sets: a client that missed the SDP's, or
            # joined after they changed, can still begin there.
            if sets or is_key:
                others = [unit for unit in found if codec.kind(unit) not in codec.parameter_kinds]
                found = [*newest_sets, *others]
            yield _Unit(dts_s, pts_s, is_key, codec.payloads(found))

    def sdp_lines() -> tuple[str, ...]:
        parameters = {codec.kind(unit): unit for unit in newest_sets}
        if any(kind not in parameters for kind in codec.parameter_kinds):
            raise MediaError(f"{container.name}: has no parameter sets; it cannot be decoded")
        return codec.sdp_lines(parameters)

    return _Packaging(rtp.DYNAMIC_PAYLOAD_TYPE, units(), sdp_lines)


# --- MJPEG ----------------------------------------------------------------------------


@functools.cache
def _standard_huffman() -> dict[int, bytes]:
    """The tables of ITU-T T.81, annex K.3: libjpeg's, unless it is told to optimise."""
    _, data = cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))
    return rtp.huffman_tables(rtp.jpeg_segments(data.tobytes())[0])


def _jpeg_packaging(container: InputContainer, stream: VideoStream) -> _Packaging:
    def units() -> Iterator[_Unit]:
        for packet in container.demux(stream):
            if not packet.size:
                continue
            jpeg = bytes(packet)
            tables = rtp.huffman_tables(rtp.jpeg_segments(jpeg)[0])
            if any(_standard_huffman().get(key) != table for key, table in tables.items()):
                raise MediaError(
                    f"{container.name}: RTP carries only JPEG with the standard's Huffman tables "
                    "(ffmpeg: -huffman default)"
                )
            payloads = rtp.jpeg_payloads(jpeg)
            yield _Unit(_seconds(packet.dts, packet), _seconds(packet.pts, packet), True, payloads)

    return _Packaging(rtp.JPEG_PAYLOAD_TYPE, units(), lambda: ("a=rtpmap:26 JPEG/90000",))


_READERS: dict[str, Callable[[InputContainer, VideoStream], _Packaging]] = {
    "h264": functools.partial(_nal_packaging, _H264),
    "hevc": functools.partial(_nal_packaging, _H265),
    "mjpeg": _jpeg_packaging,
}
