"""Hands a camera's packets to libav, which reads RTSP from a socket and nothing else.

    camera --packets--> Relay (own thread) --loopback--> libav (source thread)

libav meets a server of one track that asks for no login. Its port is open on 127.0.0.1 for the
few milliseconds until libav has come; who does not know the random path is sent away.
"""

from __future__ import annotations

import contextlib
import secrets
import select
import socket
import threading

from edge_agent.clock import Clock
from edge_agent.errors import AgentError
from edge_agent.sources.libav import Target
from edge_agent.sources.refusal import StreamConfused
from edge_agent.sources.rtsp.messages import INTERLEAVED, NotRtsp, next_piece
from edge_agent.sources.rtsp.sender_clock import SenderClock
from edge_agent.sources.rtsp.talk import Talk
from edge_agent.sources.rtsp.traffic import Traffic
from edge_agent.sources.rtsp.wire import not_rtsp

_POLL_S = 0.2
#: A frame arrives as a burst of packets: waiting this long takes it in one go, which halves
#: what the relay costs.
_GATHER_S = 0.004
_REQUEST_END = b"\r\n\r\n"
_MAX_REQUEST_BYTES = 16 * 1024
_MAX_DATAGRAM_BYTES = 65535
_GOODBYE_S = 0.3
_SEND_S = 5.0


