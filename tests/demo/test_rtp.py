"""Packets byte by byte, put together again as the RFCs tell receivers to."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from edge_agent.demo import rtp
from edge_agent.errors import MediaError

SPS, PPS = b"\x67\x42\xc0\x16", b"\x68\xce\x0f"


@pytest.mark.parametrize(
    ("stream", "units"),
    [
        (b"", []),
        (b"\0\0\1" + SPS, [SPS]),
        (b"\0\0\0\1" + SPS + b"\0\0\0\1" + PPS, [SPS, PPS]),
        (b"\0\0\1" + SPS + b"\0\0\1" + PPS + b"\0\0\0", [SPS, PPS]),
    ],
)
def test_start_codes_of_three_and_four_bytes_are_removed(stream: bytes, units: list[bytes]) -> None:
    assert rtp.nal_units(stream) == units


def test_small_h264_units_travel_whole() -> None:
    assert rtp.h264_payloads([SPS, PPS]) == (SPS, PPS)


@pytest.mark.parametrize("length", [101, 199, 200, 1000])
def test_h264_fragments_are_put_together_again(length: int) -> None:
    unit = bytes([0x65]) + bytes(i % 251 for i in range(length - 1))

    parts = rtp.h264_payloads([unit], limit=100)

    assert all(len(part) <= 100 and part[0] == (0x65 & 0xE0) | 28 for part in parts)
    flags = [part[1] & 0xC0 for part in parts]
    assert flags == [0x80, *[0] * (len(parts) - 2), 0x40]
    header = bytes([parts[0][0] & 0xE0 | parts[0][1] & 0x1F])
    assert header + b"".join(part[2:] for part in parts) == unit


def test_h265_fragments_are_put_together_again() -> None:
    unit = bytes([19 << 1, 1]) + bytes(i % 251 for i in range(998))

    parts = rtp.h265_payloads([unit], limit=100)

    assert all(len(part) <= 100 and part[0] >> 1 == 49 and part[1] == 1 for part in parts)
    assert [part[2] & 0xC0 for part in parts] == [0x80, *[0] * (len(parts) - 2), 0x40]
    assert {part[2] & 0x3F for part in parts} == {19}
    assert unit[:2] + b"".join(part[3:] for part in parts) == unit


def test_header_wraps_sequence_and_timestamp() -> None:
    header = rtp.rtp_header(65536 + 7, 2**32 + 9, 5, payload_type=96, marker=True)

    assert struct.unpack(">BBHII", header) == (0x80, 0x80 | 96, 7, 9, 5)


def test_report_tells_the_moment_and_ends_on_a_words_edge() -> None:
    report = rtp.sender_report(5, 1_800_000_000.5, 90, packets=3, octets=400)

    ssrc, seconds, fraction, timestamp, packets, octets = struct.unpack(">6I", report[4:28])
    assert (ssrc, timestamp, packets, octets) == (5, 90, 3, 400)
    assert seconds - 2_208_988_800 + fraction / 2**32 == 1_800_000_000.5
    assert report[1] == 200
    assert report[29] == 202
    words = struct.unpack(">H", report[30:32])[0]
    assert len(report) == 28 + 4 * (words + 1)


def test_jpeg_is_put_together_again() -> None:
    image = np.random.default_rng(1).integers(0, 255, (64, 96, 3), np.uint8)
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    segments, scan = rtp.jpeg_segments(jpeg)

    parts = rtp.jpeg_payloads(jpeg, limit=500)

    assert all(len(part) <= 500 for part in parts)
    assert parts[0][4:8] == bytes((1, 255, 96 // 8, 64 // 8))
    tables = parts[0][12:140]
    assert tables == segments[0xDB][1:65] + segments[0xDB][66:130]
    bodies = [parts[0][140:], *(part[8:] for part in parts[1:])]
    offsets = [int.from_bytes(part[1:4], "big") for part in parts]
    assert offsets == [sum(map(len, bodies[:i])) for i in range(len(parts))]
    assert b"".join(bodies) == scan


@pytest.mark.parametrize(
    "jpeg",
    [
        b"",
        b"\xff\xd8\xff\xd9",
        cv2.imencode(".jpg", np.zeros((16, 16), np.uint8))[1].tobytes(),
        cv2.imencode(".jpg", np.zeros((16, 2048, 3), np.uint8))[1].tobytes(),
    ],
    ids=["empty", "no picture", "grey", "wide"],
)
def test_jpeg_that_rtp_cannot_carry_is_refused(jpeg: bytes) -> None:
    with pytest.raises(MediaError):
        rtp.jpeg_payloads(jpeg)
