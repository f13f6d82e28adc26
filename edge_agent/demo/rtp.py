"""RTP and RTCP (RFC 3550), and how H.264, H.265 and JPEG pictures are cut into packets.

Payload formats: RFC 6184 (H.264: single NAL units and FU-A), RFC 7798 (H.265: single NAL
units and FUs), RFC 2435 (JPEG). Pure bytes; nothing here knows sockets or time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from edge_agent.errors import MediaError

#: Video runs on this clock in all three payload formats.
CLOCK_HZ = 90_000

#: Leaves room for IPv6, UDP, RTP and a VPN's header within Ethernet's 1500.
MAX_PAYLOAD_BYTES = 1400

#: RFC 3551, table 5: JPEG has a payload type of its own, the others are dynamic.
JPEG_PAYLOAD_TYPE = 26
DYNAMIC_PAYLOAD_TYPE = 96

_VERSION = 0x80
_NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970
_SENDER_REPORT, _SOURCE_DESCRIPTION, _GOODBYE = 200, 202, 203
_CNAME = 1

_H264_FU_A = 28
_H265_FU = 49


def rtp_header(
    sequence: int, timestamp: int, ssrc: int, *, payload_type: int, marker: bool
) -> bytes:
    """The 12 bytes before a payload; `marker`: the last packet of a picture."""
    return struct.pack(
        ">BBHII",
        _VERSION,
        payload_type | (0x80 if marker else 0),
        sequence & 0xFFFF,
        timestamp & 0xFFFFFFFF,
        ssrc,
    )


def sender_report(ssrc: int, utc_s: float, timestamp: int, *, packets: int, octets: int) -> bytes:
    """Which RTP timestamp belongs to which moment; with the source's name, as RFC 3550 asks."""
    seconds = int(utc_s)
    fraction = int((utc_s - seconds) * 2**32)
    report = struct.pack(
        ">BBHIIIIII",
        _VERSION,
        _SENDER_REPORT,
        6,
        ssrc,
        (seconds + _NTP_EPOCH_S) & 0xFFFFFFFF,
        fraction,
        timestamp & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        octets & 0xFFFFFFFF,
    )
    name = b"edge-agent-demo"
    item = struct.pack(">IBB", ssrc, _CNAME, len(name)) + name
    item += bytes(4 - len(item) % 4)  # ends with at least one zero, on a word's edge
    return report + struct.pack(">BBH", _VERSION | 1, _SOURCE_DESCRIPTION, len(item) // 4) + item


def goodbye(ssrc: int) -> bytes:
    """No more pictures will come."""
    return struct.pack(">BBHI", _VERSION | 1, _GOODBYE, 1, ssrc)


# --- H.264 and H.265 ------------------------------------------------------------------


def nal_units(annex_b: bytes) -> list[bytes]:
    """The NAL units of a byte stream (ITU-T H.264, annex B), without start codes."""
    units: list[bytes] = []
    start = annex_b.find(b"\0\0\1")
    while start >= 0:
        end = annex_b.find(b"\0\0\1", start + 3)
        # A unit never ends with a zero byte: those before a start code belong to the code.
        unit = annex_b[start + 3 : end if end >= 0 else None].rstrip(b"\0")
        if unit:
            units.append(unit)
        start = end
    return units


def h264_payloads(units: Sequence[bytes], limit: int = MAX_PAYLOAD_BYTES) -> tuple[bytes, ...]:
    """RTP payloads of one picture's NAL units, packetization-mode 1."""
    return tuple(part for unit in units for part in _h264_fragments(unit, limit))


def _h264_fragments(unit: bytes, limit: int) -> Iterator[bytes]:
    if len(unit) <= limit:
        yield unit
        return
    indicator, kind = (unit[0] & 0xE0) | _H264_FU_A, unit[0] & 0x1F
    for flags, part in _fragments(unit[1:], limit - 2):
        yield bytes((indicator, flags | kind)) + part


def h265_payloads(units: Sequence[bytes], limit: int = MAX_PAYLOAD_BYTES) -> tuple[bytes, ...]:
    """RTP payloads of one picture's NAL units, without DONL (no interleaving)."""
    return tuple(part for unit in units for part in _h265_fragments(unit, limit))


def _h265_fragments(unit: bytes, limit: int) -> Iterator[bytes]:
    if len(unit) <= limit:
        yield unit
        return
    header, kind = bytes(((unit[0] & 0x81) | _H265_FU << 1, unit[1])), unit[0] >> 1 & 0x3F
    for flags, part in _fragments(unit[2:], limit - 3):
        yield header + bytes((flags | kind,)) + part


def _fragments(body: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """Pieces with the start and end bits that both FU headers share."""
    for offset in range(0, len(body), size):
        first, last = offset == 0, offset + size >= len(body)
        yield (0x80 if first else 0) | (0x40 if last else 0), body[offset : offset + size]


# --- JPEG -----------------------------------------------------------------------------

_SOF0, _DHT, _DQT, _DRI, _SOS = 0xC0, 0xC4, 0xDB, 0xDD, 0xDA
_TABLES_IN_BAND = 255  # the Q field's word for "quantisation tables follow"
_WITH_RESTARTS = 64  # types 64-127 have a restart marker header
_WHOLE_PICTURE = b"\xff\xff"  # ...which says that receivers must assemble all before decoding
#: The components' sampling factors: 4:2:2 and 4:2:0.
_TYPE_OF_SAMPLING: dict[tuple[int, ...], int] = {(0x21, 0x11, 0x11): 0, (0x22, 0x11, 0x11): 1}


def jpeg_segments(jpeg: bytes) -> tuple[dict[int, bytes], bytes]:
    """Header segments by marker (repeated ones joined), and the entropy-coded data.

    Raises MediaError for bytes that are no baseline JPEG.
    """
    segments: dict[int, bytes] = {}
    offset = 2
    while jpeg[:2] == b"\xff\xd8" and offset + 4 <= len(jpeg) and jpeg[offset] == 0xFF:
        marker, length = jpeg[offset + 1], int.from_bytes(jpeg[offset + 2 : offset + 4], "big")
        segments[marker] = segments.get(marker, b"") + jpeg[offset + 4 : offset + 2 + length]
        offset += 2 + length
        if marker == _SOS:
            end = jpeg.rfind(b"\xff\xd9")
            return segments, jpeg[offset : end if end > offset else None]
    raise MediaError("a picture of the recording is no JPEG")


def huffman_tables(segments: dict[int, bytes]) -> dict[int, bytes]:
    """Class and id -> table; RTP cannot carry them, so receivers assume the standard's."""
    data, tables = segments.get(_DHT, b""), {}
    while len(data) >= 17:
        length = 17 + sum(data[1:17])
        tables[data[0]], data = data[1:length], data[length:]
    return tables


def jpeg_payloads(jpeg: bytes, limit: int = MAX_PAYLOAD_BYTES) -> tuple[bytes, ...]:
    """RTP payloads of one baseline JPEG. Raises MediaError for what RFC 2435 cannot carry."""
    segments, scan = jpeg_segments(jpeg)
    frame = segments.get(_SOF0, b"")
    # Three bytes for each component: id, sampling, table.
    kind = _TYPE_OF_SAMPLING.get(tuple(frame[7:15:3]))
    if kind is None:
        raise MediaError("RTP carries only baseline JPEG with colours, 4:2:0 or 4:2:2")
    height, width = struct.unpack(">HH", frame[1:5])
    if max(height, width) > 2040:
        raise MediaError(f"RTP carries no JPEG larger than 2040 px; this is {width}x{height}")
    tables = _quantisation_tables(segments.get(_DQT, b""))
    interval = segments.get(_DRI, b"")
    if interval:
        kind |= _WITH_RESTARTS
        interval += _WHOLE_PICTURE
    shape = bytes((kind, _TABLES_IN_BAND, (width + 7) // 8, (height + 7) // 8)) + interval
    payloads, offset = [], 0
    while offset < len(scan):
        head = b"\0" + offset.to_bytes(3, "big") + shape
        if offset == 0:
            head += struct.pack(">BBH", 0, 0, len(tables)) + tables
        part = scan[offset : offset + limit - len(head)]
        payloads.append(head + part)
        offset += len(part)
    return tuple(payloads)


def _quantisation_tables(data: bytes) -> bytes:
    """Luma's and chroma's, 64 bytes each; files may store them in one segment or two."""
    found: dict[int, bytes] = {}
    while len(data) >= 65:
        found[data[0]], data = data[1:65], data[65:]
    if not found or max(found) > 1:
        raise MediaError("RTP carries only JPEG with one or two 8-bit quantisation tables")
    return b"".join(found[key] for key in sorted(found))
