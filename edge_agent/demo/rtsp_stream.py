"""Sends one mount's pictures to one client, when they are due."""

from __future__ import annotations

import asyncio
import math
import secrets
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from edge_agent.clock import SystemClock
from edge_agent.demo import rtp
from edge_agent.demo.rtsp_media import EncodedPicture, Media

#: RFC 3550 allows a minimum of 5 s on average; cameras send more often, for lip sync.
_REPORT_EVERY_S = 2.0

#: A client that reads too slowly loses pictures rather than filling our memory.
_MAX_UNSENT_BYTES = 4_000_000

#: A burst of a whole key picture overruns small UDP receive buffers: pause in between.
_UDP_BURST_PACKETS = 16
_UDP_BURST_PAUSE_S = 0.001


@dataclass(slots=True)
class StreamMount:
    """A camera: its clock starts with the first viewer, and all viewers see the same moment.

    `loop`: starts over at the end. Otherwise viewers get a goodbye at the end, and the next
    viewer after it sees the clip from its beginning. Used by the server's thread alone;
    others may read `began_s`.
    """

    name: str
    media: Media
    loop: bool = True
    began_s: float | None = field(default=None, init=False)  # monotonic, of the first picture

    def start(self, now_s: float) -> int:
        """Number of the next key picture; starts the clock when it does not run."""
        ended = not self.loop and self.began_s is not None and now_s >= self.due_s(self.count)
        if self.began_s is None or ended:
            self.began_s = now_s
        return self.next_key(now_s)

    def next_key(self, now_s: float) -> int:
        """Number of the first key picture that is due at or after now."""
        assert self.began_s is not None
        rounds = math.floor(max(0.0, now_s - self.began_s) / self.media.duration_s)
        number = rounds * self.count
        while self.due_s(number) < now_s or not self.picture(number).is_key:
            number += 1
        return number

    @property
    def count(self) -> int:
        """Pictures in one round of the clip."""
        return len(self.media.pictures)

    def has_ended(self, number: int) -> bool:
        return not self.loop and number >= self.count

    def picture(self, number: int) -> EncodedPicture:
        return self.media.pictures[number % self.count]

    def due_s(self, number: int) -> float:
        """Monotonic moment at which a picture is sent; numbers run on over the rounds."""
        assert self.began_s is not None
        return self.began_s + self._round_s(number) + self.picture(number).sent_s

    def timestamp(self, number: int) -> int:
        return round((self._round_s(number) + self.picture(number).shown_s) * rtp.CLOCK_HZ)

    def _round_s(self, number: int) -> float:
        return number // self.count * self.media.duration_s


class Transport(Protocol):
    """How packets reach the client."""

    header: str  # of the reply to SETUP

    def congested(self) -> bool: ...

    async def send(self, packets: Iterable[bytes]) -> None: ...

    def send_control(self, packet: bytes) -> None: ...

    def close(self) -> None: ...


class Interleaved:
    """Within the RTSP connection (RFC 2326, 10.12)."""

    def __init__(self, writer: asyncio.StreamWriter, channels: tuple[int, int]) -> None:
        self._writer = writer
        self._channels = channels
        self.header = f"RTP/AVP/TCP;unicast;interleaved={channels[0]}-{channels[1]}"

    def congested(self) -> bool:
        return self._writer.transport.get_write_buffer_size() > _MAX_UNSENT_BYTES

    async def send(self, packets: Iterable[bytes]) -> None:
        self._writer.write(b"".join(self._framed(self._channels[0], part) for part in packets))

    def send_control(self, packet: bytes) -> None:
        self._writer.write(self._framed(self._channels[1], packet))

    def close(self) -> None:
        """The connection is not ours."""

    @staticmethod
    def _framed(channel: int, packet: bytes) -> bytes:
        return b"$" + bytes((channel,)) + len(packet).to_bytes(2, "big") + packet


