"""Commands of the ward (`cmd/{verb}`) and their answers (`ack/{cmd_id}`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta
from msgspec import field as wire_field

from edge_agent.contract.wire import (
    MAX_NUMBER,
    CmdIdText,
    Wire,
    decode,
    encode,
    parse_utc,
    utc_text,
)
from edge_agent.errors import ContractError

MAX_COMMAND_BYTES = 4096
_LONGEST_EPOCH = 64


class Verb(StrEnum):
    """Every command that a box knows. Anything else is answered with `rejected`."""

    SNAPSHOT = "snapshot"
    CLIP = "clip"
    RELOAD = "reload"
    REPLAY = "replay"
    ACCEPT = "accept"
    FORGET = "forget"
    PROFILE = "profile"


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `verb` is any text, so that an unknown one can be answered by its cmd_id.

    `not_after_utc_s` is ignored while the box's clock is unset.
    """

    cmd_id: str
    verb: str
    args: Mapping[str, Any] = field(default_factory=dict)
    not_after_utc_s: float | None = None
    reply_to: str | None = None


class AckStatus(StrEnum):
    ACCEPTED = "accepted"  # begun; another answer follows
    DONE = "done"
    REJECTED = "rejected"  # not known, not allowed, or malformed
    FAILED = "failed"
    EXPIRED = "expired"  # came after its not_after


@dataclass(frozen=True, slots=True)
class Ack:
    """The answer. A repeated cmd_id gets the newest answer again."""

    cmd_id: str
    status: AckStatus
    reason: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReplayRange:
    """The arguments of `cmd/replay`: resend first..last (both included) of an epoch."""

    epoch: str
    first: int
    last: int


_VerbText = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")]


class _CommandWire(Wire, frozen=True, kw_only=True, omit_defaults=True):
    cmd_id: CmdIdText
    verb: _VerbText
    args: dict[str, Any] = wire_field(default_factory=dict)
    not_after: str | None = None
    reply_to: Annotated[str, Meta(max_length=256)] | None = None


class _AckWire(Wire, frozen=True, kw_only=True, omit_defaults=True):
    cmd_id: CmdIdText
    status: AckStatus
    reason: str = ""
    result: dict[str, Any] = wire_field(default_factory=dict)


def encode_command(command: Command) -> bytes:
    limit_s = command.not_after_utc_s
    payload = encode(
        _CommandWire(
            cmd_id=command.cmd_id,
            verb=command.verb,
            args=dict(command.args),
            not_after=None if limit_s is None else utc_text(limit_s),
            reply_to=command.reply_to,
        )
    )
    if len(payload) > MAX_COMMAND_BYTES:
        raise ContractError(f"command: {len(payload)} bytes, at most {MAX_COMMAND_BYTES}")
    return payload


def parse_command(verb: str, payload: bytes) -> Command:
    """The command that came on `cmd/{verb}`.

    Raises ContractError, and nothing else, whatever the bytes are: also when the payload names
    another verb than the topic, which an ACL may have judged by.
    """
    wire = decode(payload, _CommandWire, "command", limit_bytes=MAX_COMMAND_BYTES)
    if wire.verb != verb:
        raise ContractError(f"command: came on cmd/{verb} but says {wire.verb}")
    limit_s = None if wire.not_after is None else parse_utc(wire.not_after, "not_after")
    return Command(wire.cmd_id, wire.verb, wire.args, limit_s, wire.reply_to)


def parse_replay(command: Command) -> ReplayRange:
    """The range that a replay command asks for. Raises ContractError."""
    epoch, first, last = (command.args.get(k) for k in ("epoch", "from_seq", "to_seq"))
    if not isinstance(epoch, str) or len(epoch) > _LONGEST_EPOCH:
        raise ContractError("replay: args.epoch must be the id of an epoch")
    if type(first) is not int or type(last) is not int or not 1 <= first <= last <= MAX_NUMBER:
        raise ContractError(f"replay: needs whole numbers 1 <= from_seq <= to_seq <= {MAX_NUMBER}")
    return ReplayRange(epoch, first, last)


def encode_ack(ack: Ack) -> bytes:
    return encode(
        _AckWire(cmd_id=ack.cmd_id, status=ack.status, reason=ack.reason, result=dict(ack.result))
    )


def decode_ack(payload: bytes) -> Ack:
    """Raises ContractError."""
    wire = decode(payload, _AckWire, "ack")
    return Ack(wire.cmd_id, wire.status, wire.reason, wire.result)
