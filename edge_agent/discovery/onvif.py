"""What a camera says of itself over ONVIF: its clock, maker, serial number and streams.

Our own SOAP: six calls of the Device and Media services (ONVIF Core 22.06, Media 1). The login is
WS-Security UsernameToken 1.0, made with the camera's own clock: cameras refuse a token that is
older than some seconds, and their clocks are often years off.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import http.client
import os
import socket
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from edge_agent.errors import AgentError, CredentialRefused, SourceUnreachable

#: What the clock of a camera may say; beyond, no calendar could count on from it.
_YEARS = range(1900, 9000)
_TIMEOUT_S = 5.0
#: A whole answer takes no longer, however slowly it trickles.
_ANSWER_S = 15.0
_MOST_BYTES = 512 * 1024
_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
_MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_SCHEMA = "http://www.onvif.org/ver10/schema"
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_TOKEN = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"  # noqa: S105
_BASE64 = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
)


class OnvifFault(AgentError):
    """The camera answered, but not with what was asked."""


@dataclass(frozen=True, slots=True)
class Account:
    """A login of the camera's ONVIF users."""

    user: str
    password: str = field(repr=False)
    in_clear: bool = False  # PasswordText: for cameras that know nothing better


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """GetDeviceInformation."""

    maker: str
    model: str
    firmware: str
    serial: str


@dataclass(frozen=True, slots=True)
class Profile:
    """One stream. Sizes in pixels; None: it does not say."""

    token: str
    name: str
    codec: str
    width: int | None
    height: int | None
    fps: float | None
    key_every: int | None  # GovLength, in pictures
    url: str = ""  # without login


class OnvifCamera:
    """One camera's services. One login at most is tried for each call of `sign_in`."""

    def __init__(self, service: str, *, timeout_s: float = _TIMEOUT_S) -> None:
        self._service = service
        self._timeout_s = timeout_s
        self._account: Account | None = None
        self._skew = dt.timedelta()
        self._media = ""

    def clock_offset_s(self) -> float:
        """How far the camera's clock is ahead of ours, in seconds. Needs no login.

        Raises SourceUnreachable and OnvifFault.
        """
        answer = self._call(
            self._service, f'<GetSystemDateAndTime xmlns="{_DEVICE}"/>', login=False
        )
        utc = _find(answer, "UTCDateTime")
        if utc is None:
            raise OnvifFault(f"{self._host}: says no time")
        try:
            numbers = [int(_word(utc, name)) for name in ("Year", "Month", "Day")]
            numbers += [int(_word(utc, name)) for name in ("Hour", "Minute", "Second")]
            there = dt.datetime(*numbers, tzinfo=dt.UTC)  # type: ignore[misc,arg-type]
            if there.year not in _YEARS:
                raise ValueError(f"the year {there.year}")  # noqa: TRY301
        except (ValueError, OverflowError) as error:
            raise OnvifFault(f"{self._host}: its time cannot be read: {error}") from None
        self._skew = there - dt.datetime.now(dt.UTC)
        return self._skew.total_seconds()

    def sign_in(self, account: Account) -> DeviceInfo:
        """Who it is, asked with a login: by digest, made with the camera's clock.

        Raises CredentialRefused when user or password are wrong. One try goes over the wire;
        surround it, and what follows, by one `CredentialGuard.attempt`.
        """
        self._account = account
        answer = self._call(self._service, f'<GetDeviceInformation xmlns="{_DEVICE}"/>')
        return DeviceInfo(
            maker=_word(answer, "Manufacturer"),
            model=_word(answer, "Model"),
            firmware=_word(answer, "FirmwareVersion"),
            serial=_word(answer, "SerialNumber"),
        )

    def profiles(self) -> list[Profile]:
        """Its streams with their addresses, as it offers them. After `sign_in`."""
        media = self._media or self._media_service()
        answer = self._call(media, f'<GetProfiles xmlns="{_MEDIA}"/>')
        found = []
        for each in [e for e in answer.iter() if _name(e) == "Profiles"][:16]:
            profile = _profile(each)
            uri = (
                f'<GetStreamUri xmlns="{_MEDIA}"><StreamSetup>'
                f'<Stream xmlns="{_SCHEMA}">RTP-Unicast</Stream>'
                f'<Transport xmlns="{_SCHEMA}"><Protocol>RTSP</Protocol></Transport></StreamSetup>'
                f"<ProfileToken>{escape(profile.token)}</ProfileToken></GetStreamUri>"
            )
            try:
                url = _word(self._call(media, uri), "Uri")
            except OnvifFault:
                url = ""
            found.append(_with_url(profile, url, self._host))
        return found

    @property
    def _host(self) -> str:
        return urllib.parse.urlsplit(self._service).hostname or ""

    def _media_service(self) -> str:
        body = f'<GetCapabilities xmlns="{_DEVICE}"><Category>Media</Category></GetCapabilities>'
        answer = self._call(self._service, body)
        media = _find(answer, "Media")
        url = _word(media, "XAddr") if media is not None else ""
        self._media = _at_host(url, self._service) if url else self._service
        return self._media

    def _call(self, url: str, body: str, *, login: bool = True) -> ElementTree.Element:
        header = self._security() if login and self._account else ""
        envelope = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">'
            f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
        )
        status, data = _post(url, envelope.encode(), self._timeout_s)
        answer = _parsed(data, self._host)
        fault = _find(answer, "Fault") if answer is not None else None
        said = " ".join("".join(fault.itertext()).split())[:120] if fault is not None else ""
        if status == 401 or "NotAuthorized" in said or "FailedAuthentication" in said:
            raise CredentialRefused(f"{self._host}: refuses the login of {self._user}")
        if answer is None or fault is not None or status >= 400:
            raise OnvifFault(f"{self._host}: HTTP {status} {said}".rstrip())
        return answer

    @property
    def _user(self) -> str:
        return repr(self._account.user) if self._account else "nobody"

    def _security(self) -> str:
        assert self._account is not None
        nonce = os.urandom(16)
        created = (dt.datetime.now(dt.UTC) + self._skew).strftime("%Y-%m-%dT%H:%M:%SZ")
        if self._account.in_clear:
            kind, password = "PasswordText", escape(self._account.password)
        else:
            digest = hashlib.sha1(  # noqa: S324 - what WS-Security prescribes
                nonce + created.encode() + self._account.password.encode()
            )
            kind, password = "PasswordDigest", base64.b64encode(digest.digest()).decode()
        return (
            f'<Security xmlns="{_WSSE}" s:mustUnderstand="1"><UsernameToken>'
            f"<Username>{escape(self._account.user)}</Username>"
            f'<Password Type="{_TOKEN}#{kind}">{password}</Password>'
            f'<Nonce EncodingType="{_BASE64}">{base64.b64encode(nonce).decode()}</Nonce>'
            f'<Created xmlns="{_WSU}">{created}</Created></UsernameToken></Security>'
        )


