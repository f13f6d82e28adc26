"""The last seconds of a stream as packets, whole GOPs only: cheap, and enough for clips.

A GOP is a keyframe and the packets that need it. Nothing before a keyframe can be decoded,
so the ring always begins with one and forgets whole GOPs.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from edge_agent.domain import Packet

#: Where clips are kept: their pre-roll and what an event needs to be told.
SPAN_S = 10.0
#: Where pictures are only decoded after the fact: longer than from one keyframe to the next in
#: any stream that is gated, so that the GOP before the newest is there.
REWIND_SPAN_S = 4.5

#: 10 s at 19 Mbit/s: more than any household camera sends; a bound, not a target.
MAX_BYTES = 24 * 1024 * 1024

#: Reordered (B-frame) streams step back by a few frames. Further back, the stream began anew.
MAX_STEP_BACK_S = 2.0


@dataclass(slots=True)
class _Gop:
    packets: list[Packet] = field(default_factory=list)
    size_bytes: int = 0


class GopRing:
    """Owned by the source thread.

    Holds at least the last `span_s` seconds and at most one GOP more, unless `max_bytes` is
    reached first: then older GOPs go, and a single GOP above it is given up until its end.
    """

    def __init__(self, span_s: float = SPAN_S, max_bytes: int = MAX_BYTES) -> None:
        self._span_s = span_s
        self._max_bytes = max_bytes
        self._gops: deque[_Gop] = deque()
        self._size_bytes = 0

    def add(self, packet: Packet) -> None:
        if self._gops and packet.pts_s < self._newest_s() - MAX_STEP_BACK_S:
            self.clear()
        if packet.is_key:
            self._gops.append(_Gop())
        if not self._gops:
            return  # nothing to start from yet
        newest = self._gops[-1]
        newest.packets.append(packet)
        newest.size_bytes += packet.size_bytes
        self._size_bytes += packet.size_bytes
        while self._too_much(packet.pts_s):
            self._size_bytes -= self._gops.popleft().size_bytes

    def clear(self) -> None:
        self._gops.clear()
        self._size_bytes = 0

    def snapshot(self, since_s: float = float("-inf")) -> tuple[Packet, ...]:
        """The packets from the keyframe at or before `since_s` (stream time) to the newest.

        Without `since_s`, or when it is older than the ring: all. Empty before a keyframe.
        """
        start = 0
        for index, gop in enumerate(self._gops):
            if gop.packets[0].pts_s <= since_s:
                start = index
        return tuple(p for gop in list(self._gops)[start:] for p in gop.packets)

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    @property
    def span_s(self) -> float:
        """From the first keyframe to the newest packet; 0 when empty."""
        return self._newest_s() - self._gops[0].packets[0].pts_s if self._gops else 0.0

    def __len__(self) -> int:
        return sum(len(gop.packets) for gop in self._gops)

    def _newest_s(self) -> float:
        return self._gops[-1].packets[-1].pts_s

    def _too_much(self, now_s: float) -> bool:
        if not self._gops:
            return False
        if self._size_bytes > self._max_bytes:
            return True
        return len(self._gops) > 1 and now_s - self._gops[1].packets[0].pts_s >= self._span_s
