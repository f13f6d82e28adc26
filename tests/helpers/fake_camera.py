"""RTSP servers that misbehave: one that never answers, one that refuses every login."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from types import TracebackType
from typing import Self

REALM, NONCE = "recorder", "abc123"


class _Server:
    """Accepts on an ephemeral loopback port; each connection is served by its own thread."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._closing = threading.Event()
        self._socket.settimeout(0.1)
        self._threads = [threading.Thread(target=self._accept, name="fake-camera")]
        self.port: int = self._socket.getsockname()[1]
        self.connections = 0

    def url(self, path: str = "Streaming/Channels/102") -> str:
        return f"rtsp://127.0.0.1:{self.port}/{path}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join(5)
        self._socket.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            self.connections += 1
            connection.settimeout(0.1)
            thread = threading.Thread(target=self._guard, args=(connection,), name="fake-camera")
            self._threads.append(thread)
            thread.start()

    def _guard(self, connection: socket.socket) -> None:
        with connection:
            self.serve(connection)

    def read(self, connection: socket.socket) -> str | None:
        """One request; None when the client is gone or the server closes."""
        data = b""
        while not self._closing.is_set():
            try:
                part = connection.recv(4096)
            except TimeoutError:
                continue
            except ConnectionError:
                return None
            if not part:
                return None
            data += part
            if b"\r\n\r\n" in data:
                return data.decode()
        return None

    def serve(self, connection: socket.socket) -> None:
        raise NotImplementedError


class SilentServer(_Server):
    """Takes the connection and never says a word."""

    def serve(self, connection: socket.socket) -> None:
        while self.read(connection) is not None:
            pass


class StatusServer(_Server):
    """Answers every request with one status line."""

    def __init__(self, status: str) -> None:
        super().__init__()
        self._status = status

    def serve(self, connection: socket.socket) -> None:
        while (request := self.read(connection)) is not None:
            number = re.search(r"CSeq: (\d+)", request)
            reply = f"RTSP/1.0 {self._status}\r\nCSeq: {number[1] if number else 0}\r\n\r\n"
            connection.sendall(reply.encode())


class LoginServer(_Server):
    """Digest login, as recorders ask for it; with the right one it says 404.

    `wrong` counts requests that carried a wrong Authorization header: what a recorder
    counts before it locks the account. `open_options`: OPTIONS needs no login.
    """

    def __init__(self, user: str, password: str, *, open_options: bool = True) -> None:
        super().__init__()
        self._user, self._password, self._open_options = user, password, open_options
        self._lock = threading.Lock()
        self.wrong = 0
        self.right = 0

    def serve(self, connection: socket.socket) -> None:
        while (request := self.read(connection)) is not None:
            number = re.search(r"CSeq: (\d+)", request)
            head = f"CSeq: {number[1] if number else 0}\r\n"
            connection.sendall((self._answer(request, head) + "\r\n").encode())

    def _answer(self, request: str, head: str) -> str:
        method = request.split(" ", 1)[0]
        challenge = f'WWW-Authenticate: Digest realm="{REALM}", nonce="{NONCE}"\r\n'
        if method == "OPTIONS" and self._open_options:
            return f"RTSP/1.0 200 OK\r\n{head}Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n"
        if "Authorization:" not in request:
            return f"RTSP/1.0 401 Unauthorized\r\n{head}{challenge}"
        good = self._digest(method, request)
        with self._lock:
            self.right += good
            self.wrong += not good
        if not good:
            return f"RTSP/1.0 401 Unauthorized\r\n{head}{challenge}"
        return f"RTSP/1.0 {'200 OK' if method == 'OPTIONS' else '404 Not Found'}\r\n{head}"

    def _digest(self, method: str, request: str) -> bool:
        given = dict(re.findall(r'(\w+)="([^"]*)"', request))
        secret = _md5(f"{self._user}:{REALM}:{self._password}")
        expected = _md5(f"{secret}:{NONCE}:{_md5(f'{method}:' + given.get('uri', ''))}")
        return given.get("username") == self._user and given.get("response") == expected


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
