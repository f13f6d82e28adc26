"""An RTSP camera on loopback of which every answer and every packet can be bent."""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av

from edge_agent.sources.rtsp.messages import MAX_HEAD_BYTES

SSRC = 0x1234_5678
_MTU = 1200
_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\na=control:*\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=fmtp:96 packetization-mode=1\r\na=control:track1\r\n"
)


def access_units(path: Path) -> list[list[bytes]]:
    """The NAL units of each packet of a rendered H.264 clip, parameter sets with keyframes."""
    units = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        to_annex_b = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        for packet in container.demux(stream):
            for out in to_annex_b.filter(packet if packet.size else None):
                nals = re.split(rb"\x00\x00\x00?\x01", bytes(out))
                units.append([nal for nal in nals if nal])
    return units


@dataclass
class Bent:
    """How it differs from a camera that works. `answer` may give a whole reply, None: as usual."""

    answer: Callable[[str, dict[str, str]], tuple[str, Sequence[tuple[str, str]], str] | None] = (
        lambda _method, _head: None
    )
    challenges: Sequence[str] = ()  # WWW-Authenticate of every request without a right login
    user: str = "viewer"
    password: str = "right"
    sdp: str = _SDP
    ticks: Callable[[int], int] = lambda index: index * 9000  # RTP time of the picture
    bend: Callable[[int, bytes], list[tuple[int, bytes]]] = lambda _i, packet: [(0, packet)]
    fps: float = 10.0
    transport: str = ""  # of the answer to SETUP; "": as asked
    wire: Callable[[str, bytes], bytes] = lambda _method, reply: reply  # what goes out instead
    drip_s: float = 0.0  # each byte of an answer this long after the one before
    leaves_after: str = ""  # a method: closes after its answer
    session: str = "77;timeout=60"


@dataclass
class BentCamera:
    """`requests`: method and headers of all that came."""

    units: list[list[bytes]]
    bent: Bent
    port: int = 0
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    uris: list[str] = field(default_factory=list)
    connections: int = 0

    def url(self, path: str = "cam") -> str:
        return f"rtsp://127.0.0.1:{self.port}/{path}"

    @property
    def logins(self) -> list[str]:
        """Every Authorization that was received."""
        return [head["authorization"] for _, head in self.requests if "authorization" in head]

    def uri_of(self, method: str) -> str:
        return self.uris[self.methods.index(method)]

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.requests]


@contextlib.contextmanager
def bent_camera(units: list[list[bytes]], bent: Bent | None = None) -> Iterator[BentCamera]:
    closing = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    camera = BentCamera(units, bent or Bent(), listener.getsockname()[1])
    threads: list[threading.Thread] = []

    def serve() -> None:
        while not closing.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                camera.connections += 1
                visit = _Visit(camera, connection, closing)
                threads.append(threading.Thread(target=visit.run, name="bent-camera"))
                threads[-1].start()

    threads.append(threading.Thread(target=serve, name="bent-camera"))
    threads[0].start()
    try:
        yield camera
    finally:
        closing.set()
        for thread in threads:
            thread.join(10)
        listener.close()


