"""A TCP connection and a TLS handshake: one deadline for the whole, and the stop token ends both.

The standard library's own calls give every address of a name its own time-out, wait for a name
server as long as the resolver likes, and hear nothing of a stop meanwhile.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.clock import Clock
from edge_agent.runtime.stop import StopToken

_SLICE_S = 0.2
#: More addresses of one name are not tried.
_MOST_ADDRESSES = 8

_Addresses = Sequence[
    tuple[
        socket.AddressFamily,
        socket.SocketKind,
        int,
        str,
        tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes],
    ]
]


class ToldToStop(ConnectionAbortedError):
    """The stop token was set while a connection was opened."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNABORTED, "told to stop")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long opening may take: until `deadline_s` (monotonic), or a stop."""

    deadline_s: float
    clock: Clock
    stop: StopToken

    def left_s(self) -> float:
        """Raises ToldToStop; 0 when it is over."""
        if self.stop.stopped:
            raise ToldToStop
        return max(0.0, self.deadline_s - self.clock.mono_s())

    def share(self, parts: int) -> Patience:
        """For the first of so many tries."""
        return Patience(self.clock.mono_s() + self.left_s() / parts, self.clock, self.stop)

    def wait_for(self, sock: socket.socket, events: int) -> None:
        """Until select.poll tells one of `events`. Raises TimeoutError, ToldToStop."""
        poll = select.poll()
        poll.register(sock, events)
        while left_s := self.left_s():
            if poll.poll(1000 * min(left_s, _SLICE_S)):
                return
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))


def open_tcp(host: str, port: int, patience: Patience) -> socket.socket:
    """A connected socket that does not block.

    Raises OSError: socket.gaierror where the name has no address, TimeoutError, ToldToStop.
    """
    failure: OSError = socket.gaierror(socket.EAI_NONAME, "the name has no address")
    addresses = _resolved(host, port, patience)[:_MOST_ADDRESSES]
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            _connect(sock, address, patience.share(len(addresses) - number))
        except BaseException as error:
            sock.close()
            if isinstance(error, ToldToStop) or not isinstance(error, OSError):
                raise
            failure = error
        else:
            return sock
    raise failure


def shake_hands(sock: ssl.SSLSocket, patience: Patience) -> None:
    """For a socket that does not block. Raises OSError: ssl.SSLError, TimeoutError, ToldToStop."""
    while True:
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            patience.wait_for(sock, select.POLLIN)
        except ssl.SSLWantWriteError:
            patience.wait_for(sock, select.POLLOUT)
        else:
            return


def _connect(sock: socket.socket, address: object, patience: Patience) -> None:
    sock.setblocking(False)
    number = sock.connect_ex(address)  # type: ignore[arg-type]
    if number == errno.EINPROGRESS:
        patience.wait_for(sock, select.POLLOUT)
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))


def _resolved(host: str, port: int, patience: Patience) -> _Addresses:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        pass  # a name
    question = _Question(host, port)
    while not question.answered.wait(_SLICE_S):
        if not patience.left_s():
            raise socket.gaierror(socket.EAI_AGAIN, "no name server answered in time")
    if question.failure is not None:
        raise question.failure
    return question.addresses


class _Question:
    """Asks the resolver, which cannot be interrupted, in a thread that may be left behind."""

    def __init__(self, host: str, port: int) -> None:
        self.answered = threading.Event()
        self.addresses: _Addresses = []
        self.failure: OSError | None = None
        threading.Thread(target=self._ask, args=(host, port), name="resolver", daemon=True).start()

    def _ask(self, host: str, port: int) -> None:
        try:
            self.addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            self.failure = error
        except UnicodeError:
            self.failure = socket.gaierror(socket.EAI_NONAME, "this is no host name")
        finally:
            self.answered.set()
