"""Serves the page to one browser: on loopback, for a quarter of an hour, with a code used once.

Who can reach loopback is everybody on this machine, and every page in its browser. So:

- the code of the printed address opens the page once; then a cookie does, which no other site's
  requests carry (SameSite=Strict) and no script reads
- the Host header must be loopback's, against names that turn to 127.0.0.1 (DNS rebinding)
- what changes anything must come from the page's own origin, as JSON
- requests are bounded in size, time and number; answers are not kept and load nothing from outside
"""

from __future__ import annotations

import contextlib
import hmac
import html
import json
import secrets
import socket
import threading
import time
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from edge_agent.errors import AgentError, OperatorError
from edge_agent.language import _, spoken
from edge_agent.tools.sentences import of_error
from edge_agent.tools.zones.desk import Desk
from edge_agent.tools.zones.draft import ZonesDraft

LIFETIME_S = 15 * 60.0
ADDRESS = "127.0.0.1"
MOST_BODY_BYTES = 256 * 1024

_MOST_CONNECTIONS = 8
_SOCKET_TIMEOUT_S = 10.0
_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_FILES = {"/zones.js": "text/javascript; charset=utf-8", "/zones.css": "text/css; charset=utf-8"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class PageServer(ThreadingHTTPServer):
    """`run` blocks until the page says it is done, `end` is called, or the time is over."""

    daemon_threads = False  # `server_close` waits for them, after `_hang_up`

    def __init__(self, desk: Desk, port: int = 0, lifetime_s: float = LIFETIME_S) -> None:
        """Port 0: any. Raises OperatorError where it is taken."""
        self.desk = desk
        self._code = secrets.token_urlsafe(16)
        self._session = secrets.token_urlsafe(32)
        self._code_lock = threading.Lock()
        self._code_used = False
        self._connections: set[socket.socket] = set()
        self._places = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        self._lifetime_s = lifetime_s
        self._ends_s = time.monotonic() + lifetime_s
        self._ended = threading.Event()
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            text = _("port {port} of this machine cannot be used: {why}")
            raise OperatorError(text.format(port=port, why=error.strerror)) from error

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """To be shown to one person."""
        return f"http://{ADDRESS}:{self.port}/?code={self._code}"

    @property
    def cookie(self) -> str:
        """Its name: browsers keep one jar for all ports of a host."""
        return f"edge-agent-zones-{self.port}"

    @property
    def left_s(self) -> float:
        return max(0.0, self._ends_s - time.monotonic())

    def run(self) -> bool:
        """True when the page ended it, False when the time was over."""
        thread = threading.Thread(target=self.serve_forever, name="zones-page", daemon=True)
        thread.start()
        try:
            return self._ended.wait(self._lifetime_s)
        finally:
            self.desk.stop()
            self.shutdown()
            thread.join()
            self._hang_up()
            self.server_close()

    def end(self) -> None:
        self._ended.set()

    def _hang_up(self) -> None:
        """Browsers open connections before they need them."""
        for each in tuple(self._connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def opens(self, code: str) -> str | None:
        """The session of who brings the code, once; None for all others."""
        with self._code_lock:
            right = hmac.compare_digest(code.encode(), self._code.encode())
            if not right or self._code_used:
                return None
            self._code_used = True
            return self._session

    def knows(self, session: str) -> bool:
        return hmac.compare_digest(session.encode(), self._session.encode())

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        self._connections.add(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.discard(request)
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that left in the middle is no news; what is wrong was answered."""


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    timeout = _SOCKET_TIMEOUT_S
    server_version = "edge-agent"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing: the address holds the code."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server refuses by itself."""
        self._send(HTTPStatus(code), (message or "").encode(), "text/plain; charset=utf-8")

    # --- who may ---

    def _answer(self, work: Any) -> None:
        try:
            self._check_host()
            work()
        except _Refused as refused:
            self._send(refused.status, refused.text.encode(), "text/plain; charset=utf-8")
        except AgentError as error:
            text = of_error(error).encode()
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, text, "text/plain; charset=utf-8")

    def _check_host(self) -> None:
        hosts = self.headers.get_all("Host", [])
        try:
            name = urlsplit(f"//{hosts[0]}").hostname if len(hosts) == 1 else None
        except ValueError:
            name = None
        if name not in _HOSTS or self.server.left_s <= 0:
            raise _Refused(HTTPStatus.FORBIDDEN, "this page is for the box's own browser")

    def _has_session(self) -> bool:
        try:
            cookies = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:
            return False
        found = cookies.get(self.server.cookie)
        return found is not None and self.server.knows(found.value)

    def _check_session(self) -> None:
        if not self._has_session():
            raise _Refused(HTTPStatus.FORBIDDEN, self._closed())

    def _closed(self) -> str:
        return _("This address was used already, or is not whole. Start edge-agent zones again.")

    def _check_origin(self) -> None:
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin", "")
        kind = self.headers.get_content_type()
        if origin != f"http://{host}" or kind != "application/json":
            raise _Refused(HTTPStatus.FORBIDDEN, "asked by another page")

    # --- what there is ---

    def _get(self) -> None:
        path, _sep, query = self.path.partition("?")
        if path == "/":
            self._send_page(parse_qs(query).get("code", [""])[0])
            return
        self._check_session()
        desk = self.server.desk
        if path in _FILES:
            self._send(HTTPStatus.OK, _file(path), _FILES[path])
        elif path == "/state":
            self._send_json(desk.state(self.server.left_s))
        elif path == "/picture":
            self._send(HTTPStatus.OK, desk.picture(), "image/jpeg")
        else:
            raise _Refused(HTTPStatus.NOT_FOUND, "there is no such page")

    def _send_page(self, code: str) -> None:
        session = None if self._has_session() else self.server.opens(code)
        if session is None:
            self._check_session()
        page = _file("/index.html").decode()
        title = html.escape(self.server.desk.title)
        page = page.replace("@lang@", spoken()).replace("@camera@", title)
        cookie = f"{self.server.cookie}={session}; HttpOnly; SameSite=Strict; Path=/"
        more = {"Set-Cookie": cookie} if session else {}
        self._send(HTTPStatus.OK, page.encode(), "text/html; charset=utf-8", more)

    def _post(self) -> None:
        self._check_session()
        self._check_origin()
        body = self._body()
        if self.path == "/live":
            self._send_json(self.server.desk.live(_draft(body)))
        elif self.path == "/save":
            self._send_json(self.server.desk.save(_draft(body)))
        elif self.path == "/done":
            self._send_json({})
            self.server.end()
        else:
            raise _Refused(HTTPStatus.NOT_FOUND, "there is no such page")

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "a request must say its length")
        if len(length) > 9 or int(length) > MOST_BODY_BYTES:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too large")
        return self.rfile.read(int(length))

    def _send_json(self, answer: dict[str, Any]) -> None:
        self._send(HTTPStatus.OK, json.dumps(answer).encode(), "application/json")

    def _send(
        self, status: HTTPStatus, body: bytes, kind: str, more: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": kind, **(more or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _draft(body: bytes) -> ZonesDraft:
    try:
        return msgspec.json.decode(body, type=ZonesDraft)
    except msgspec.MsgspecError as error:
        raise _Refused(HTTPStatus.BAD_REQUEST, f"no drawing: {error}") from None


def _file(path: str) -> bytes:
    page = resources.files("edge_agent.tools.zones") / "page"
    return (page / path.removeprefix("/")).read_bytes()


def forwarding(port: int, user: str, host: str) -> str:
    """What is typed on another computer so that the address opens there."""
    return f"ssh -N -L {port}:{ADDRESS}:{port} {user}@{host}"


def own_name() -> str:
    """How another computer may call this one."""
    return socket.gethostname()
