"""One client's RTSP connection (RFC 2326): reads requests, answers, owns its stream."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote, urlsplit

from edge_agent.demo.rtsp_login import LoginVerdict, ViewerLogin
from edge_agent.demo.rtsp_stream import Datagrams, Interleaved, Stream, StreamMount, Transport

#: Control name of the only track.
TRACK = "trackID=0"

_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER"
_SESSION_TIMEOUT_S = 60
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport",
    501: "Not Implemented",
}


class BadRequest(Exception):
    """Bytes that are no RTSP request; the connection is closed after the reply."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        """Without slashes around it and without the query."""
        return unquote(urlsplit(self.url).path).strip("/")


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""

    def encode(self, sequence: str) -> bytes:
        lines = [f"RTSP/1.0 {self.status} {_REASONS[self.status]}", f"CSeq: {sequence}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.body:
            lines.append(f"Content-Length: {len(self.body.encode())}")
        return "\r\n".join([*lines, "", self.body]).encode()


class _Served(Protocol):
    """What a connection needs of the server."""

    running: asyncio.Event  # cleared while the server plays dead
    login: ViewerLogin | None

    def mount(self, name: str) -> StreamMount | None: ...

    def count(self, request: Request, verdict: LoginVerdict) -> None: ...


@dataclass(slots=True)
class _Session:
    """What SETUP made. `task` runs while playing."""

    id: str
    stream: Stream
    task: asyncio.Task[None] | None = field(default=None)

    async def pause(self) -> None:
        if self.task:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await self.task
            self.task = None

    async def close(self) -> None:
        await self.pause()
        self.stream.transport.close()


class ViewerConnection:
    """Lives as long as the TCP connection; a client's stream ends with it, UDP included."""

    def __init__(
        self, camera: _Served, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._camera = camera
        self._reader = reader
        self._writer = writer
        self._nonce = secrets.token_hex(16)
        self._session: _Session | None = None
        self._handlers: dict[str, Callable[[Request, StreamMount], _Reply]] = {
            "DESCRIBE": self._describe,
            "SETUP": self._setup,
        }

    async def serve(self) -> None:
        """Until the client leaves, breaks the protocol, or the server closes."""
        try:
            while (request := await self._read()) is not None:
                reply, play = await self._answer(request)
                await self._camera.running.wait()
                self._writer.write(reply.encode(request.headers.get("cseq", "0")))
                await self._writer.drain()
                if play and self._session:
                    self._session.task = asyncio.create_task(self._session.stream.play())
        except BadRequest:
            self._writer.write(_Reply(400).encode("0"))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client is gone
        finally:
            if self._session:
                await self._session.close()
            self._writer.close()

    def abort(self) -> None:
        """Reset the connection without a word."""
        self._writer.transport.abort()

    # --- reading ----------------------------------------------------------------------

    async def _read(self) -> Request | None:
        """The next request, past the client's RTCP; None when it has left."""
        try:
            while (first := await self._reader.read(1)) == b"$":
                head = await self._reader.readexactly(3)
                await self._reader.readexactly(int.from_bytes(head[1:], "big"))
            if not first:
                return None
            head = first + await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError as error:
            raise BadRequest from error
        request = _parse(head.decode("utf-8", "replace"))
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > 65536:
            raise BadRequest
        await self._reader.readexactly(int(length))
        return request

    # --- answering --------------------------------------------------------------------

    async def _answer(self, request: Request) -> tuple[_Reply, bool]:
        """The reply, and whether playing begins after it was sent."""
        login = self._camera.login
        header = request.headers.get("authorization")
        verdict = login.check(header, request.method, self._nonce) if login else LoginVerdict.ABSENT
        self._camera.count(request, verdict)
        if request.method == "OPTIONS":  # cameras answer it to everybody
            return _Reply(200, (("Public", _METHODS),)), False
        if login and verdict is not LoginVerdict.RIGHT:
            return _Reply(401, self._challenges(login, verdict)), False
        if request.method in self._handlers:
            mount = self._camera.mount(request.path.removesuffix(f"/{TRACK}"))
            if mount is None:
                return _Reply(404), False
            return self._handlers[request.method](request, mount), False
        return await self._control(request)

    def _challenges(self, login: ViewerLogin, verdict: LoginVerdict) -> tuple[tuple[str, str], ...]:
        values = login.challenges(self._nonce, stale=verdict is LoginVerdict.STALE)
        return tuple(("WWW-Authenticate", value) for value in values)

    def _describe(self, request: Request, mount: StreamMount) -> _Reply:
        base = request.url.rstrip("/") + "/"
        headers = (("Content-Base", base), ("Content-Type", "application/sdp"))
        return _Reply(200, headers, _sdp(mount, self._writer.get_extra_info("sockname")[0]))

    def _setup(self, request: Request, mount: StreamMount) -> _Reply:
        if self._session:
            return _Reply(455)  # there is only one track, and it is set up
        transport = self._transport(request.headers.get("transport", ""))
        if transport is None:
            return _Reply(461)
        stream = Stream(mount, transport, self._camera.running)
        self._session = _Session(secrets.token_hex(8), stream)
        return _Reply(200, (("Transport", transport.header), self._session_header()))

    def _transport(self, offers: str) -> Transport | None:
        """The first offer that we can serve."""
        for offer in offers.split(","):
            kind, *parameters = (part.strip() for part in offer.split(";"))
            given = dict(part.partition("=")[::2] for part in parameters)
            if "multicast" in given:
                continue
            if kind.upper() == "RTP/AVP/TCP":
                return Interleaved(self._writer, _pair(given.get("interleaved", "")) or (0, 1))
            ports = _pair(given.get("client_port", ""))
            if kind.upper() in ("RTP/AVP", "RTP/AVP/UDP") and ports:
                peer, own = (self._writer.get_extra_info(n)[0] for n in ("peername", "sockname"))
                return Datagrams(own, (peer, *ports))
        return None

    async def _control(self, request: Request) -> tuple[_Reply, bool]:
        """Requests that concern the session."""
        if request.method in ("GET_PARAMETER", "SET_PARAMETER"):  # clients keep alive with it
            return _Reply(200, (self._session_header(),) if self._session else ()), False
        if request.method not in ("PLAY", "PAUSE", "TEARDOWN"):
            return _Reply(501), False
        session = self._session
        if session is None or request.headers.get("session", "").split(";")[0] != session.id:
            return _Reply(454), False
        if request.method == "PLAY":
            return self._play(request, session)
        if request.method == "PAUSE":
            await session.pause()
        else:
            await session.close()
            self._session = None
        return _Reply(200, (("Session", session.id),)), False

    def _play(self, request: Request, session: _Session) -> tuple[_Reply, bool]:
        if session.task and not session.task.done():
            return _Reply(200, (self._session_header(),)), False  # it plays already
        stream = session.stream
        stream.prepare()
        url = request.url.rstrip("/").removesuffix(f"/{TRACK}")
        info = f"url={url}/{TRACK};seq={stream.sequence};rtptime={stream.timestamp}"
        headers = (self._session_header(), ("Range", "npt=now-"), ("RTP-Info", info))
        return _Reply(200, headers), True

    def _session_header(self) -> tuple[str, str]:
        assert self._session
        return "Session", f"{self._session.id};timeout={_SESSION_TIMEOUT_S}"


def _parse(head: str) -> Request:
    first, *lines = head.strip().split("\r\n")
    words = first.split()
    if len(words) != 3 or words[2] != "RTSP/1.0":
        raise BadRequest
    fields = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    return Request(words[0].upper(), words[1], headers)


def _pair(text: str) -> tuple[int, int] | None:
    """`4-5`, or `4` for 4 and the next."""
    found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text)
    if not found:
        return None
    first = int(found[1])
    return first, int(found[2] or first + 1)


def _sdp(mount: StreamMount, host: str) -> str:
    media = mount.media
    lines = (
        "v=0",
        f"o=- 1 1 IN IP4 {host}",
        f"s={mount.name}",
        f"c=IN IP4 {host}",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
        f"m=video 0 RTP/AVP {media.payload_type}",
        *media.sdp_lines,
        f"a=control:{TRACK}",
    )
    return "".join(f"{line}\r\n" for line in lines)
