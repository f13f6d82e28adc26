"""What one clip has to tell, held back until it becomes durable together with its ledger row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from edge_agent.contract import RecordedTimeline
from edge_agent.domain import EndReason, Event, EventId, Phase, Snapshot
from edge_agent.outbox import Draft
from edge_agent.writer.drafting import EventDrafter
from edge_agent.writer.writer import DatedSnapshot

#: So much of a clip waits in memory; more of it is stored before its end, as a part. So is what
#: a long clip has to tell early on: the ward need not wait for the last minute's analysis.
PART_DRAFTS = 200
PART_PICTURES = 24
PART_AFTER_S = 2.0


class ClipMessages:
    """Implements `analysis.Journal` for one clip. Its analysis and its feeder take turns."""

    def __init__(
        self,
        drafter: EventDrafter,
        timeline: RecordedTimeline,
        *,
        open_events: Sequence[Event],
        told: int,
    ) -> None:
        """`open_events`: from the clip before, on this one's timeline. The first `told` messages
        are stored already: the analysis repeats itself after a crash."""
        self._drafter = drafter
        self._timeline = timeline
        self._open = {event.event_id: event for event in open_events}
        self._skip = told
        self._count = 0
        self._drafts: list[Draft] = []
        self._pictures: dict[EventId, DatedSnapshot] = {}
        self._waiting_since_s = float("inf")
        self._taken = False

    @property
    def count(self) -> int:
        """Messages of this clip so far, stored ones too."""
        return self._count

    def part_is_due(self, now_s: float) -> bool:
        """`now_s` is monotonic. Where a clip is divided makes no difference to its messages."""
        if not self._drafts and not self._pictures:
            self._waiting_since_s = now_s
        waited_s = now_s - self._waiting_since_s
        many = len(self._drafts) >= PART_DRAFTS or len(self._pictures) >= PART_PICTURES
        return many or (bool(self._drafts) and waited_s >= PART_AFTER_S)

    @property
    def stored_in_part(self) -> bool:
        """Whether something of this clip was told already."""
        return self._taken or self._skip > 0

    @property
    def open_events(self) -> tuple[Event, ...]:
        """The newest message of each event that has not ended."""
        return tuple(self._open.values())

    def record(self, events: Sequence[Event]) -> None:
        for event in events:
            self._count += 1
            if event.phase is Phase.END:
                self._open.pop(event.event_id, None)
            else:
                self._open[event.event_id] = event
            if self._count > self._skip:
                self._drafts.append(self._drafter.draft_recorded(event, self._timeline))

    def cut_off(self, still_open: Sequence[Event]) -> None:
        """No more of the clip can be had than was told: these are open since."""
        self._skip = self._count
        self.record(cut_off(still_open))

    def keep(self, snapshot: Snapshot) -> None:
        """A better picture of the same event takes the place of the one before."""
        taken_utc_s = self._timeline.utc_s(snapshot.captured_s)
        self._pictures[snapshot.event_id] = DatedSnapshot(snapshot, taken_utc_s)

    def take(self) -> tuple[list[Draft], list[DatedSnapshot]]:
        """Everything that waits; the caller stores it."""
        self._taken = True
        drafts, pictures = self._drafts, list(self._pictures.values())
        self._drafts, self._pictures = [], {}
        return drafts, pictures


def packed(events: Sequence[Event]) -> bytes:
    """Open events for the ledger."""
    return msgspec.msgpack.encode(list(events))


def unpacked(data: bytes, offset_s: float = 0.0) -> list[Event]:
    """On the timeline of a clip that begins `offset_s` later. Nothing for unreadable data."""
    try:
        events = msgspec.msgpack.decode(data, type=list[Event])
    except (msgspec.MsgspecError, ValueError, RecursionError):  # text that is no UTF-8
        return []
    return [
        replace(event, at_s=event.at_s - offset_s, start_s=event.start_s - offset_s)
        for event in events
    ]


def cut_off(events: Sequence[Event]) -> list[Event]:
    """Ends of events of which nothing is known but their newest message."""
    return [
        replace(
            event,
            phase=Phase.END,
            rev=event.rev + 1,
            end_s=event.at_s,
            end_reason=EndReason.CAMERA_LOST,
        )
        for event in events
    ]
