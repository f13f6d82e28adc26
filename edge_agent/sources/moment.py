"""The picture of one past moment, from packets that were not decoded when they came."""

from __future__ import annotations

from collections.abc import Iterable

from av.video.stream import VideoStream

from edge_agent.domain import PacketStream
from edge_agent.errors import MediaError
from edge_agent.sources.decoder import Decoder, Picture
from edge_agent.sources.picture_rules import ANY_CAMERA, PictureRules
from edge_agent.sources.tap import TimedPacket

#: A picture further away shows another moment.
MAX_OFF_S = 0.3


def picture_at(
    items: Iterable[PacketStream | TimedPacket], at_s: float, rules: PictureRules = ANY_CAMERA
) -> Picture | None:
    """The picture captured nearest to `at_s`; None when there is none near.

    `items` are what a drain gave: a stream, then its packets from a keyframe on. Decodes from
    the keyframe to the moment, which is up to one GOP, in the calling thread. Raises MediaError
    for a stream that cannot be decoded.
    """
    decoder: Decoder | None = None
    nearest: tuple[float, Picture] | None = None
    offset_s = 0.0
    for item in items:
        if isinstance(item, PacketStream):
            decoder = _decoder(item, rules)
            continue
        if decoder is None:
            continue
        offset_s = item.captured_s - item.packet.pts_s
        nearest = _nearer(nearest, decoder.decode(item.packet), at_s - offset_s)
        if nearest and nearest[1].pts_s + offset_s >= at_s:
            break
    if decoder is not None and (nearest is None or nearest[1].pts_s + offset_s < at_s):
        nearest = _nearer(nearest, decoder.drain(), at_s - offset_s)
    return nearest[1] if nearest and nearest[0] <= MAX_OFF_S else None


def _nearer(
    nearest: tuple[float, Picture] | None, pictures: Iterable[Picture], pts_s: float
) -> tuple[float, Picture] | None:
    for picture in pictures:
        off_s = abs(picture.pts_s - pts_s)
        if nearest is None or off_s < nearest[0]:
            nearest = (off_s, picture)
    return nearest


def _decoder(stream: PacketStream, rules: PictureRules) -> Decoder:
    if not isinstance(stream.template, VideoStream):
        raise MediaError(f"a stream in {stream.codec} has no pictures")
    return Decoder(stream.template, stream.time_base, rules)
