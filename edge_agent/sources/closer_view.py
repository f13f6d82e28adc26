"""Pictures of a main stream for as long as somebody asks for them, and not one otherwise.

    analysis thread --near(at_s)--> CloserView <--flows(packet)-- main stream's thread

Asking is what starts the decoder, with the GOP of that moment from the ring; what is not asked
for lets go of it again. Waits for nobody: a picture that is not there yet is None, and the next
analysed frame asks again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from edge_agent.domain import Packet
from edge_agent.sources.decoder import Decoder, Picture
from edge_agent.sources.packets import PacketSource
from edge_agent.sources.picture_rules import ANY_CAMERA, PictureRules
from edge_agent.sources.ring import REWIND_SPAN_S, GopRing

#: Decoding goes on for so long after the newest question; frames are analysed each 0.2 s.
_HOLD_S = 1.5
#: A picture further away from the moment shows who moves elsewhere: a small person walks a third
#: of their own height in this time.
_NEAR_S = 0.3
#: Pictures are kept at the analysis rate, and only as many as a late frame may ask for: each
#: holds 3 MiB at 1080p.
_KEEP_EVERY_S = 0.18
_KEPT = 3
#: Packets decoded in one go, so that the camera's next packets do not pile up meanwhile.
_BURST_PACKETS = 8


@dataclass(frozen=True, slots=True)
class TimedPicture:
    """A decoded picture and the moment of its capture, on the timeline of frames."""

    captured_s: float
    picture: Picture


class CloserView:
    """`flows` and `stop` belong to the main stream's thread, `near` to one other."""

    def __init__(self, rules: PictureRules = ANY_CAMERA) -> None:
        self._rules = rules
        self._wanted_until_s = float("-inf")  # moment of capture; written by the asking thread
        self._pictures: tuple[TimedPicture, ...] = ()  # replaced as a whole, read without lock
        self._decoder: Decoder | None = None
        self._waiting: deque[Packet] = deque()  # to be decoded, oldest first
        self._newest_s = float("-inf")
        self._continues = False  # the decoder saw all packets since a keyframe
        self.decoded_packets = 0

    # --- the asking thread ---

    def near(self, at_s: float) -> Picture | None:
        """The picture captured nearest to that moment, None when there is none near."""
        self._wanted_until_s = max(self._wanted_until_s, at_s + _HOLD_S)
        nearest = min(self._pictures, key=lambda one: abs(one.captured_s - at_s), default=None)
        if nearest is None or abs(nearest.captured_s - at_s) > _NEAR_S:
            return None
        return nearest.picture

    # --- the main stream's thread ---

    def flows(self, packet: Packet, ring: GopRing, offset_s: float, source: PacketSource) -> None:
        """A packet of `source` went into `ring`; `offset_s` leads from pts to capture."""
        # B-frames step back; what went to rest for one must not wake for the next.
        at_s = self._newest_s = max(self._newest_s, packet.pts_s + offset_s)
        if at_s > self._wanted_until_s:
            self._rest()
            return
        if self._decoder is None:
            self._decoder = Decoder(source.stream, source.time_base, self._rules)
        if self._continues or packet.is_key:
            self._waiting.append(packet)
            self._continues = True
        else:
            self._catch_up(packet, ring)
        self._work(offset_s)

    def stop(self) -> None:
        """The stream ended, and its time with it."""
        self._newest_s = float("-inf")
        self._rest()

    def _rest(self) -> None:
        """Let go of decoder and pictures: nobody asks."""
        if self._decoder is not None:
            self._decoder, self._pictures, self._continues = None, (), False
            self._waiting.clear()

    def _catch_up(self, packet: Packet, ring: GopRing) -> None:
        """Begin in the middle of a GOP; one that is too long is not worth it."""
        packets = ring.snapshot(packet.pts_s)
        if packets and packet.pts_s - packets[0].pts_s <= REWIND_SPAN_S:
            self._waiting.clear()
            self._waiting.extend(packets)
            self._continues = True

    def _work(self, offset_s: float) -> None:
        if self._waiting and self._waiting[-1].pts_s - self._waiting[0].pts_s > REWIND_SPAN_S:
            # Too much for this box: begin again at the next keyframe.
            self._waiting.clear()
            self._continues = False
        for _ in range(min(_BURST_PACKETS, len(self._waiting))):
            self._decode(self._waiting.popleft(), offset_s)

    def _decode(self, packet: Packet, offset_s: float) -> None:
        assert self._decoder is not None
        self.decoded_packets += 1
        for picture in self._decoder.decode(packet):
            kept = self._pictures
            at_s = picture.pts_s + offset_s
            if not kept or not 0 <= at_s - kept[-1].captured_s < _KEEP_EVERY_S:
                self._pictures = (*kept[-(_KEPT - 1) :], TimedPicture(at_s, picture))
