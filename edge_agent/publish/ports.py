"""What the publisher needs of others: the writer to tell, the agent to ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from edge_agent.contract import AckStatus, Command, Position


class OutboxMarks(Protocol):
    """The writer hears what became of the rows. Called in the publisher
    thread; must only put what it is told into a mailbox."""

    def sent(self, row_ids: Sequence[int]) -> None:
        """The broker acknowledged these."""
        ...

    def acknowledged(self, watermark: Position) -> None:
        """The ward's server wrote this ackpos, whatever it is worth."""
        ...

    def dead(self, row_ids: Sequence[int], reason: str) -> None:
        """The broker will never take these."""
        ...

    def gaps_announced(self, revision: int) -> None:
        """The broker acknowledged every `_gap` of this revision."""
        ...


@dataclass(frozen=True, slots=True)
class CommandFile:
    """What a command asked for, to be published before its answer: on `img/` a picture, on `clip/`
    a piece of a clip."""

    camera: str
    event_id: str
    content: bytes = field(repr=False)
    piece: tuple[int, int] | None = None  # of which of the event's clips, from which byte on


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The answer to a command."""

    status: AckStatus
    reason: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    file: CommandFile | None = None


#: Does what a command asks, in the publisher thread: a second at most, no waiting. May raise
#: AgentError, which is answered with `failed`.
CommandHandler = Callable[[Command], CommandResult]
