"""A broker of a few bytes: answers every CONNECT with a chosen CONNACK, or not at all."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType

#: Given the protocol level of the CONNECT (5 or 4), the answer; empty: close at once.
Answer = Callable[[int], bytes]


def connack5(code: int) -> bytes:
    """A CONNACK of MQTT 5 without properties."""
    return bytes([0x20, 3, 0, code, 0])


def connack311(code: int) -> bytes:
    return bytes([0x20, 2, 0, code])


class FakeBroker:
    """Listens on 127.0.0.1:`port` while it is entered; `levels` are the versions it was asked."""

    def __init__(
        self, answer: Answer = lambda level: connack5(0), suback: int | None = None
    ) -> None:
        """`suback`: the reason code with which an MQTT 5 SUBSCRIBE is answered; None: silence."""
        self._answer = answer
        self._suback = suback
        self.levels: list[int] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._clients: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, name="fake-broker")

    def __enter__(self) -> FakeBroker:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for sock in (*self._clients, self._listener):
            sock.close()

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # the listener's end
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                packet = client.recv(4096)
                # 0x10, remaining length, 0 4 M Q T T, level
                level = packet[packet.index(b"MQTT") + 4] if b"MQTT" in packet else 0
                self.levels.append(level)
                answer = self._answer(level)
                if answer:
                    client.sendall(answer)
                    if self._suback is not None:
                        subscribe = client.recv(4096)  # 0x82, remaining length, packet id
                        reply = bytes([0x90, 4, *subscribe[2:4], 0, self._suback])
                        client.sendall(reply)
                else:
                    client.close()
