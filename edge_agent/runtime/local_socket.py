"""A Unix socket that answers each connection once, and then closes it.

Who connects is answered at once, or, where requests are taken, after one line. Costs nothing while
nobody connects: the thread sleeps in the kernel.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
from collections.abc import Callable
from pathlib import Path

from edge_agent.errors import StorageError
from edge_agent.runtime.stop import StopToken

log = logging.getLogger(__name__)

#: Who connects and does not read is left.
_PATIENCE_S = 2.0
#: What a reader takes at most.
_LARGEST_BYTES = 16 << 20
#: A request is one short line.
_LARGEST_REQUEST_BYTES = 4096


class LocalSocket:
    """`run` is the body of a thread; `close` may be called from any."""

    def __init__(
        self,
        path: Path,
        answer: Callable[[], bytes] | None = None,
        *,
        answer_line: Callable[[bytes], bytes] | None = None,
    ) -> None:
        """Takes the place of a socket that an earlier process left. Raises StorageError.

        `answer_line` is given the line that whoever connects must send first, without its end.
        """
        self._path = path
        self._answer = answer
        self._answer_line = answer_line
        self._wake_in, self._wake_out = socket.socketpair()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            os.fchmod(self._socket.fileno(), 0o600)  # Linux: the mode of what bind makes
            path.unlink(missing_ok=True)
            _at(path, self._socket.bind)
            path.chmod(0o600)
            self._socket.listen(4)
        except OSError as error:
            self._release()
            raise StorageError(f"{path}: {error.strerror}") from error

    def run(self, stop: StopToken) -> None:
        """Until `close`."""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._socket, selectors.EVENT_READ)
                selector.register(self._wake_out, selectors.EVENT_READ)
                while not stop.stopped:
                    ready = {key.fileobj for key, _ in selector.select()}
                    if self._socket in ready:
                        self._serve()
        finally:
            self._path.unlink(missing_ok=True)
            self._release()

    def close(self) -> None:
        """After the stop token was set."""
        try:
            self._wake_in.send(b"x")
        except OSError:
            return  # it has ended

    def _serve(self) -> None:
        try:
            connection, _ = self._socket.accept()
            with connection:
                connection.settimeout(_PATIENCE_S)
                if self._answer is not None:
                    connection.sendall(self._answer())
                elif self._answer_line is not None:
                    connection.sendall(self._answer_line(_line_of(connection)))
        except OSError as error:
            log.debug("a reader of %s left: %s", self._path, error)

    def _release(self) -> None:
        for each in (self._socket, self._wake_in, self._wake_out):
            each.close()


def _line_of(connection: socket.socket) -> bytes:
    """What comes before the first line end, cut where it is too long. Raises OSError."""
    data = b""
    while b"\n" not in data and len(data) < _LARGEST_REQUEST_BYTES:
        part = connection.recv(_LARGEST_REQUEST_BYTES)
        if not part:
            break
        data += part
    return data.partition(b"\n")[0][:_LARGEST_REQUEST_BYTES]


def read_local_socket(path: Path, timeout_s: float, request: bytes = b"") -> bytes:
    """What the socket says; `request` is a line without its end. Raises OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as reader:
        reader.settimeout(timeout_s)
        _at(path, reader.connect)
        if request:
            reader.sendall(request + b"\n")
        parts: list[bytes] = []
        while (part := reader.recv(1 << 16)) and sum(map(len, parts)) < _LARGEST_BYTES:
            parts.append(part)
    return b"".join(parts)


def _at(path: Path, do: Callable[[str], None]) -> None:
    """A socket's name holds 108 bytes (unix(7)); a folder that is open has a short one."""
    if len(os.fsencode(path)) < 100:
        do(str(path))
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        do(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
