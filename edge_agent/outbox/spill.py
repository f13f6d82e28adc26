"""Where drafts wait while storage fails: a bounded ring in RAM that counts what it drops."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from edge_agent.contract import Unsequenced
from edge_agent.outbox.row import Draft

#: About 2 MB of drafts; half an hour of a busy box with 16 cameras.
CAPACITY = 1000


def merged(a: Unsequenced | None, b: Unsequenced | None) -> Unsequenced | None:
    """Both losses as one; the start of the older one names it."""
    if a is None or b is None:
        return a or b
    return Unsequenced(a.count + b.count, a.from_utc_s, max(a.to_utc_s, b.to_utc_s))


class Spill:
    """For one thread. Drafts leave in the order in which they came."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._drafts: deque[Draft] = deque()
        self._lost: Unsequenced | None = None

    def __len__(self) -> int:
        return len(self._drafts)

    def extend(self, drafts: Iterable[Draft]) -> None:
        """Take them all, for the moment: `trim` when they could not be stored."""
        self._drafts.extend(drafts)

    def waiting(self) -> tuple[Draft, ...]:
        return tuple(self._drafts)

    def stored(self, count: int) -> None:
        """The oldest `count` drafts have become rows."""
        for _ in range(count):
            self._drafts.popleft()

    def remove(self, draft: Draft) -> None:
        """This one draft will not become a row."""
        self._drafts.remove(draft)

    def trim(self) -> int:
        """Drop the oldest beyond the capacity and count them; how many were dropped."""
        excess = max(0, len(self._drafts) - self._capacity)
        for _ in range(excess):
            self.count_lost(self._drafts.popleft())
        return excess

    def count_lost(self, draft: Draft) -> None:
        """This draft will never have a number."""
        utc_s = draft.created.utc_s
        self._lost = merged(self._lost, Unsequenced(1, utc_s, utc_s))

    @property
    def lost(self) -> Unsequenced | None:
        """What was dropped and is not yet in the database."""
        return self._lost

    def announced(self) -> None:
        """The database has it now."""
        self._lost = None
