"""Where a message stands in its box's sequence; also what the ward's server acknowledges."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.contract.wire import EpochText, Natural, Wire, decode, encode


@dataclass(frozen=True, slots=True)
class Position:
    """`seq` counts 1, 2, 3, ... without gaps within `epoch`, the id of one outbox database.

    As a watermark (`cmd/ackpos`): the server holds everything up to and including `seq`;
    0 means nothing yet.
    """

    epoch: str
    seq: int


class _AckposWire(Wire, frozen=True, kw_only=True, omit_defaults=True):
    epoch: EpochText
    seq: Natural


def encode_ackpos(watermark: Position) -> bytes:
    """The retained payload of `cmd/ackpos`."""
    return encode(_AckposWire(epoch=watermark.epoch, seq=watermark.seq))


def decode_ackpos(payload: bytes) -> Position:
    """Raises ContractError."""
    wire = decode(payload, _AckposWire, "ackpos", limit_bytes=4096)
    return Position(wire.epoch, wire.seq)