class Relay:
    """Made and closed by the source thread; in between its own thread owns the connection."""

    def __init__(self, talk: Talk, target: Target, clock: Clock) -> None:
        self._talk = talk
        self._target = target
        self._clock = clock
        self.traffic = Traffic(talk.track.payload_type, talk.declared_ssrc)
        self.sender = SenderClock()
        self.failure: AgentError | None = None  # why it ended, where it was not just closed
        self._closing = threading.Event()
        self._token = secrets.token_hex(16)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4)
        self._reader: socket.socket | None = None  # libav
        self._requests = bytearray()  # of libav
        port = self._listener.getsockname()[1]
        self.url = f"rtsp://127.0.0.1:{port}/{self._token}"
        self._keep_alive_s = clock.mono_s() + talk.session_timeout_s / 3
        self._thread = threading.Thread(target=self._run, name=f"rtsp-{target.camera}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """May be called twice."""
        self._closing.set()
        if self._reader is not None:
            _shut(self._reader)
        self._thread.join()

    def _run(self) -> None:
        try:
            reader = self._accepted()
            if reader is not None:
                self._pump(reader)
        except AgentError as error:
            self.failure = error
        except OSError:
            pass  # libav has left, or the camera: the reader of packets says it
        finally:
            self._listener.close()
            self._leave()

    # --- libav's side ---

    def _accepted(self) -> socket.socket | None:
        """libav, once it has been told to play."""
        self._listener.settimeout(_POLL_S)
        while not self._closing.is_set():
            try:
                visitor, _ = self._listener.accept()
            except TimeoutError:
                continue
            visitor.settimeout(_SEND_S)
            if self._serve_until_play(visitor):
                self._reader = visitor
                visitor.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return visitor
            visitor.close()
        return None

    def _serve_until_play(self, visitor: socket.socket) -> bool:
        self._requests.clear()
        while not self._closing.is_set():
            try:
                data = visitor.recv(_MAX_REQUEST_BYTES)
                self._requests += data
                if not data or len(self._requests) > _MAX_REQUEST_BYTES:
                    return False
                for method in self._answer_all(visitor):
                    if method == "PLAY":
                        return True
                    if method == "":
                        return False
            except OSError:
                return False
        return False

    def _answer_all(self, reader: socket.socket) -> list[str]:
        """Answers what libav asks; the methods. "" for somebody who is not libav."""
        methods: list[str] = []
        while self._requests:
            if self._requests[0] == INTERLEAVED:  # its reports
                size = 4 + int.from_bytes(self._requests[2:4], "big")
                if len(self._requests) < max(size, 4):
                    break
                del self._requests[:size]
                continue
            end = self._requests.find(_REQUEST_END)
            if end < 0:
                break
            head = bytes(self._requests[:end]).decode("latin-1")
            del self._requests[: end + 4]
            line, *rest = head.split("\r\n")
            method, _, uri = line.partition(" ")
            if self._token not in uri:
                return ["", *methods]
            reader.sendall(self._answer(method, rest))
            methods.append(method)
        return methods

    def _answer(self, method: str, headers: list[str]) -> bytes:
        number = next((h for h in headers if h.lower().startswith("cseq:")), "CSeq: 0")
        lines, body = ["RTSP/1.0 200 OK", number], b""
        if method == "OPTIONS":
            lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN")
        elif method == "DESCRIBE":
            body = self._talk.track.description
            lines += ["Content-Type: application/sdp", f"Content-Base: {self.url}/"]
            lines.append(f"Content-Length: {len(body)}")
        elif method == "SETUP":
            lines += ["Session: 1;timeout=3600", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]
        else:
            lines.append("Session: 1")
        return "\r\n".join(lines).encode() + _REQUEST_END + body

    # --- the camera's side ---

    def _pump(self, reader: socket.socket) -> None:
        self._listener.close()
        wire, udp = self._talk.wire, self._talk.udp
        poll = select.poll()
        poll.register(wire.socket, select.POLLIN)
        poll.register(reader, select.POLLIN)
        for sock in (udp.rtp, udp.rtcp) if udp else ():
            poll.register(sock, select.POLLIN)
        early = [(channel, packet) for channel, packet in wire.early]
        wire.early.clear()
        self._hand_on(reader, early)
        self._hand_on(reader, self._received())
        while not self._closing.is_set():
            ready = {descriptor for descriptor, _ in poll.poll(_POLL_S * 1000)}
            if reader.fileno() in ready and not self._heard_reader(reader):
                return
            if not ready.isdisjoint((wire.socket.fileno(), udp.rtp.fileno() if udp else -1)):
                self._closing.wait(_GATHER_S)
            open_still = wire.socket.fileno() not in ready or wire.received()
            self._hand_on(reader, [*self._received(), *self._datagrams()])
            if not open_still:
                return
            self._stay_alive()

    def _heard_reader(self, reader: socket.socket) -> bool:
        data = reader.recv(_MAX_REQUEST_BYTES)
        self._requests += data
        if not data or len(self._requests) > 8 * _MAX_REQUEST_BYTES:
            return False
        return "TEARDOWN" not in self._answer_all(reader)

    def _received(self) -> list[tuple[int, bytes]]:
        """Packets over TCP. Raises SourceUnreachable for what is no RTSP."""
        buffer = self._talk.wire.buffer
        found: list[tuple[int, bytes]] = []
        at, end = 0, len(buffer)
        while at < end:
            if buffer[at] == INTERLEAVED:  # nearly always, so without a copy of the rest
                size = 4 + int.from_bytes(buffer[at + 2 : at + 4], "big")
                if end - at < max(size, 4):
                    break
                found.append((buffer[at + 1], bytes(buffer[at + 4 : at + size])))
                at += size
                continue
            try:
                piece = next_piece(buffer, at)
            except NotRtsp as error:
                raise not_rtsp(self._target, error) from None
            if piece is None:
                break
            at += piece.size_bytes
            if piece.reply is not None:
                self._talk.heard(piece.reply)
        del buffer[:at]
        return found

    def _datagrams(self) -> list[tuple[int, bytes]]:
        udp = self._talk.udp
        found: list[tuple[int, bytes]] = []
        for channel, sock in enumerate((udp.rtp, udp.rtcp) if udp else ()):
            while True:
                try:
                    data, sender = sock.recvfrom(_MAX_DATAGRAM_BYTES)
                except BlockingIOError:
                    break
                except OSError:
                    continue  # a port that nobody listens on answered our first packet
                if udp is not None and sender[0] == udp.peer:
                    found.append((self._talk.channels[channel], data))
        return found

    def _hand_on(self, reader: socket.socket, packets: list[tuple[int, bytes]]) -> None:
        pictures, reports = self._talk.channels
        now_s = self._clock.mono_s()
        out = []
        for channel, packet in packets:
            if channel == pictures:
                if self.traffic.is_ours(packet, now_s):
                    out += [b"$\0" + len(packet).to_bytes(2, "big"), packet]
            elif channel == reports:
                # libav needs none of them, and takes an odd one for the end of the stream.
                self.sender.heard(packet, now_s, self.traffic.ssrc)
            else:
                self.traffic.strayed(channel)
        if self.traffic.confused:
            raise StreamConfused(
                f"{self._target} sends packets of two senders (SSRC) at a time, and does not say "
                "which one is the picture; restart it",
                "confused: the camera mixes packets of two sessions",
            )
        if out:
            reader.sendall(b"".join(out))

    def _stay_alive(self) -> None:
        now_s = self._clock.mono_s()
        if now_s >= self._keep_alive_s:
            self._keep_alive_s = now_s + self._talk.session_timeout_s / 3
            self._talk.wire.send(self._talk.keep_alive(), now_s + _SEND_S)

    def _leave(self) -> None:
        """Give the camera its session back: some have room for two."""
        with contextlib.suppress(AgentError, OSError):  # it may have left already
            self._talk.wire.send(self._talk.teardown(), self._clock.mono_s() + _GOODBYE_S)
        self._talk.close()
        if self._reader is not None:
            self._reader.close()


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may be closed already
        sock.shutdown(socket.SHUT_RDWR)
