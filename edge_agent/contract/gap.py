"""`ev/_gap`: the announcement of messages that will never come."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import field as wire_field

from edge_agent.contract.wire import (
    EpochText,
    Natural,
    Positive,
    ShortText,
    Wire,
    decode,
    encode,
    parse_utc,
    utc_text,
)
from edge_agent.domain import Label
from edge_agent.errors import ContractError


@dataclass(frozen=True, slots=True)
class GapRange:
    """Sequence numbers `first`..`last`, both included; `last` None: everything from `first` on."""

    first: int
    last: int | None


@dataclass(frozen=True, slots=True)
class Unsequenced:
    """Messages dropped before they could get a number, because storage failed."""

    count: int
    from_utc_s: float
    to_utc_s: float


@dataclass(frozen=True, slots=True)
class Gap:
    """What of `epoch` will never come, and why. A later Gap of the same epoch and reason adds to
    this one; `unsequenced` with the same `from_utc_s` replaces it.

    Reasons: quota, age, storage (disk full or failing), corrupt, rewound (the server knew a
    higher seq: a restored or cloned card), refused (the broker will never take it), erased,
    not_kept (asked for by a replay, but no longer here).
    """

    epoch: str
    reason: str
    ranges: tuple[GapRange, ...] = ()
    counts: tuple[tuple[Label, int], ...] = ()  # lost messages by label, where known
    unsequenced: Unsequenced | None = None


class _RangeWire(Wire, frozen=True, kw_only=True, omit_defaults=False, rename={"first": "from"}):
    first: Positive
    to: Positive | None


class _UnsequencedWire(Wire, frozen=True, kw_only=True, omit_defaults=False):
    count: Positive
    from_time: str
    to_time: str


class _GapWire(Wire, frozen=True, kw_only=True, omit_defaults=False):
    epoch: EpochText
    reason: ShortText
    ranges: list[_RangeWire]
    counts: dict[str, Natural] = wire_field(default_factory=dict)
    unsequenced: _UnsequencedWire | None = None


def encode_gap(gap: Gap) -> bytes:
    """The payload of `ev/_gap`."""
    lost = gap.unsequenced
    return encode(
        _GapWire(
            epoch=gap.epoch,
            reason=gap.reason,
            ranges=[_RangeWire(first=r.first, to=r.last) for r in gap.ranges],
            counts={str(label): count for label, count in gap.counts},
            unsequenced=None
            if lost is None
            else _UnsequencedWire(
                count=lost.count,
                from_time=utc_text(lost.from_utc_s),
                to_time=utc_text(lost.to_utc_s),
            ),
        )
    )


def decode_gap(payload: bytes) -> Gap:
    """Raises ContractError. Labels that this version does not know are left out of `counts`."""
    wire = decode(payload, _GapWire, "_gap")
    for span in wire.ranges:
        if span.to is not None and span.to < span.first:
            raise ContractError(f"_gap: range from {span.first} to {span.to} is backwards")
    lost = wire.unsequenced
    known = set(Label)
    return Gap(
        epoch=wire.epoch,
        reason=wire.reason,
        ranges=tuple(GapRange(span.first, span.to) for span in wire.ranges),
        counts=tuple((Label(k), n) for k, n in wire.counts.items() if k in known),
        unsequenced=None
        if lost is None
        else Unsequenced(
            lost.count,
            parse_utc(lost.from_time, "unsequenced.from_time"),
            parse_utc(lost.to_time, "unsequenced.to_time"),
        ),
    )
