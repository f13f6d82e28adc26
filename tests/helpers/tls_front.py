"""A server's TLS side: what comes encrypted goes on to a port of this machine in clear."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pki import Pair

_BLOCK = 65536


class TlsFront:
    """Made by `tls_front`. `heard`: what clients sent, decrypted."""

    def __init__(self, pair: Pair, port: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.cert, pair.key)
        self._context, self._behind = context, port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port: int = self._listening.getsockname()[1]
        self.heard = bytearray()

    def start(self) -> None:
        self._begin(self._accept)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for each in self._open:
            each.close()

    def _begin(self, work, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            self._begin(self._serve, plain)

    def _serve(self, plain: socket.socket) -> None:
        try:
            client = self._context.wrap_socket(plain, server_side=True)
        except OSError:
            plain.close()
            return
        behind = socket.create_connection(("127.0.0.1", self._behind))
        self._open += [client, behind]
        self._begin(self._pump, behind, client, None)
        self._pump(client, behind, self.heard)

    def _pump(self, one: socket.socket, other: socket.socket, heard: bytearray | None) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(_BLOCK):
                if heard is not None:
                    heard += data
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)


@contextmanager
def tls_front(pair: Pair, port: int) -> Iterator[TlsFront]:
    front = TlsFront(pair, port)
    front.start()
    try:
        yield front
    finally:
        front.stop()
