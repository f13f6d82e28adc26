"""Bytes to values and back: compact JSON with a fixed order of keys, and one kind of error."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from edge_agent.clock import rfc3339
from edge_agent.domain import ID
from edge_agent.errors import ContractError

T = TypeVar("T")

UlidText = Annotated[str, Meta(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}\Z")]
IdText = Annotated[str, Meta(pattern=rf"^{ID}\Z")]
CmdIdText = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
Sha256Text = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Share = Annotated[float, Meta(ge=0, le=1)]

#: The largest whole number that every JSON reader keeps exact (RFC 8259, section 6). SQLite's
#: integers go further, so that what is within it can be stored and counted on.
MAX_NUMBER = 2**53 - 1
Natural = Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
Positive = Annotated[int, Meta(ge=1, le=MAX_NUMBER)]
#: Milliseconds of a monotonic clock, or differences of such.
Millis = Annotated[int, Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]
#: Thirty thousand years: what is beyond is no length of anything that was filmed.
MAX_SECONDS = 1e12
Seconds = Annotated[float, Meta(ge=-MAX_SECONDS, le=MAX_SECONDS)]
Span = Annotated[float, Meta(ge=0, le=MAX_SECONDS)]
#: Names, reasons and versions, for people.
ShortText = Annotated[str, Meta(max_length=1024)]

#: Moments that a calendar knows wherever on earth it hangs: the years 1 to 9999, less two days.
FIRST_UTC_S = dt.datetime(1, 1, 3, tzinfo=dt.UTC).timestamp()
LAST_UTC_S = dt.datetime(9999, 12, 29, tzinfo=dt.UTC).timestamp()

#: What an epoch may be: a ULID, or `replay` for `edge-agent replay --json`, which has no outbox.
EpochText = Annotated[str, Meta(pattern=r"^([0-7][0-9A-HJKMNP-TV-Z]{25}|replay)\Z")]

#: No message but an image is longer; a broker's max_packet_size of the sample is 256 KiB.
MAX_MESSAGE_BYTES = 256 * 1024

_QUOTED_LETTERS = 200


class Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the wire formats. Unknown fields are ignored on reading: they are the future."""


def encode(value: Wire) -> bytes:
    return msgspec.json.encode(value)


def decode(payload: bytes, kind: type[T], what: str, limit_bytes: int = MAX_MESSAGE_BYTES) -> T:
    """Parse and validate. Raises ContractError, and nothing else, whatever the bytes are."""
    if len(payload) > limit_bytes:
        raise ContractError(f"{what}: {len(payload)} bytes, at most {limit_bytes} are allowed")
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ContractError(f"{what}: {_plain(str(error))}") from error


def _plain(text: str) -> str:
    """msgspec repeats what it found: nothing of that may command a terminal or fill a log."""
    return text[:_QUOTED_LETTERS].encode("unicode_escape").decode()


def utc_text(utc_s: float) -> str:
    """RFC 3339 in UTC, milliseconds. Raises ContractError outside the years 1..9999."""
    if not FIRST_UTC_S <= utc_s <= LAST_UTC_S:  # not a number is neither
        raise ContractError(f"{utc_s!r} is no moment that a calendar knows")
    try:
        # Rounded first: rfc3339 cuts, and 1.1 s is 1.0999999 in binary. And to microseconds
        # before: one moment counted from two clips of a run must not become two.
        return rfc3339(round(round(utc_s * 1e6) / 1e3) / 1000 + 1e-5)
    except (OverflowError, ValueError, OSError) as error:
        raise ContractError(f"{utc_s!r} is no moment that a calendar knows") from error


def parse_utc(text: str, what: str) -> float:
    """Seconds since 1970. Raises ContractError when it is not RFC 3339 with an offset."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ContractError(f"{what}: not an RFC 3339 time: {text[:40]!r}") from error
    if moment.tzinfo is None:
        raise ContractError(f"{what}: has no offset from UTC: {text[:40]!r}")
    utc_s = moment.timestamp()
    if not FIRST_UTC_S <= utc_s <= LAST_UTC_S:
        raise ContractError(f"{what}: no moment that a calendar knows: {text[:40]!r}")
    return round(utc_s * 1000) / 1000
