"""The values that go into the outbox and come out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from edge_agent.clock import ClockReading
from edge_agent.contract import Gap, Position
from edge_agent.domain import CameraId, EventId, Label, Phase
from edge_agent.errors import AgentError, ContractError


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that has no position yet.

    `encode` is called inside the transaction that allocates its position, and gives the topic
    and the payload; it must be quick and always give the same answer. `live` False: from a
    recording, so a restart does not orphan its event.
    """

    message_id: str  # ULID
    event_id: EventId
    camera: CameraId
    label: Label
    phase: Phase
    created: ClockReading
    encode: Callable[[Position], tuple[str, bytes]] = field(repr=False, compare=False)
    live: bool = True

    def row(self, row_id: int, position: Position, event_row: int) -> Row:
        """Raises Unencodable."""
        try:
            topic, payload = self.encode(position)
        except (ContractError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise Unencodable(self) from error
        return Row(
            row_id=row_id,
            position=position,
            message_id=self.message_id,
            event_id=self.event_id,
            camera=self.camera,
            label=self.label,
            phase=self.phase,
            event_row=event_row,
            topic=topic,
            payload=payload,
        )


class Unencodable(AgentError):
    """This draft has no payload; the others of its batch are fine."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        super().__init__(f"{draft.camera}: {draft.label} {draft.phase} cannot be encoded")


@dataclass(frozen=True, slots=True)
class Row:
    """A durable message. Its bytes are those of every delivery, the first and the last.

    `row_id` is the order of commits, unique also across epochs; positions restart with an
    epoch. `event_row` is the row_id of the first message of the same event.
    """

    row_id: int
    position: Position
    message_id: str
    event_id: EventId
    camera: CameraId
    label: Label
    phase: Phase
    event_row: int
    topic: str
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OrphanedEvent:
    """A live event that had no `end` when the agent stopped; `last` is its newest message.

    `decode_event(last.payload)` gives the Event and Envelope to close it with `restart`: in
    the clock and boot of that message, because nothing later is known of it.
    """

    event_id: EventId
    camera: CameraId
    label: Label
    last: Row


class AckOutcome(StrEnum):
    """What became of an ackpos."""

    ADVANCED = "advanced"  # rows up to it are deleted with the next commit
    IGNORED = "ignored"  # another epoch, or not above what was known
    AHEAD = "ahead"  # above our last seq: the card was restored or cloned; a new epoch began


class AlarmKind(StrEnum):
    CORRUPT = "outbox_corrupt"
    REWOUND = "outbox_rewound"
    STORAGE = "outbox_storage"
    STORAGE_CLEARED = "outbox_storage_cleared"
    SHEDDING = "outbox_shedding"
    DAMAGED_ROWS = "outbox_damaged_rows"
    UNENCODABLE = "outbox_unencodable"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person should hear of, once."""

    kind: AlarmKind
    text: str


@dataclass(frozen=True, slots=True)
class Head:
    """Where the outbox stands.

    `first_seq` is the oldest seq of the epoch still here; last_seq + 1 when there is none.
    `watermark` is the highest seq of this epoch that the server acknowledged; None: no ackpos
    of this epoch was ever seen, so PUBACK is all there is.
    """

    epoch: str
    first_seq: int
    last_seq: int
    last_row_id: int
    watermark: int | None


@dataclass(frozen=True, slots=True)
class GapReport:
    """What must be announced on `ev/_gap`, one message each. `revision` rises with every change."""

    revision: int
    gaps: tuple[Gap, ...]
