"""What the publisher needs of others: the outbox to read, the writer to tell, the agent to ask.

`edge_agent.outbox.OutboxReader` fits `Reader`; the composition root brings them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from edge_agent.contract import AckStatus, Command, Gap, Position


class Row(Protocol):
    """A durable message. `row_id` is the order of commits; `event_row` the event's first."""

    @property
    def row_id(self) -> int: ...
    @property
    def event_row(self) -> int: ...
    @property
    def event_id(self) -> str: ...
    @property
    def position(self) -> Position: ...
    @property
    def topic(self) -> str: ...
    @property
    def payload(self) -> bytes: ...


class Head(Protocol):
    """Where the outbox stands. `watermark` None: no ackpos of this epoch was ever seen."""

    @property
    def epoch(self) -> str: ...
    @property
    def first_seq(self) -> int: ...
    @property
    def last_seq(self) -> int: ...
    @property
    def last_row_id(self) -> int: ...
    @property
    def watermark(self) -> int | None: ...


class GapReport(Protocol):
    """What must be announced; `revision` rises with every change."""

    @property
    def revision(self) -> int: ...
    @property
    def gaps(self) -> Sequence[Gap]: ...


class Reader(Protocol):
    """Reads the outbox, for one thread; every method raises StorageError when it cannot.

    `undelivered` gives rows after a row id that were not sent, with `resend` also sent ones
    above the watermark; `earlier_rows` unsent older rows of the same event.
    """

    def head(self) -> Head: ...
    def note_sent(self, row_ids: Iterable[int]) -> None: ...
    def undelivered(
        self, after_row: int, limit: int, *, up_to_row: int | None = None, resend: bool = False
    ) -> Sequence[Row]: ...
    def earlier_rows(self, row: Any, /) -> Sequence[Row]: ...
    def rows_between(self, epoch: str, first: int, last: int, limit: int) -> Sequence[Row]: ...
    def gaps(self) -> GapReport: ...
    def backlog(self) -> int: ...
    def close(self) -> None: ...


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
class CommandImage:
    """A JPEG to be published on `img/{camera}/{event_id}`."""

    camera: str
    event_id: str
    jpeg: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The answer to a command."""

    status: AckStatus
    reason: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    image: CommandImage | None = None


#: Does what a command asks, in the publisher thread: a second at most, no waiting. May raise
#: AgentError, which is answered with `failed`.
CommandHandler = Callable[[Command], CommandResult]
