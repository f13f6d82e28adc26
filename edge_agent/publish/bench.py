"""What every connection's delivery works with, and what outlives each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.clock import Clock, SystemClock
from edge_agent.contract import BoxTopics, Telemetry
from edge_agent.outbox import OutboxReader
from edge_agent.publish.commands import CommandDesk
from edge_agent.publish.complaints import Complaints
from edge_agent.publish.held import SizeLimit
from edge_agent.publish.pacing import Pause, ResendTimer
from edge_agent.publish.ports import OutboxMarks
from edge_agent.publish.status import StatusBoard


@dataclass(slots=True)
class DeliveryTally:
    """Counted over all connections, in the publisher thread."""

    sent: int = 0
    dead: int = 0
    gaps_sent: int = 0
    malformed: int = 0
    backlog: int = 0
    rival: str = ""  # what points to another box with our id, in words
    last_ack_s: float | None = None


@dataclass(frozen=True, slots=True)
class Bench:
    """What a delivery works with and that outlives it."""

    topics: BoxTopics
    clock: Clock
    reader: OutboxReader
    marks: OutboxMarks
    board: StatusBoard
    desk: CommandDesk
    pause: Pause
    resend: ResendTimer
    tally: DeliveryTally
    telemetry: Callable[[], Telemetry] | None
    telemetry_interval_s: float
    sizes: SizeLimit = field(default_factory=SizeLimit)
    unreadable: Complaints = field(default_factory=lambda: Complaints(SystemClock()))
