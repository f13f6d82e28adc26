"""Which packets are worth decoding: the seam between a source's packets and its decoder.

The feed asks the gate about every packet, in the order of arrival, before the decoder sees
it. Decoding dominates the agent's CPU, so this is the place to save it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from edge_agent.domain import Packet


class GateDecision(StrEnum):
    """What becomes of one packet."""

    DECODE = "decode"
    SKIP = "skip"  # kept in the ring, not decoded; the gate resumes only with a keyframe


@dataclass(frozen=True, slots=True)
class DecodeMode:
    """How a camera is decoded at the moment and why, in words for a technician."""

    name: str
    reason: str


class Gate(Protocol):
    """Decides per packet. One per opened stream, owned by the source thread."""

    def decide(self, packet: Packet) -> GateDecision: ...

    @property
    def mode(self) -> DecodeMode: ...


class AlwaysDecode:
    """Every packet is decoded: nothing is missed, and nothing is saved."""

    _MODE = DecodeMode("full", "every packet is decoded")

    def decide(self, packet: Packet) -> GateDecision:
        del packet
        return GateDecision.DECODE

    @property
    def mode(self) -> DecodeMode:
        return self._MODE