class Datagrams:
    """UDP: RTP and RTCP from a pair of neighbouring ports, as RFC 3550 asks."""

    def __init__(self, host: str, client: tuple[str, int, int]) -> None:
        self._address, rtp_port, rtcp_port = client
        self._targets = (self._address, rtp_port), (self._address, rtcp_port)
        self._sockets = _port_pair(host)
        own = self._sockets[0].getsockname()[1]
        self.header = (
            f"RTP/AVP;unicast;client_port={rtp_port}-{rtcp_port};server_port={own}-{own + 1}"
        )

    def congested(self) -> bool:
        return False

    async def send(self, packets: Iterable[bytes]) -> None:
        for number, packet in enumerate(packets, 1):
            self._send(0, packet)
            if number % _UDP_BURST_PACKETS == 0:
                await asyncio.sleep(_UDP_BURST_PAUSE_S)

    def send_control(self, packet: bytes) -> None:
        self._send(1, packet)

    def close(self) -> None:
        for end in self._sockets:
            end.close()

    def _send(self, index: int, packet: bytes) -> None:
        try:
            self._sockets[index].sendto(packet, self._targets[index])
        except OSError:
            return  # a full buffer or a closed port: datagrams get lost, as on any network


def _port_pair(host: str) -> tuple[socket.socket, socket.socket]:
    """An even port and the next one; free ones are found by asking for any."""
    while True:
        even = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        odd = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        even.bind((host, 0))
        port = even.getsockname()[1]
        try:
            if port % 2 == 0:
                odd.bind((host, port + 1))
                even.setblocking(False)
                odd.setblocking(False)
                return even, odd
        except OSError:
            pass  # taken by somebody else
        even.close()
        odd.close()


class Stream:
    """One client's RTP session. `running` is cleared while the server plays dead."""

    def __init__(self, mount: StreamMount, transport: Transport, running: asyncio.Event) -> None:
        self.mount = mount
        self.transport = transport
        self.sequence = secrets.randbits(16)
        self._running = running
        self._ssrc = secrets.randbits(32)
        self._offset = secrets.randbits(32)
        self._clock = SystemClock()
        self._packets = self._octets = 0
        self._next = 0

    def prepare(self) -> None:
        """Choose the picture to begin with; before the reply to PLAY, which names it."""
        self._next = self.mount.start(self._now_s())

    @property
    def timestamp(self) -> int:
        """RTP timestamp of the next picture."""
        return (self.mount.timestamp(self._next) + self._offset) & 0xFFFFFFFF

    async def play(self) -> None:
        """Until cancelled, or until the clip ends."""
        report_s = -math.inf
        while not self.mount.has_ended(self._next):
            await self._sleep_until(self.mount.due_s(self._next))
            if not self._running.is_set() or self.transport.congested():
                await self._running.wait()
                await self._skip()
                continue
            if self._now_s() - report_s >= _REPORT_EVERY_S:
                report_s = self._now_s()
                self.transport.send_control(self._report())
            await self.transport.send(self._rtp(self.mount.picture(self._next)))
            self._next += 1
        # Only when the last picture's time is over: over UDP a goodbye may overtake it.
        await self._sleep_until(self.mount.due_s(self._next))
        # RFC 3550, 6.1: every compound packet begins with a report; libav needs it, too.
        self.transport.send_control(self._report() + rtp.goodbye(self._ssrc))

    async def _sleep_until(self, due_s: float) -> None:
        wait_s = due_s - self._now_s()
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    async def _skip(self) -> None:
        """Go on with the next key picture: what lies between cannot be decoded."""
        await asyncio.sleep(0)
        self._next = max(self._next + 1, self.mount.next_key(self._now_s()))
        while not self.mount.picture(self._next).is_key:
            self._next += 1

    def _rtp(self, picture: EncodedPicture) -> Iterator[bytes]:
        last = len(picture.payloads) - 1
        for index, payload in enumerate(picture.payloads):
            yield (
                rtp.rtp_header(
                    self.sequence,
                    self.timestamp,
                    self._ssrc,
                    payload_type=self.mount.media.payload_type,
                    marker=index == last,
                )
                + payload
            )
            self.sequence = (self.sequence + 1) & 0xFFFF
            self._packets += 1
            self._octets += len(payload)

    def _report(self) -> bytes:
        return rtp.sender_report(
            self._ssrc,
            self._clock.read().utc_s,
            self.timestamp,
            packets=self._packets,
            octets=self._octets,
        )

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()
