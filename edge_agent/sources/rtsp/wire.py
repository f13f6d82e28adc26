"""The connection to a camera: TCP or TLS, every wait bounded and open to the stop token."""

from __future__ import annotations

import select
import socket
import ssl
from collections import deque

from edge_agent.clock import Clock
from edge_agent.config.schema import RtspSource
from edge_agent.errors import AgentError, ConfigError, ConfigProblem, SourceEnded, SourceUnreachable
from edge_agent.plain_file import check_is_file
from edge_agent.runtime import Patience, StopToken, open_tcp, shake_hands
from edge_agent.sources.libav import Target, connection_failure, no_answer
from edge_agent.sources.refusal import CameraRefuses
from edge_agent.sources.rtsp.answers import unknown_host
from edge_agent.sources.rtsp.messages import NotRtsp, RtspReply, next_piece

_SLICE_S = 0.2
_CHUNK_BYTES = 64 * 1024
#: Packets that come before the answer to PLAY.
_MAX_EARLY_BYTES = 4 * 1024 * 1024
#: How long an answer with the right number is waited for when one with another has come.
_UNCOUNTED_S = 1.0


class RtspWire:
    """Owned by one thread at a time. Errors name the camera and never hold a secret."""

    def __init__(self, sock: socket.socket, target: Target, stop: StopToken, clock: Clock) -> None:
        self.socket = sock
        self.buffer = bytearray()  # received, not looked at yet
        self.early: deque[tuple[int, bytes]] = deque()  # packets before the first answer to PLAY
        self._early_bytes = 0
        self._counts_along = True  # names in its answers the requests that they are for
        self._target = target
        self._stop = stop
        self._clock = clock
        sock.setblocking(False)

    @property
    def encrypted(self) -> bool:
        return isinstance(self.socket, ssl.SSLSocket)

    def send(self, data: bytes, deadline_s: float) -> None:
        try:
            self.socket.settimeout(max(0.1, deadline_s - self._clock.mono_s()))
            self.socket.sendall(data)
        except OSError as error:
            raise self._failure(error) from None
        finally:
            self.socket.setblocking(False)

    def reply(self, number: int, deadline_s: float) -> RtspReply:
        """The answer to request `number`; packets that come meanwhile are kept.

        Interim answers (1xx) are none. Some cameras do not count along: an answer of another
        number is taken when no better one comes.
        """
        uncounted: RtspReply | None = None
        until_s = deadline_s
        while True:
            try:
                piece = next_piece(self.buffer)
            except NotRtsp as error:
                raise not_rtsp(self._target, error) from None
            if piece is None:
                if self._more(until_s):
                    continue
                if uncounted is None:
                    raise no_answer(self._target)
                self._counts_along = False
                return uncounted
            del self.buffer[: piece.size_bytes]
            if piece.packet is not None:
                self._keep(piece.channel, piece.packet)
            elif piece.reply is not None and piece.reply.status >= 200:
                named = piece.reply.header("cseq")
                if not self._counts_along or named in ("", str(number)):
                    return piece.reply
                if uncounted is None:
                    until_s = min(deadline_s, self._clock.mono_s() + _UNCOUNTED_S)
                uncounted = piece.reply

    def received(self) -> bool:
        """Take what is there; False once the other side has closed."""
        while True:
            try:
                data = self.socket.recv(_CHUNK_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return True
            except OSError:
                return False
            if not data:
                return False
            self.buffer += data
            if not (isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()):
                return True

    def close(self) -> None:
        self.socket.close()

    def _more(self, deadline_s: float) -> bool:
        """Wait for more; False when none came in time."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        while True:
            left_s = deadline_s - self._clock.mono_s()
            if left_s <= 0:
                return False
            if self._stop.stopped:
                raise SourceUnreachable(f"{self._target}: stopped while connecting")
            if poll.poll(1000 * min(left_s, _SLICE_S)):
                break
        if not self.received():
            raise SourceEnded(f"{self._target} closed the connection while it was set up")
        return True

    def _keep(self, channel: int, packet: bytes) -> None:
        self._early_bytes += len(packet)
        if self._early_bytes > _MAX_EARLY_BYTES:
            raise not_rtsp(self._target, NotRtsp("megabytes of packets instead of an answer"))
        self.early.append((channel, packet))

    def _failure(self, error: OSError) -> AgentError:
        return connection_failure(error, self._target)


def connected(
    host: str,
    port: int,
    config: RtspSource,
    *,
    target: Target,
    patience: Patience,
    tls: bool,
) -> RtspWire:
    """Raises SourceUnreachable in words."""
    context = _context(config, target) if tls else None  # before anything is open
    try:
        sock = open_tcp(host, port, patience)
    except socket.gaierror:
        failure: AgentError = unknown_host(target, host)
    except TimeoutError:
        failure = no_answer(target)
    except OSError as error:
        failure = connection_failure(error, target)
    else:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            sock = _encrypted(sock, host, context, target, patience)
        return RtspWire(sock, target, patience.stop, patience.clock)
    raise failure


def not_rtsp(target: Target, error: NotRtsp) -> SourceUnreachable:
    return CameraRefuses(
        f"{target} sends what no camera sends: {error}; are address and port right?",
        "refused: what answers is no camera",
    )


def _encrypted(
    plain: socket.socket,
    host: str,
    context: ssl.SSLContext,
    target: Target,
    patience: Patience,
) -> ssl.SSLSocket:
    sock = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
    try:
        shake_hands(sock, patience)
    except ssl.SSLCertVerificationError as error:
        failure: AgentError = CameraRefuses(
            f"{target}: its certificate cannot be trusted ({error.verify_message}); give its CA, "
            "or the certificate itself, as ca_file, or set allow_insecure = true",
            "refused: the camera's certificate cannot be trusted",
        )
    except TimeoutError:
        failure = no_answer(target)
    except ssl.SSLError as error:
        failure = CameraRefuses(
            f"{target} does not speak TLS here ({error.reason or 'no answer'}); "
            "rtsps:// has a port of its own, 322 as a rule",
            "refused: the camera does not speak TLS at this address",
        )
    except OSError as error:
        failure = connection_failure(error, target)
    else:
        return sock
    sock.close()
    raise failure


def _context(config: RtspSource, target: Target) -> ssl.SSLContext:
    try:
        if config.ca_file is not None:
            check_is_file(config.ca_file)
        context = ssl.create_default_context(cafile=config.ca_file)
    except (OSError, ssl.SSLError) as error:
        found = f"{config.ca_file} cannot be used: {error.strerror or 'no certificate in PEM'}"
        fix = "name the PEM file of the camera's CA, or of its own certificate"
        raise ConfigError([ConfigProblem(target.shown, "ca_file", found, fix)]) from None
    if config.ca_file is not None:
        # A camera's own certificate, which no CA signed, is its own proof.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if config.allow_insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