def _post(url: str, data: bytes, timeout_s: float) -> tuple[int, bytes]:
    """No redirects, no proxy, a bounded answer. Raises SourceUnreachable."""
    host = ""
    try:
        parts = urllib.parse.urlsplit(url)
        host, path = parts.hostname or "", parts.path or "/"
        encrypted = parts.scheme == "https"
        kind = http.client.HTTPSConnection if encrypted else http.client.HTTPConnection
        connection = kind(host, parts.port, timeout=timeout_s)
        try:
            connection.connect()
            with _ended_after(connection.sock, _ANSWER_S):
                head = {"Content-Type": "application/soap+xml; charset=utf-8"}
                connection.request("POST", path, data, head)
                response = connection.getresponse()
                body = response.read(_MOST_BYTES + 1)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SourceUnreachable(f"{host}: no answer over ONVIF: {error}") from None
    if len(body) > _MOST_BYTES:
        raise OnvifFault(f"{host}: answers with more than {_MOST_BYTES} bytes")
    return response.status, body


@contextlib.contextmanager
def _ended_after(sock: socket.socket, limit_s: float) -> Iterator[None]:
    """A socket's own timeout begins anew with each byte that comes."""

    def end() -> None:
        with contextlib.suppress(OSError):  # it may be closed already
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(limit_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _parsed(data: bytes, host: str) -> ElementTree.Element | None:
    # UTF-16 would hide the words.
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or b"\0" in data:
        raise OnvifFault(f"{host}: answers with a document type, which SOAP forbids")
    try:
        return ElementTree.fromstring(data)  # noqa: S314 - bounded, and without entities
    except (ElementTree.ParseError, ValueError, RecursionError, LookupError):
        return None


def _profile(each: ElementTree.Element) -> Profile:
    encoder = _find(each, "VideoEncoderConfiguration")
    where = encoder if encoder is not None else each
    return Profile(
        token=each.get("token", "")[:64],
        name=_word(each, "Name")[:64],
        codec=_word(where, "Encoding").lower()[:16],
        width=_number(_word(where, "Width")),
        height=_number(_word(where, "Height")),
        fps=_number(_word(where, "FrameRateLimit")),
        key_every=_number(_word(where, "GovLength")),
    )


def _with_url(profile: Profile, url: str, host: str) -> Profile:
    """Without a login, and at the address that we know: cameras name their factory's."""
    if not url.startswith("rtsp"):
        return profile
    try:
        parts = urllib.parse.urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return profile
    clean = parts._replace(netloc=f"{host}{port}").geturl()
    return Profile(
        profile.token,
        profile.name,
        profile.codec,
        profile.width,
        profile.height,
        profile.fps,
        profile.key_every,
        clean,
    )


def _at_host(url: str, service: str) -> str:
    """A service that is named under another host is asked at the one that answered."""
    known = urllib.parse.urlsplit(service)
    try:
        named = urllib.parse.urlsplit(url)
    except ValueError:
        return service
    if named.hostname == known.hostname:
        return url
    return named._replace(scheme=known.scheme, netloc=known.netloc).geturl()


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _find(root: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next((each for each in root.iter() if _name(each) == name), None)


def _word(root: ElementTree.Element, name: str) -> str:
    found = _find(root, name)
    return (found.text or "").strip() if found is not None else ""


def _number(text: str) -> int | None:
    try:
        value = float(text[:12])
    except ValueError:
        return None
    return int(value) if 0 <= value < 1e6 else None
