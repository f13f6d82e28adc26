"""The bytes in which a camera's pipeline goes on from one recording to the next.

    "EACO" | version, 1 byte | CRC-32 of the rest, 4 bytes | msgpack

At most LIMIT_BYTES, for they are written to the card with every clip. Versions are not
migrated: the cost of a refusal is a warm-up of a few seconds, once after an update.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import msgspec

from edge_agent.errors import CarryOverRefused

LIMIT_BYTES = 64 * 1024
#: What a part of it may inflate to. zlib makes a thousand bytes of one; people, zones and open
#: events of the busiest scene take a few kilobytes.
_INFLATED_LIMIT_BYTES = 1024 * 1024
VERSION = 2

_MAGIC = b"EACO"
_HEAD_BYTES = len(_MAGIC) + 1 + 4
#: msgpack's own bytes around the motion state, which is packed last.
_SPARE_BYTES = 16


class CarryOver(msgspec.Struct, frozen=True, array_like=True):
    """The pipeline's own memory and its stages', each in the stage's own words.

    Moments are on the timeline of the recording that ends. Width and height are the last
    picture's; 0 where there was none.
    """

    width: int
    height: int
    last_s: float
    blind_look_s: float
    track: bytes
    rules: bytes
    events: bytes
    motion: bytes = b""
    profiles: bytes = b""  # of a camera that has any


def pack(state: CarryOver, motion: Callable[[int], bytes]) -> bytes:
    """`motion` gives its state in at most so many bytes: it can be coarse, people cannot."""
    small = msgspec.structs.replace(
        state,
        track=zlib.compress(state.track),
        rules=zlib.compress(state.rules),
        events=zlib.compress(state.events),
    )
    taken = _HEAD_BYTES + len(msgspec.msgpack.encode(small)) + _SPARE_BYTES
    whole = msgspec.structs.replace(small, motion=motion(max(0, LIMIT_BYTES - taken)))
    body = msgspec.msgpack.encode(whole)
    return _MAGIC + bytes([VERSION]) + zlib.crc32(body).to_bytes(4, "big") + body


def unpack(data: bytes) -> CarryOver:
    """Raises CarryOverRefused."""
    if len(data) > LIMIT_BYTES:
        raise CarryOverRefused(f"{len(data)} bytes are more than any carried-over state")
    head, body = data[:_HEAD_BYTES], data[_HEAD_BYTES:]
    if len(head) < _HEAD_BYTES or not head.startswith(_MAGIC):
        raise CarryOverRefused(f"{len(data)} bytes are no carried-over state")
    version = head[len(_MAGIC)]
    if version != VERSION:
        raise CarryOverRefused(f"carried over by version {version}, this is version {VERSION}")
    if zlib.crc32(body) != int.from_bytes(head[-4:], "big"):
        raise CarryOverRefused(f"carried-over state of {len(data)} bytes is damaged")
    try:
        small = msgspec.msgpack.decode(body, type=CarryOver)
        return msgspec.structs.replace(
            small,
            track=_inflated(small.track),
            rules=_inflated(small.rules),
            events=_inflated(small.events),
        )
    except (zlib.error, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise CarryOverRefused(f"carried-over state does not read: {error}") from error


def _inflated(data: bytes) -> bytes:
    """Raises CarryOverRefused, and zlib.error."""
    stream = zlib.decompressobj()
    inflated = stream.decompress(data, _INFLATED_LIMIT_BYTES)
    if stream.unconsumed_tail or not stream.eof:
        raise CarryOverRefused(
            f"carried-over state inflates to more than {_INFLATED_LIMIT_BYTES} bytes, or is cut off"
        )
    return inflated