class _Visit:
    def __init__(
        self, camera: BentCamera, connection: socket.socket, closing: threading.Event
    ) -> None:
        self._camera, self._bent = camera, camera.bent
        self._connection, self._closing = connection, closing
        self._lock = threading.Lock()
        self._player: threading.Thread | None = None
        self._over = threading.Event()
        self._sequence = 65_000  # wraps within a second
        connection.settimeout(0.05)

    def run(self) -> None:
        data = b""
        try:
            while not self._closing.is_set() and len(data) < MAX_HEAD_BYTES:
                try:
                    part = self._connection.recv(4096)
                except TimeoutError:
                    continue
                if not part:
                    break
                data = self._without_reports(data + part)
                while b"\r\n\r\n" in data:
                    head, data = data.split(b"\r\n\r\n", 1)
                    self._serve(head.decode())
        except OSError:
            pass
        finally:
            self._over.set()
            if self._player is not None:
                self._player.join(10)
            self._connection.close()

    def _without_reports(self, data: bytes) -> bytes:
        while data[:1] == b"$" and len(data) >= 4:
            size = 4 + int.from_bytes(data[2:4], "big")
            if len(data) < size:
                break
            data = data[size:]
        return data

    def _serve(self, text: str) -> None:
        first, *lines = text.split("\r\n")
        method, uri = first.split(" ")[:2]
        head = {name.lower(): value.strip() for name, _, value in (h.partition(":") for h in lines)}
        self._camera.requests.append((method, head))
        self._camera.uris.append(uri)
        answer = self._bent.answer(method, head) or self._usual(method, uri, head)
        status, headers, body = answer
        out = f"RTSP/1.0 {status}\r\nCSeq: {head.get('cseq', 0)}\r\n"
        out += "".join(f"{name}: {value}\r\n" for name, value in headers)
        if body:
            out += f"Content-Length: {len(body)}\r\n"
        self._reply(self._bent.wire(method, f"{out}\r\n{body}".encode()))
        if method == self._bent.leaves_after:
            raise OSError("as agreed")
        if method == "PLAY" and status.startswith("200") and self._player is None:
            self._player = threading.Thread(target=self._play, name="bent-camera")
            self._player.start()

    def _reply(self, data: bytes) -> None:
        step = 1 if self._bent.drip_s else max(1, len(data))
        for at in range(0, len(data), step):
            self._send(data[at : at + step])
            if self._bent.drip_s and self._closing.wait(self._bent.drip_s):
                return

    def _usual(
        self, method: str, uri: str, head: dict[str, str]
    ) -> tuple[str, Sequence[tuple[str, str]], str]:
        bent = self._bent
        if bent.challenges and not self._knows(method, head.get("authorization", "")):
            return "401 Unauthorized", [("WWW-Authenticate", c) for c in bent.challenges], ""
        if method == "DESCRIBE":
            headers = [("Content-Base", f"{uri}/"), ("Content-Type", "application/sdp")]
            return "200 OK", headers, bent.sdp
        if method == "SETUP":
            transport = bent.transport or f"{head['transport']};ssrc={SSRC:08X}"
            return "200 OK", [("Session", bent.session), ("Transport", transport)], ""
        return "200 OK", [("Public", "OPTIONS, DESCRIBE, SETUP, PLAY")], ""

    def _knows(self, method: str, given: str) -> bool:
        fields = dict(re.findall(r'(\w+)="?([^",]*)"?', given))
        digest = hashlib.sha256 if fields.get("algorithm") == "SHA-256" else hashlib.md5
        secret, request = (
            digest(text.encode()).hexdigest()
            for text in (
                f"{self._bent.user}:{fields.get('realm')}:{self._bent.password}",
                f"{method}:{fields.get('uri')}",
            )
        )
        middle = fields.get("nonce", "")
        if "qop" in fields:
            middle += f":{fields['nc']}:{fields['cnonce']}:{fields['qop']}"
        return fields.get("response") == digest(f"{secret}:{middle}:{request}".encode()).hexdigest()

    def _play(self) -> None:
        begin_s = time.monotonic()
        index = 0
        while not self._over.is_set() and not self._closing.is_set():
            wait_s = begin_s + index / self._bent.fps - time.monotonic()
            if self._over.wait(max(0.0, wait_s)):
                return
            unit = self._camera.units[index % len(self._camera.units)]
            try:
                self._send_unit(unit, index)
            except OSError:
                return
            index += 1

    def _send_unit(self, unit: list[bytes], index: int) -> None:
        payloads = [part for nal in unit for part in _parts(nal)]
        for payload in payloads:
            last = payload is payloads[-1]
            ticks = self._bent.ticks(index) & 0xFFFF_FFFF
            kind = 96 | (0x80 if last else 0)
            head = struct.pack(">BBHII", 0x80, kind, self._sequence, ticks, SSRC)
            self._sequence = (self._sequence + 1) & 0xFFFF
            for channel, packet in self._bent.bend(index, head + payload):
                self._send(struct.pack(">cBH", b"$", channel, len(packet)) + packet)

    def _send(self, data: bytes) -> None:
        with self._lock:
            self._connection.sendall(data)


def _parts(nal: bytes) -> list[bytes]:
    """RFC 6184: whole, or as FU-A."""
    if len(nal) <= _MTU:
        return [nal]
    body, parts = nal[1:], []
    for at in range(0, len(body), _MTU):
        flags = (0x80 if at == 0 else 0) | (0x40 if at + _MTU >= len(body) else 0)
        parts.append(bytes([nal[0] & 0xE0 | 28, flags | nal[0] & 31]) + body[at : at + _MTU])
    return parts
