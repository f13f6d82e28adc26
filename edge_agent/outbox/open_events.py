"""Which live events are open, by their rows: kept in RAM, read from the rows at start-up."""

from __future__ import annotations

from collections.abc import Iterable

from edge_agent.domain import EventId, Phase
from edge_agent.outbox.database import Database

_PHASES = frozenset(str(phase) for phase in Phase)


class OpenEvents:
    """event -> (its first row, its newest row). For one thread.

    The newest row of an open live event stays in the table even when it is acknowledged: after
    a power cut it is all that is known of the event that must be closed.
    """

    def __init__(self) -> None:
        self._rows: dict[EventId, tuple[int, int, bool]] = {}

    @classmethod
    def read(cls, database: Database, floor: int) -> OpenEvents:
        """From the rows at and above `floor`, below which no open event has its newest row.

        A damaged row says nothing here; it is found when it is read.
        """
        found = cls()
        for row_id, event_row, event_id, phase, live in database.rows(
            "SELECT row_id, event_row, event_id, phase, live FROM row WHERE row_id >= ?"
            " ORDER BY row_id",
            (floor,),
        ):
            if phase in _PHASES and isinstance(event_row, int):
                found.note(EventId(event_id), Phase(phase), row_id, event_row, live=bool(live))
        return found

    def first_row(self, event_id: EventId, row_id: int) -> int:
        """The first row of this event; `row_id` itself when it is the first."""
        return self._rows[event_id][0] if event_id in self._rows else row_id

    def forget(self, row_id: int) -> None:
        """This row was put aside: what it said of its event is not known any more."""
        for event_id, (_, newest, _) in list(self._rows.items()):
            if newest == row_id:
                del self._rows[event_id]

    def note(
        self, event_id: EventId, phase: Phase, row_id: int, event_row: int, *, live: bool
    ) -> None:
        """A row was committed."""
        if phase is Phase.END:
            self._rows.pop(event_id, None)
        else:
            self._rows[event_id] = (event_row, row_id, live)

    def newest_rows(self) -> tuple[int, ...]:
        """Rows to keep, ascending: the newest of every open live event."""
        return tuple(sorted(row for _, row, live in self._rows.values() if live))

    def floor(self, last_row: int) -> int:
        """No open event's newest row is below this."""
        return min((row for _, row, _ in self._rows.values()), default=last_row + 1)

    def events(self) -> Iterable[tuple[EventId, int]]:
        """(event, newest row) of the open live ones, oldest row first."""
        pairs = [(event, row) for event, (_, row, live) in self._rows.items() if live]
        return sorted(pairs, key=lambda pair: pair[1])
