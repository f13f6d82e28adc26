"""RTSP/1.0 messages (RFC 2326, 4-10.12) with bounds on everything that the other side sends."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: A camera's head has 300 bytes, its SDP 800; what exceeds these is no camera's.
MAX_HEAD_BYTES = 16 * 1024
MAX_HEADERS = 64
MAX_BODY_BYTES = 256 * 1024

_STATUS = re.compile(rb"RTSP/1\.\d ([1-5]\d\d)(?: (.*))?")
_LENGTH = re.compile(r"\d{1,9}")
INTERLEAVED = 0x24  # "$": binary data between the messages, RFC 2326, 10.12


class NotRtsp(ValueError):
    """What came is no RTSP, or more of it than any camera sends; says what."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered. Header names are in lower case, in the order in which they came."""

    status: int
    reason: str
    headers: Sequence[tuple[str, str]]
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each == name]

    def header(self, name: str) -> str:
        """The first of this name; "" where there is none."""
        return next(iter(self.all(name)), "")


def request(method: str, uri: str, headers: Mapping[str, str]) -> bytes:
    """Values come from configuration and replies: one with a line break would add a header."""
    lines = [f"{method} {uri} RTSP/1.0", *(f"{name}: {text}" for name, text in headers.items())]
    if any(c in line for line in lines for c in "\r\n\0"):
        raise NotRtsp("a line break in an address or a session id")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Piece:
    """The next thing in what a server sends: a reply, a packet, or something to pass over."""

    size_bytes: int  # that it took
    reply: Reply | None = None
    channel: int = 0
    packet: bytes | None = None


def next_piece(data: bytes | bytearray) -> Piece | None:
    """What `data` begins with; None while it is not complete. Raises NotRtsp."""
    if not data:
        return None
    if data[0] == INTERLEAVED:
        size = 4 + int.from_bytes(data[2:4], "big")
        if len(data) < 4 or len(data) < size:
            return None
        return Piece(size, channel=data[1], packet=bytes(data[4:size]))
    if data[0] in b"\r\n":
        return Piece(1)  # empty lines between messages
    end = data.find(b"\r\n\r\n")
    if max(end, 0 if end >= 0 else len(data)) > MAX_HEAD_BYTES:
        raise NotRtsp(f"a head of more than {MAX_HEAD_BYTES} bytes")
    if end >= 0:
        return _message(data, end)
    if not _may_become_a_message(data):
        raise NotRtsp(f"{bytes(data[:16])!r} where a message should begin")
    return None


def _message(data: bytes | bytearray, end: int) -> Piece | None:
    """A message whose head ends at `end`."""
    first, *lines = bytes(data[:end]).split(b"\r\n")
    headers = _headers(lines)
    size = end + 4 + _body_size(headers)
    if len(data) < size:
        return None
    status = _STATUS.fullmatch(first)
    if status is None:
        if not first.endswith((b"RTSP/1.0", b"RTSP/1.1")):
            raise NotRtsp(f"{first[:40]!r} where a message should begin")
        return Piece(size)  # a request of the server's (ANNOUNCE, OPTIONS): nothing for us
    reason = (status[2] or b"").decode("utf-8", "replace").strip()
    return Piece(size, Reply(int(status[1]), reason, headers, bytes(data[end + 4 : size])))


def _may_become_a_message(data: bytes | bytearray) -> bool:
    start = bytes(data[:32])
    return all(32 <= byte < 127 or byte in b"\r\n\t" for byte in start)


def _headers(lines: Sequence[bytes]) -> tuple[tuple[str, str], ...]:
    if len(lines) > MAX_HEADERS:
        raise NotRtsp(f"more than {MAX_HEADERS} headers")
    found: list[tuple[str, str]] = []
    for line in lines:
        text = line.decode("utf-8", "replace")
        if text[:1] in (" ", "\t") and found:  # folded, RFC 822
            found[-1] = (found[-1][0], f"{found[-1][1]} {text.strip()}")
            continue
        name, colon, value = text.partition(":")
        if colon:
            found.append((name.strip().lower(), value.strip()))
    return tuple(found)


def _body_size(headers: Sequence[tuple[str, str]]) -> int:
    text = next((value for name, value in headers if name == "content-length"), "0")
    if not _LENGTH.fullmatch(text):
        raise NotRtsp(f"a Content-Length of {text[:20]!r}")
    if int(text) > MAX_BODY_BYTES:
        raise NotRtsp(f"a Content-Length of {int(text)}, more than {MAX_BODY_BYTES}")
    return int(text)
