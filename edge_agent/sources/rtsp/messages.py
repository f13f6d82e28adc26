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
_LENGTH = re.compile(r"[0-9]{1,9}")
#: Some firmware ends its lines with \n alone (as RFC 9112, 2.2, says to take).
_LINE_END = re.compile(rb"\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_EMPTY_LINES = re.compile(rb"[\r\n]+")
INTERLEAVED = 0x24  # "$": binary data between the messages, RFC 2326, 10.12


class NotRtsp(ValueError):
    """What came is no RTSP, or more of it than any camera sends; says what."""


@dataclass(frozen=True, slots=True)
class RtspReply:
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
    reply: RtspReply | None = None
    channel: int = 0
    packet: bytes | None = None


def next_piece(data: bytes | bytearray, at: int = 0) -> Piece | None:
    """What `data` goes on with at `at`; None while it is not complete. Raises NotRtsp."""
    left = len(data) - at
    if left <= 0:
        return None
    if data[at] == INTERLEAVED:
        size = 4 + int.from_bytes(data[at + 2 : at + 4], "big")
        if left < max(size, 4):
            return None
        return Piece(size, channel=data[at + 1], packet=bytes(data[at + 4 : at + size]))
    if empty := _EMPTY_LINES.match(data, at):
        return Piece(empty.end() - at)  # between messages
    end = _HEAD_END.search(data, at, at + MAX_HEAD_BYTES + 4)
    if end is not None:
        return _message(data, at, *end.span())
    if left > MAX_HEAD_BYTES:
        raise NotRtsp(f"a head of more than {MAX_HEAD_BYTES} bytes")
    if not _may_become_a_message(data[at : at + 32]):
        raise NotRtsp(f"{bytes(data[at : at + 16])!r} where a message should begin")
    return None


def _message(data: bytes | bytearray, at: int, end: int, body: int) -> Piece | None:
    """A message whose head ends at `end`, and whose body begins at `body`."""
    first, *lines = _LINE_END.split(bytes(data[at:end]))
    headers = _headers(lines)
    after = body + _body_size(headers)
    if len(data) < after:
        return None
    status = _STATUS.fullmatch(first)
    if status is None:
        if not first.endswith((b"RTSP/1.0", b"RTSP/1.1")):
            raise NotRtsp(f"{first[:40]!r} where a message should begin")
        return Piece(after - at)  # a request of the server's (ANNOUNCE, OPTIONS): nothing for us
    reason = (status[2] or b"").decode("utf-8", "replace").strip()
    return Piece(after - at, RtspReply(int(status[1]), reason, headers, bytes(data[body:after])))


def _may_become_a_message(start: bytes | bytearray) -> bool:
    if start.startswith(b"RTSP/"):
        return True  # the words of a status may be of any language
    return all(32 <= byte < 127 or byte in b"\r\n\t" for byte in start)


def _headers(lines: Sequence[bytes]) -> tuple[tuple[str, str], ...]:
    if len(lines) > MAX_HEADERS:
        raise NotRtsp(f"more than {MAX_HEADERS} headers")
    found: list[tuple[str, str]] = []
    for line in lines:
        text = line.decode("utf-8", "replace")
        if text[:1] in (" ", "\t") and found:  # folded, RFC 822
            found[-1] = (found[-1][0], f"{found[-1][1]} {text.strip()}".strip())
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
