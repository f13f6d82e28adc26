"""A broker whose every byte is written by the test: `script(socket)` runs after each CONNECT."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Script = Callable[[socket.socket], None]


def packet(kind: int, body: bytes) -> bytes:
    """`kind`: type and flags, as 0x40 for a PUBACK."""
    size, length = len(body), bytearray()
    while True:
        size, low = divmod(size, 128)
        length.append(low | (0x80 if size else 0))
        if not size:
            return bytes([kind, *length]) + body


def connack(properties: bytes = b"", code: int = 0) -> bytes:
    """Of MQTT 5."""
    return packet(0x20, bytes([0, code, len(properties)]) + properties)


def publish(topic: bytes, payload: bytes, mid: int, qos: int = 1) -> bytes:
    """Of MQTT 5, without properties."""
    head = len(topic).to_bytes(2, "big") + topic + mid.to_bytes(2, "big") + b"\0"
    return packet(0x30 | qos << 1, head + payload)


def read_packet(sock: socket.socket) -> tuple[int, bytes]:
    """The next packet; raises OSError at the end."""
    kind, size, shift = _exactly(sock, 1)[0], 0, 0
    while True:
        byte = _exactly(sock, 1)[0]
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return kind, _exactly(sock, size)


def mid_of(body: bytes) -> bytes:
    """Of a PUBLISH."""
    at = 2 + int.from_bytes(body[:2], "big")
    return body[at : at + 2]


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise OSError("the client has left")
        data += part
    return data


@dataclass
class RudeBroker:
    port: int
    connects: list[bytes] = field(default_factory=list)


@contextlib.contextmanager
def rude_broker(script: Script, *, reads_connect: bool = True) -> Iterator[RudeBroker]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # of its clients, too
    broker = RudeBroker(listener.getsockname()[1])
    clients: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if reads_connect:
                broker.connects.append(read_packet(client)[1])
            script(client)

    def accept() -> None:
        with contextlib.suppress(OSError):  # the listener's end
            while True:
                client, _ = listener.accept()
                clients.append(client)
                threads.append(threading.Thread(target=serve, args=(client,), name="rude-broker"))
                threads[-1].start()

    accepting = threading.Thread(target=accept, name="rude-broker")
    accepting.start()
    try:
        yield broker
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join(10)
        for client in clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(10)
        for each in (*clients, listener):
            each.close()
