"""A small writer of Dahua's DHAV (`.dav`): FFmpeg only reads it.

Laid out as FFmpeg's demuxer (libavformat/dhav.c) takes it apart: each chunk is `DHAV`, type,
subtype, channel, subnumber, number, length, date, milliseconds, extension, the payload, and
`dhav` with the length again.
"""

from __future__ import annotations

import datetime as dt
import struct
from dataclasses import replace
from pathlib import Path

import av
from clips import Clip, render

KEY, DELTA, SOUND = 0xFD, 0xFC, 0xF0
CODECS = {"h264": 0x02, "hevc": 0x0C, "mjpeg": 0x03}


def write_dav(
    path: Path,
    clip: Clip | None = None,
    *,
    start: dt.datetime | None = None,
    sound_from: int | None = None,
    filler_bytes: int = 0,
) -> Path:
    """Render a clip and wrap it; `start` is the recorder's local time in every packet.

    `sound_from`: the frame with which sound begins; `filler_bytes`: added to each picture.
    """
    clip = clip or Clip()
    start = start or dt.datetime.fromisoformat("2026-11-24T14:05:06")
    bare = render(path.with_suffix(".bare.h264"), replace(clip, audio=False))
    wrap(bare, path, clip, start=start, sound_from=sound_from, filler_bytes=filler_bytes)
    bare.unlink()
    return path


def wrap(
    bare: Path,
    path: Path,
    clip: Clip,
    *,
    start: dt.datetime | None = None,
    sound_from: int | None = None,
    filler_bytes: int = 0,
) -> None:
    """The pictures of an elementary stream, Annex B, as a recorder has it."""
    start = start or dt.datetime.fromisoformat("2026-11-24T14:05:06")
    with av.open(str(bare)) as container:
        stream = container.streams.video[0]
        units = [(unit.is_keyframe, bytes(unit)) for unit in container.demux(stream) if unit.size]
    filler = b"\0\0\0\1\x0c" + b"\xff" * filler_bytes + b"\x80" if filler_bytes else b""
    chunks = []
    for number, (is_key, payload) in enumerate(units):
        at = start + dt.timedelta(seconds=number / clip.fps)
        kind = KEY if is_key else DELTA
        chunks.append(_chunk(number, kind, payload + filler, clip, at))
    for number in range(len(units) if sound_from is not None else 0, sound_from or 0, -1):
        at = start + dt.timedelta(seconds=number / clip.fps)
        chunks.insert(number, _chunk(number, SOUND, bytes(320), clip, at))
    path.write_bytes(b"".join(chunks))


def _chunk(number: int, kind: int, payload: bytes, clip: Clip, at: dt.datetime) -> bytes:
    extension = b""
    if kind == SOUND:
        extension += struct.pack("<BBBB", 0x83, 1, 0x0E, 2)  # one channel, A-law, 8 kHz
    if kind == KEY:
        extension += struct.pack("<BBBB", 0x81, 0, CODECS["h264"], clip.fps)
        extension += struct.pack("<BBBBHH", 0x82, 0, 0, 0, clip.width, clip.height)
    date = (
        at.second
        | at.minute << 6
        | at.hour << 12
        | at.day << 17
        | at.month << 22
        | (at.year - 2000) << 26
    )
    length = 24 + len(extension) + len(payload) + 8
    head = b"DHAV" + struct.pack("<BBBBIII", kind, 0, 0, 0, number, length, date)
    # The milliseconds run on over the seconds; only their difference counts.
    millis = int(number * 1000 / clip.fps) % 65535
    head += struct.pack("<HBB", millis, len(extension), sum(head) & 0xFF)
    return head + extension + payload + b"dhav" + struct.pack("<I", length)
