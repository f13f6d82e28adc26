"""`media` of a recorded event: where in the recording, and how its time is known."""

from __future__ import annotations

from edge_agent.contract.timeline import MediaTime, MediaTimeSource
from edge_agent.contract.wire import Seconds, Sha256Text, Span, Wire


class MediaWire(Wire, frozen=True, kw_only=True, omit_defaults=True):
    source: MediaTimeSource
    offset_s: Seconds
    err_s: Span
    disputed: bool = False
    clock_offset_s: Seconds | None = None
    content: Sha256Text | None = None


def media_wire(media: MediaTime | None) -> MediaWire | None:
    if media is None:
        return None
    ahead_s = media.clock_offset_s
    return MediaWire(
        source=media.source,
        offset_s=round(media.offset_s, 3),
        err_s=round(media.err_s, 3),
        disputed=media.disputed,
        clock_offset_s=None if ahead_s is None else round(ahead_s, 1),
        content=media.content,
    )


def read_media(wire: MediaWire) -> MediaTime:
    return MediaTime(
        wire.source, wire.offset_s, wire.err_s, wire.disputed, wire.clock_offset_s, wire.content
    )
