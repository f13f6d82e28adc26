"""Where clips take a camera's packets from, while the source thread waits for nobody.

    source thread --flows--> PacketTap --> PacketDrain, one per clip --take--> clip thread

A drain begins with what the GOP ring still holds of the past. As long as nobody drains,
a packet costs one look at an empty tuple.
"""

from __future__ import annotations

import io
import threading
from collections import deque
from dataclasses import dataclass

import av
from av.video.stream import VideoStream

from edge_agent.domain import Packet, PacketStream
from edge_agent.sources.ring import GopRing

#: What may wait for the clip thread, while a card stutters: 60 s at 4 Mbit/s.
MAX_WAITING_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TimedPacket:
    """A packet and the moment of its capture, on the timeline that events use."""

    captured_s: float
    packet: Packet


class PacketDrain:
    """One clip's way out of a tap. Filled by the source thread, emptied by one other."""

    def __init__(self, since_s: float, max_bytes: int = MAX_WAITING_BYTES) -> None:
        self._since_s = since_s
        self._max_bytes = max_bytes
        self._items: deque[PacketStream | TimedPacket] = deque()
        self._ring: GopRing | None = None
        # Each counter has one writer; their difference is what waits.
        self._in_bytes = self._out_bytes = 0
        self._overflowed = False

    @property
    def overflowed(self) -> bool:
        """So much waited that the drain was shut; nothing comes after what is in it."""
        return self._overflowed

    def take(self) -> list[PacketStream | TimedPacket]:
        """What came since the last call: a stream, its packets from a keyframe on, and again
        a stream when the camera was connected anew."""
        taken = []
        while self._items:
            item = self._items.popleft()
            if isinstance(item, TimedPacket):
                self._out_bytes += item.packet.size_bytes
            taken.append(item)
        return taken

    def fill(self, packet: Packet, ring: GopRing, offset_s: float, stream: PacketStream) -> None:
        """For the tap: the newest packet, which `ring` already holds."""
        if self._overflowed:
            return
        packets: tuple[Packet, ...] = (packet,)
        if ring is not self._ring:  # first packet, or first of a new connection
            packets = ring.snapshot(self._since_s - offset_s)
            if not packets:
                return  # no keyframe yet
            self._ring = ring
            self._items.append(stream)
        for one in packets:
            self._in_bytes += one.size_bytes
            self._items.append(TimedPacket(one.pts_s + offset_s, one))
        self._overflowed = self._in_bytes - self._out_bytes > self._max_bytes


class PacketTap:
    """One per feed. `flows` belongs to the source thread, the rest to any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._drains: tuple[PacketDrain, ...] = ()  # replaced as a whole, so read without lock
        self._ring: GopRing | None = None
        self._stream: PacketStream | None = None

    def open(self, since_s: float) -> PacketDrain:
        """Everything from the keyframe before `since_s` on, as far as the ring reaches back."""
        drain = PacketDrain(since_s)
        with self._lock:
            self._drains = (*self._drains, drain)
        return drain

    def close(self, drain: PacketDrain) -> None:
        """No more for this drain. What is in it can still be taken."""
        with self._lock:
            self._drains = tuple(other for other in self._drains if other is not drain)

    def flows(self, packet: Packet, ring: GopRing, offset_s: float) -> None:
        """A packet went into `ring`, of which each connection has its own. `offset_s` is what
        leads from pts to capture time."""
        drains = self._drains
        if not drains:
            return
        if self._stream is None or ring is not self._ring:
            self._stream, self._ring = _stream_of(packet), ring
        for drain in drains:
            drain.fill(packet, ring, offset_s, self._stream)


def _stream_of(packet: Packet) -> PacketStream:
    """A copy of the stream's description that another thread may use.

    The stream itself belongs to the source thread, and ends with its connection.
    """
    unit = packet.unit
    if not isinstance(unit, av.Packet) or not isinstance(unit.stream, VideoStream):
        raise TypeError(f"not a demuxer's packet: {unit!r}")
    stream = unit.stream
    holder = av.open(io.BytesIO(), "w", format="null")  # takes any codec; nothing is written
    template = holder.add_stream_from_template(stream, opaque=True)
    return PacketStream(stream.codec_context.name, unit.time_base, template)
