"""Which packets are worth decoding: keyframes only while nothing happens.

`machine` decides and is pure; `decoding` does what it says to a decoder and a ring. The rest
is what the machine knows: the stream's keyframes (`policy`), where things move and are nobody
(`nuisance`), and who is there (`people`).
"""

from edge_agent.sources.gate.decoding import FeedSide, GatedDecoding
from edge_agent.sources.gate.machine import GateMachine, GateMemory
from edge_agent.sources.gate.nuisance import WakeNuisances
from edge_agent.sources.gate.people import PeopleWatch
from edge_agent.sources.gate.policy import GatePlan, GopWatch, Policy, plan_for
from edge_agent.sources.gate.words import (
    DecodeMode,
    Finding,
    GateCounters,
    GateState,
    GateStep,
    PacketFact,
    Sight,
)

__all__ = [
    "DecodeMode",
    "FeedSide",
    "Finding",
    "GateCounters",
    "GateMachine",
    "GateMemory",
    "GatePlan",
    "GateState",
    "GateStep",
    "GatedDecoding",
    "GopWatch",
    "PacketFact",
    "PeopleWatch",
    "Policy",
    "Sight",
    "WakeNuisances",
    "plan_for",
]
