"""A small HTTP(S) server that misbehaves as asked, and a proxy; on loopback, closed by the test."""

from __future__ import annotations

import contextlib
import http.server
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pki import Pair


@dataclass
class Site:
    """What the server has, and how it serves it. `asked`: (path, Range, If-Range) per request."""

    files: dict[str, bytes] = field(default_factory=dict)
    etag: str = '"one"'
    ranges: bool = True
    cut_after: int | None = None  # bytes of body, then the connection breaks
    content_length: bool = True  # False: the body ends with the connection
    status: int = 200
    kind: str = "application/octet-stream"
    redirect: str | None = None
    hang: threading.Event | None = None  # answers nothing until it is set
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    url: str = ""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        site = self.site
        self.close_connection = True
        asked_range, if_range = self.headers.get("Range"), self.headers.get("If-Range")
        site.asked.append((self.path, asked_range, if_range))
        if site.hang:
            site.hang.wait(20)
            return
        if site.redirect:
            self.send_response(302)
            self.send_header("Location", site.redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if site.status != 200 or self.path not in site.files:
            self.send_error(site.status if site.status != 200 else 404)
            return
        self._send(site.files[self.path], asked_range, if_range)

    def _send(self, data: bytes, asked_range: str | None, if_range: str | None) -> None:
        site, start = self.site, 0
        if asked_range and site.ranges and if_range in (None, site.etag):
            start = int(asked_range.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        body = data[start:]
        self.send_header("Content-Type", site.kind)
        if site.content_length:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", site.etag)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body if site.cut_after is None else body[: site.cut_after])


@contextlib.contextmanager
def serving(site: Site, certificate: Pair | None = None) -> Iterator[Site]:
    handler = type("Handler", (_Handler,), {"site": site})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.cert, certificate.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    scheme = "https" if certificate else "http"
    site.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    with _running(
        lambda: server.serve_forever(0.02), lambda: (server.shutdown(), server.server_close())
    ):
        yield site


@contextlib.contextmanager
def proxying(status: str = "200 OK") -> Iterator[tuple[str, list[str]]]:
    """(URL, request lines seen) of a proxy that tunnels CONNECT, or answers `status` instead."""
    seen: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    stop = threading.Event()

    def tunnel(client: socket.socket) -> None:
        with client:
            line = client.recv(65536).split(b"\r\n")[0].decode()
            seen.append(line)
            client.sendall(f"HTTP/1.1 {status}\r\n\r\n".encode())
            if not status.startswith("200"):
                return
            host, _, port = line.split()[1].rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                other = {client: server, server: client}
                while not stop.is_set():
                    for ready in select.select(list(other), [], [], 0.05)[0]:
                        data = ready.recv(65536)
                        if not data:
                            return
                        other[ready].sendall(data)

    def accept() -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError):
                tunnel(listener.accept()[0])

    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with _running(accept, lambda: (stop.set(), listener.close())):
        yield address, seen


@contextlib.contextmanager
def _running(body: Callable[[], None], end: Callable[[], object]) -> Iterator[None]:
    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end()
        thread.join(5)


def folder_names(folder: Path) -> set[str]:
    """What the agent would see in a folder of models."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}
