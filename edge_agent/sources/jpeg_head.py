"""The size of a JPEG from its first bytes (ITU-T T.81, B.1.1 and B.2.2), without decoding it."""

from __future__ import annotations

from edge_agent.geometry import FrameSize

#: Exif with its thumbnail is one segment of at most 64 kB, colour profiles are some more.
HEAD_BYTES = 512 * 1024

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOFn; not DHT, JPG, DAC


def jpeg_size(head: bytes) -> FrameSize | None:
    """As it is stored. None: no JPEG, or its frame header is not in `head`."""
    if head[:2] != bytes((0xFF, _START)):
        return None
    at = 2
    while at + 4 <= len(head):
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _ALONE:
            at += 2
        elif marker in (_END, _SCAN):
            return None
        elif marker in _FRAMES:
            return _frame_size(head[at + 5 : at + 9])
        else:
            at += 2 + max(2, int.from_bytes(head[at + 2 : at + 4], "big"))
    return None


def _frame_size(sides: bytes) -> FrameSize | None:
    height, width = int.from_bytes(sides[:2], "big"), int.from_bytes(sides[2:], "big")
    return FrameSize(width, height) if len(sides) == 4 and width and height else None
