"""When to commit: a person's start and end at once, everything else a moment later.

One commit is one flush of the card: batches of 10 write a quarter per event of what single
commits do. Pure: time enters as an argument.
"""

from __future__ import annotations

from edge_agent.domain import Label, Phase
from edge_agent.outbox.row import Draft

MAX_WAIT_S = 1.0
MAX_ROWS = 10


def is_urgent(draft: Draft) -> bool:
    """Nobody should wait for these: somebody came, somebody left."""
    return draft.label is Label.PERSON and draft.phase is not Phase.UPDATE


class GroupCommit:
    """Collects drafts until they are due. For one thread."""

    def __init__(self, max_wait_s: float = MAX_WAIT_S, max_rows: int = MAX_ROWS) -> None:
        self._max_wait_s, self._max_rows = max_wait_s, max_rows
        self._drafts: list[Draft] = []
        self._due_s: float | None = None

    def add(self, draft: Draft, now_s: float) -> None:
        """`now_s` is monotonic."""
        self._drafts.append(draft)
        due_s = now_s + self._max_wait_s
        if is_urgent(draft) or len(self._drafts) >= self._max_rows:
            due_s = now_s
        self._due_s = due_s if self._due_s is None else min(self._due_s, due_s)

    @property
    def next_deadline_s(self) -> float | None:
        """The monotonic moment at which to commit; None while there is nothing."""
        return self._due_s

    def due(self, now_s: float) -> bool:
        return self._due_s is not None and now_s >= self._due_s

    def take(self) -> tuple[Draft, ...]:
        """Everything collected, in order; empty afterwards."""
        drafts, self._drafts, self._due_s = tuple(self._drafts), [], None
        return drafts
