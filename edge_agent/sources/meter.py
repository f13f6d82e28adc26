"""What a stream really is, measured from its packets: fps, GOP, bitrate, reordering."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from edge_agent.domain import Packet

WINDOW_S = 10.0

#: No encoder sends a picture this much earlier than those that are shown before it.
REORDER_S = 1.0


@dataclass(frozen=True, slots=True)
class StreamFigures:
    """None: not seen long enough to say."""

    packets: int
    size_bytes: int
    fps: float | None
    bitrate_bps: float | None
    gop_packets: int | None  # of the last complete GOP
    key_interval_s: float | None  # between the last two keyframes
    longest_key_interval_s: float | None
    reordered: bool  # B-frames: packets come in another order than pictures


class StreamMeter:
    """Fed every packet; constant work per packet, bounded memory."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, int]] = deque()  # (pts_s, bytes)
        self._packets = self._size_bytes = 0
        self._last_key_s: float | None = None
        self._since_key = 0
        self._gop_packets: int | None = None
        self._key_interval_s: float | None = None
        self._longest_s: float | None = None
        self._reordered = False

    def add(self, packet: Packet) -> None:
        self._packets += 1
        self._size_bytes += packet.size_bytes
        if self._recent and packet.pts_s < self._recent[-1][0]:
            if packet.pts_s < self._recent[-1][0] - WINDOW_S:
                self.restart()
            else:
                self._reordered = True
        self._recent.append((packet.pts_s, packet.size_bytes))
        while packet.pts_s - self._recent[0][0] > WINDOW_S:
            self._recent.popleft()
        self._count_gop(packet)

    def restart(self) -> None:
        """The stream began anew: time before and after cannot be compared."""
        self._recent.clear()
        self._last_key_s = None
        self._since_key = 0

    def _count_gop(self, packet: Packet) -> None:
        if packet.is_key:
            if self._last_key_s is not None:
                self._gop_packets = self._since_key
                self._key_interval_s = packet.pts_s - self._last_key_s
                self._longest_s = max(self._longest_s or 0.0, self._key_interval_s)
            self._last_key_s = packet.pts_s
            self._since_key = 0
        self._since_key += 1

    def figures(self) -> StreamFigures:
        recent = tuple(self._recent)  # another thread may ask while packets arrive
        fps = _rate([pts_s for pts_s, _ in recent], self._reordered)
        bitrate = None
        if fps is not None:
            bitrate = sum(size for _, size in recent) * 8 * fps / len(recent)
        return StreamFigures(
            self._packets,
            self._size_bytes,
            fps,
            bitrate,
            self._gop_packets,
            self._key_interval_s,
            self._longest_s,
            self._reordered,
        )


def _rate(times_s: list[float], reordered: bool) -> float | None:
    """Pictures per second of stream time; None when too few came to say."""
    times_s.sort()
    if reordered and times_s and times_s[-1] - times_s[0] > 2 * REORDER_S:
        # Pictures that are shown before the newest packet's may still be on their way.
        times_s = [pts_s for pts_s in times_s if pts_s <= times_s[-1] - REORDER_S]
    if len(times_s) < 3 or times_s[-1] <= times_s[0]:
        return None
    return (len(times_s) - 1) / (times_s[-1] - times_s[0])
