"""Clips that inflate, and side data that PyAV frees twice: each in a process of its own."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

_PLAY = """
import resource, sys
from edge_agent.clock import SystemClock
from edge_agent.config.schema import FileSource
from edge_agent.domain import CameraId
from edge_agent.errors import MediaError
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings
clock, seen = SystemClock(), []
source = FileSource(path=sys.argv[1], pace="fast")
feed = CameraFeed(
    FeedSettings(CameraId("front"), source, 10.0),
    credentials=CredentialGuard(None, clock), clock=clock,
)
before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    feed.run_once(StopToken(), lambda frame: seen.append(frame.pixels.size))
except MediaError:
    pass
print(len(seen), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) // 1024)
"""


def _played(path: Path) -> tuple[int, int]:
    """Pictures, and MiB that they took. Fails where the process dies."""
    command = [sys.executable, "-c", _PLAY, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    pictures, mib = done.stdout.split()
    return int(pictures), int(mib)


def _png(path: Path, kind: bytes, inflated_bytes: int) -> Path:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    more = b"k\0\0" + zlib.compress(bytes(inflated_bytes), 9)
    pixels = zlib.compress(bytes((64 * 3 + 1) * 64))
    chunks = [(b"IHDR", head), (kind, more), (b"IDAT", pixels), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks))
    return path


def test_a_png_with_a_colour_profile_is_analysed(tmp_path: Path) -> None:
    assert _played(_png(tmp_path / "a.png", b"iCCP", 3000))[0] == 1


@pytest.mark.parametrize("kind", [b"iCCP", b"zTXt"])
def test_what_a_png_says_beside_its_picture_is_bounded(tmp_path: Path, kind: bytes) -> None:
    assert _played(_png(tmp_path / "a.png", kind, 500_000_000))[1] < 450


def test_a_compressed_header_is_bounded(tmp_path: Path) -> None:
    def box(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data) + 8) + name + data

    size = 500_000_000
    inflated = struct.pack(">I", size) + zlib.compress(bytes(size), 9)
    head = box(b"cmov", box(b"dcom", b"zlib") + box(b"cmvd", inflated))
    path = tmp_path / "a.mov"
    path.write_bytes(box(b"ftyp", b"qt  " * 3) + box(b"moov", head) + box(b"mdat", bytes(99)))
    pictures, mib = _played(path)
    assert pictures == 0
    assert mib < 100
