"""A TCP proxy between a client and a server that can misbehave: pass, hang, slow, reset."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from enum import Enum, auto
from types import TracebackType


class Mode(Enum):
    PASS = auto()
    HANG = auto()  # connections stay open, nothing moves: a half-open link
    SLOW = auto()  # 200 bytes at a time, a pause after each
    RESET = auto()  # every connection is reset, present and future


class ChaosProxy:
    """Listens on 127.0.0.1:`port` while it is entered. `mode` may be changed at any time."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self.mode = Mode.PASS
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._peers: dict[socket.socket, socket.socket] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos-proxy")

    def __enter__(self) -> ChaosProxy:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()
        for sock in (*self._peers, self._listener):
            sock.close()

    def _run(self) -> None:
        while not self._stopping.wait(0.005):
            if self.mode is Mode.RESET:
                for sock in list(self._peers):
                    self._drop(sock, reset=True)
            watched = [self._listener] if self.mode is Mode.HANG else [self._listener, *self._peers]
            ready, _, _ = select.select(watched, [], [], 0.02)
            for sock in ready:
                if sock is self._listener:
                    self._accept()
                elif sock in self._peers:
                    self._forward(sock)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(self._target, 2)
        except OSError:
            client.close()
            return
        self._peers |= {client: server, server: client}

    def _forward(self, sock: socket.socket) -> None:
        slow = self.mode is Mode.SLOW
        try:
            data = sock.recv(200 if slow else 65536)
            if data:
                self._peers[sock].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._drop(sock, reset=False)
        elif slow:
            time.sleep(0.05)

    def _drop(self, sock: socket.socket, *, reset: bool) -> None:
        for end in (sock, self._peers.pop(sock, None)):
            if end is None:
                continue
            self._peers.pop(end, None)
            if reset:  # closing with linger 0 sends RST instead of FIN
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()
