"""A camera made of a clip: an RTSP 1.0 server on loopback, with switches that break it.

    with RtspServer({"cam0": Media.load(clip)}, login=Login("viewer", "secret")) as server:
        print(server.url("cam0"))

H.264, H.265 and MJPEG over TCP (interleaved) and UDP, at the clip's own pace, any number of
mounts and clients. The demo watches it, and the tests make it fail as cameras do.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import quote

from edge_agent.demo.rtsp_connection import Request, ViewerConnection
from edge_agent.demo.rtsp_login import LoginVerdict, ViewerLogin
from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_stream import StreamMount

_CALL_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class RtspCounts:
    """What clients asked so far. Recorders lock an account after a few `wrong` ones."""

    connections: int
    requests: Mapping[str, int]  # by method
    without_login: int  # no Authorization header
    right: int
    wrong: int
    stale: int  # the right password, with another connection's nonce


@dataclass(slots=True)
class _Tally:
    connections: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[LoginVerdict] = field(default_factory=Counter)


class RtspServer:
    """Serves mounts from a thread of its own, from `start` to `stop`; may start again.

    `port` 0 takes a free one, and `start` after `stop` takes the same again. Every public
    method may be called from any thread but the server's own; switches have taken effect
    when they return.
    """

    def __init__(
        self,
        media: Mapping[str, Media],
        *,
        login: ViewerLogin | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        loop: bool = True,
    ) -> None:
        self.host, self.port = host, port
        self._state = _State(
            {name: StreamMount(name, item, loop) for name, item in media.items()}, login
        )
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # --- life -------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen. Raises OSError when the port is taken. Every camera begins anew."""
        if self._thread:
            return self
        ready: concurrent.futures.Future[int] = concurrent.futures.Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._state.serve(self.host, self.port, ready)),
            name="rtsp-server",
            daemon=True,
        )
        self._thread.start()
        try:
            self.port = ready.result(_CALL_TIMEOUT_S)
        except OSError:
            self._thread.join()
            self._thread = None
            raise
        return self

    def stop(self) -> None:
        """Close every connection and the port."""
        if self._thread:
            self._call(self._state.close)
            self._thread.join()
            self._thread = None

    def url(self, name: str, login: ViewerLogin | None = None) -> str:
        """Address of a mount; with a login inside only when one is given (for ffprobe)."""
        who = f"{quote(login.user, '')}:{quote(login.password, '')}@" if login else ""
        return f"rtsp://{who}{self.host}:{self.port}/{name}"

    # --- what happened ----------------------------------------------------------------

    def counts(self) -> RtspCounts:
        """Since the server object was made, restarts included."""
        tally = self._state.tally
        verdicts = tally.verdicts
        return RtspCounts(
            tally.connections,
            dict(tally.requests),
            verdicts[LoginVerdict.ABSENT],
            verdicts[LoginVerdict.RIGHT],
            verdicts[LoginVerdict.WRONG],
            verdicts[LoginVerdict.STALE],
        )

    @property
    def viewers(self) -> int:
        """Open connections."""
        return len(self._state.connections)

    def sent_s(self, name: str, number: int) -> float | None:
        """Monotonic moment when a mount's picture is due; None before its first viewer.

        Numbers count from 0 at the first viewer's first picture, on over the clip's rounds.
        """
        mount = self._state.mounts[name]
        return None if mount.began_s is None else mount.due_s(number)

    # --- switches ---------------------------------------------------------------------

    def stall(self) -> None:
        """Keep every connection, take new ones, and send nothing at all."""
        self._call(self._state.running.clear)

    def resume(self) -> None:
        """Send again, from the next key picture of the present."""
        self._call(self._state.running.set)

    def accept_hang(self, hang: bool = True) -> None:
        """Take new connections and never answer them, while old ones go on."""
        self._call(lambda: setattr(self._state, "hang", hang))

    def kill_connections(self) -> None:
        """Reset every connection, as a camera's reboot does; new ones are served."""
        self._call(self._state.abort_all)

    def set_password(self, password: str) -> None:
        """From now on only this one; streams that play go on."""
        login = self._state.login
        if login is None:
            raise ValueError("this server asks for no login")
        self._state.login = dataclasses.replace(login, password=password)

    def _call(self, action: Callable[[], None]) -> None:
        """Run in the server's thread, which owns all sockets, and wait until it is done."""
        if self._thread is None:
            raise ValueError("the server does not run")
        done: concurrent.futures.Future[None] = concurrent.futures.Future()

        def act() -> None:
            action()
            done.set_result(None)

        self._state.loop.call_soon_threadsafe(act)
        done.result(_CALL_TIMEOUT_S)


class _State:
    """What the server's thread owns; others read counts and replace `login`."""

    loop: asyncio.AbstractEventLoop
    running: asyncio.Event
    _closing: asyncio.Event

    def __init__(self, mounts: dict[str, StreamMount], login: ViewerLogin | None) -> None:
        self.mounts = mounts
        self.login = login
        self.tally = _Tally()
        self.hang = False
        self.connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(self, host: str, port: int, ready: concurrent.futures.Future[int]) -> None:
        self.loop = asyncio.get_running_loop()
        self.running, self._closing = asyncio.Event(), asyncio.Event()
        self.running.set()
        for mount in self.mounts.values():
            mount.began_s = None
        try:
            server = await asyncio.start_server(self._connected, host, port)
        except OSError as error:
            ready.set_exception(error)
            return
        ready.set_result(server.sockets[0].getsockname()[1])
        await self._closing.wait()
        server.close()
        self.abort_all()
        for task in tuple(self.connections):
            task.cancel()
        if self.connections:
            await asyncio.wait(tuple(self.connections))

    def close(self) -> None:
        self._closing.set()

    def abort_all(self) -> None:
        for writer in self.connections.values():
            writer.transport.abort()

    def mount(self, name: str) -> StreamMount | None:
        return self.mounts.get(name)

    def count(self, request: Request, verdict: LoginVerdict) -> None:
        self.tally.requests[request.method] += 1
        self.tally.verdicts[verdict] += 1

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections[task] = writer
        self.tally.connections += 1
        try:
            if self.hang:
                await _swallow(reader, writer)
            else:
                await ViewerConnection(self, reader, writer).serve()
        except asyncio.CancelledError:
            pass  # the server stops
        finally:
            del self.connections[task]


async def _swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read and say nothing."""
    try:
        while await reader.read(4096):
            pass
    except ConnectionError:
        pass
    finally:
        writer.close()
