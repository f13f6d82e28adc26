"""Bytes to values and back: compact JSON with a fixed order of keys, and one kind of error."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from edge_agent.clock import rfc3339
from edge_agent.errors import ContractError

T = TypeVar("T")

UlidText = Annotated[str, Meta(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}\Z")]
IdText = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}\Z")]
CmdIdText = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
Sha256Text = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Share = Annotated[float, Meta(ge=0, le=1)]
Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]

#: What an epoch may be: a ULID, or `replay` for `edge-agent replay --json`, which has no outbox.
EpochText = Annotated[str, Meta(pattern=r"^([0-7][0-9A-HJKMNP-TV-Z]{25}|replay)\Z")]

#: No message but an image is longer; a broker's max_packet_size of the sample is 256 KiB.
MAX_MESSAGE_BYTES = 256 * 1024


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
        raise ContractError(f"{what}: {error}") from error


def utc_text(utc_s: float) -> str:
    """RFC 3339 in UTC, milliseconds. Raises ContractError outside the years 1..9999."""
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
    return round(moment.timestamp() * 1000) / 1000
