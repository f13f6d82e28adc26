"""One request for a file, or for the rest of it: HTTP Range, proxies, redirects, refusals in words.

The file's size and hash are known beforehand, so the network is trusted with nothing: TLS keeps
what is fetched private from the neighbours, the hash makes it right.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from edge_agent import __version__
from edge_agent.errors import DownloadFailed

#: What is read at once; also how often progress is told.
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """`proxy` None: what the environment says (HTTPS_PROXY, NO_PROXY)."""

    mirror: str | None = None  # a URL; files lie directly below it, under their own names
    proxy: str | None = None
    allow_http: bool = False
    timeout_s: float = 30.0  # without a single byte

    @classmethod
    def of(
        cls, mirror: str | None, proxy: str | None, allow_http: bool, timeout_s: float
    ) -> FetchSettings:
        """Checked. Raises DownloadFailed."""
        settings = cls(mirror, proxy, allow_http, timeout_s)
        if mirror is not None:
            _check_no_login(mirror)
            _check_scheme(mirror, settings)
        if proxy is not None:
            _check_proxy(proxy)
        return settings

    def url_of(self, url: str | None, file: str) -> str | None:
        """Where a file is fetched; None when nobody says."""
        return f"{self.mirror.rstrip('/')}/{urllib.parse.quote(file)}" if self.mirror else url


@dataclass(frozen=True, slots=True)
class FileVersion:
    """What the server calls this version of the file; empty: it does not say."""

    etag: str = ""
    modified: str = ""

    def if_range(self) -> str:
        """For If-Range (RFC 9110, 13.1.5), which takes strong validators only."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


class Body:
    """The answer's bytes from `start` on."""

    def __init__(self, response: http.client.HTTPResponse, url: str, start: int) -> None:
        self.start = start
        headers = response.headers
        self.validator = FileVersion(headers.get("ETag", ""), headers.get("Last-Modified", ""))
        self.kind = headers.get_content_type()
        self.total = _total(response, start)
        self._response = response
        self._url = url

    def read(self) -> bytes:
        """The next bytes, as soon as there are some; empty at the end.

        Raises DownloadFailed.
        """
        with _translated(self._url):
            return self._response.read1(CHUNK_BYTES)


@contextlib.contextmanager
def request(
    url: str, start: int, validator: FileVersion, settings: FetchSettings
) -> Iterator[Body | None]:
    """The file from byte `start` on, or from 0 when the server cannot or its file changed.

    None when the server has nothing from `start` on (416). Raises DownloadFailed.
    """
    _check_scheme(url, settings)
    headers = {"User-Agent": f"edge-agent/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if validator.if_range():
            headers["If-Range"] = validator.if_range()
    asked = urllib.request.Request(url, headers=headers)  # noqa: S310  (scheme checked above)
    with _translated(url):
        try:
            response = _opener(settings).open(asked, timeout=settings.timeout_s)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
                    response = None
                else:
                    raise DownloadFailed(f"{url}: {_refusal(error)}") from error
    if response is None:
        yield None
        return
    with response:
        yield Body(response, url, _start_of(response, url, start))


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to something weaker."""

    def __init__(self, settings: FetchSettings) -> None:
        self._settings = settings

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        scheme = urllib.parse.urlsplit(newurl).scheme
        weaker = req.full_url.startswith("https:") and scheme != "https"
        if weaker or scheme not in ("https", "http"):
            raise DownloadFailed(
                f"{req.full_url}: redirects to {newurl}, which is not https; refused"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(settings: FetchSettings) -> urllib.request.OpenerDirector:
    proxies = None if settings.proxy is None else {"http": settings.proxy, "https": settings.proxy}
    return urllib.request.build_opener(
        urllib.request.ProxyHandler(proxies),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        _Redirects(settings),
    )


def _check_scheme(url: str, settings: FetchSettings) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname:
        if settings.allow_http:
            return
        raise DownloadFailed(f"{url}: is not https; allow it with --allow-http if you mean it")
    raise DownloadFailed(f"{url}: is no https URL")


def _check_no_login(mirror: str) -> None:
    if "@" in mirror:
        # Others read command lines and agent.toml, and an error would repeat it.
        raise DownloadFailed("a mirror's URL may hold no user or password; fetch it with --from")


def _check_proxy(proxy: str) -> None:
    parts = urllib.parse.urlsplit(proxy)
    if parts.password is not None:
        # What is on a command line or in agent.toml is read by others.
        raise DownloadFailed("a proxy's password belongs into the environment: HTTPS_PROXY=...")
    if parts.scheme != "http" or not parts.hostname:
        raise DownloadFailed(f"proxy {proxy}: give it as http://HOST:PORT")


def _start_of(response: http.client.HTTPResponse, url: str, start: int) -> int:
    """From which byte on the answer is. Raises DownloadFailed when that makes no sense."""
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise DownloadFailed(f"{url}: answers with {encoding} although asked not to")
    if response.status == http.HTTPStatus.OK:
        return 0  # it ignores ranges, or its file is another one by now
    said = response.headers.get("Content-Range", "")
    if response.status == http.HTTPStatus.PARTIAL_CONTENT and said.startswith(f"bytes {start}-"):
        return start
    raise DownloadFailed(
        f"{url}: asked for bytes from {start} on, answers {response.status} {said!r}"
    )


def _total(response: http.client.HTTPResponse, start: int) -> int | None:
    """Size of the whole file, as far as the server says."""
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        _, _, total = response.headers.get("Content-Range", "").rpartition("/")
        return _whole_number(total)
    length = _whole_number(response.headers.get("Content-Length", ""))
    return None if length is None else start + length


def _whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _refusal(error: urllib.error.HTTPError) -> str:
    advice = {
        401: "the server wants a login; use a mirror",
        403: "the server refuses; a firewall or a mirror without this file, perhaps",
        404: "the server has no such file; give another --mirror",
        407: "the proxy wants a login; put http://USER:PASSWORD@HOST:PORT into HTTPS_PROXY",
        429: "the server wants a pause; try again later",
    }
    more = advice.get(error.code, "try again later" if error.code >= 500 else "use a mirror")
    return f"answered {error.code} {error.reason}: {more}"


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    """The library's errors as DownloadFailed that says what to look at."""
    try:
        yield
    except urllib.error.URLError as error:
        reason = error.reason if isinstance(error.reason, Exception) else error
        raise DownloadFailed(f"{url}: {_trouble(reason, url)}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DownloadFailed(f"{url}: {_trouble(error, url)}") from error


#: Setup says it as well.
_BY_HAND = "without a connection: edge-agent models pull NAME --from FILE"


def _trouble(error: Exception, url: str) -> str:
    text = str(error) or type(error).__name__
    match error:
        case socket.gaierror():
            host = urllib.parse.urlsplit(url).hostname
            answer = (
                f"the name {host} (or the proxy's) is not known: no internet, or no DNS; {_BY_HAND}"
            )
        case ssl.SSLCertVerificationError():
            answer = (
                f"the certificate is not trusted: {error.verify_message}; check the clock, or name "
                "the authority of a proxy or mirror by SSL_CERT_FILE"
            )
        case TimeoutError():
            answer = "no answer in time: network or server are down, or a firewall is silent"
        case ConnectionRefusedError():
            answer = "the connection was refused (by the server, or the proxy)"
        case OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH):
            answer = f"{error.strerror}: no way out of this network; {_BY_HAND}"
        case OSError() if text.startswith("Tunnel connection failed"):
            answer = f"the proxy does not let us through: {text.partition(': ')[2]}"
        case _:
            answer = f"the connection failed: {text}"
    return answer
