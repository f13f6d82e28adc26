"""Files that may still be written: taken once they were the same twice and open.

    seen -- look -- same size and mtime -- look -- same again -- open --> found
      ^      |                              |                     |
      +------+-------- changed -------------+                     +-- does not open: later, and
                                                                      in the end refused

Bounded: when it is full, the file with the oldest mtime goes; the next scan finds it again.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass

from edge_agent.recorders.find.scan import SeenFile

#: Between two looks. A writer that pauses longer than two of them, as FTP over a bad line may,
#: leaves a file that does not open or is cut off; it is taken anew when it changes.
LOOK_S = 2.0

#: Looks in a row that found the file as before.
LOOKS_SAME = 2

#: A recorder that goes on with its files after rests is waited for so much longer than it rests,
#: but not longer than this: who waits for an alarm wants it.
MOST_PATIENCE_S = 60.0
_MORE_THAN_REST = 1.5
_RESTS_KEPT = 5
_A_HABIT = 2

#: Waits before it is opened again; after the last, it is refused.
RETRY_S = (5.0, 15.0, 60.0, 180.0)

#: A file untouched for so long will not be finished any more: refused at its first failure.
ABANDONED_S = 3600.0

#: Memory: about 500 bytes each.
MAX_PENDING = 4_000


@dataclass(slots=True)
class _Pending:
    seen: SeenFile
    due_s: float
    since_s: float  # it has been as it is
    same: int = 0
    failures: int = 0
    ready: bool = False


class Settling:
    """Only bookkeeping: no file is touched here, and time is an argument. One owner."""

    def __init__(self, *, look_s: float = LOOK_S, limit: int = MAX_PENDING) -> None:
        self._look_s = look_s
        self._limit = limit
        self._pending: dict[str, _Pending] = {}
        # Stale entries stay in both heaps until they come up.
        self._due: list[tuple[float, str]] = []
        self._ready: list[tuple[int, str]] = []  # due, the newest file first: a backlog may wait
        self._rests_s: deque[float] = deque(maxlen=_RESTS_KEPT)

    def __len__(self) -> int:
        return len(self._pending)

    def __contains__(self, path: object) -> bool:
        return path in self._pending

    @property
    def room(self) -> int:
        return self._limit - len(self._pending)

    @property
    def next_due_s(self) -> float | None:
        self._drop_stale()
        if self._ready:
            return float("-inf")
        return self._due[0][0] if self._due else None

    @property
    def patience_s(self) -> float:
        """How long a file must have stayed as it is."""
        if len(self._rests_s) < _A_HABIT:
            return 0.0
        return min(MOST_PATIENCE_S, _MORE_THAN_REST * max(self._rests_s))

    def grew(self, rest_s: float) -> None:
        """A file that was taken as complete was written to again, so long after."""
        if 0 < rest_s <= MOST_PATIENCE_S:
            self._rests_s.append(rest_s)

    def add(self, seen: SeenFile, now_s: float) -> None:
        """A file that was just seen; one that is already here keeps its state."""
        if seen.path in self._pending:
            return
        if len(self._pending) >= self._limit:
            oldest = min(self._pending.values(), key=lambda each: each.seen.mtime_ns)
            if oldest.seen.mtime_ns >= seen.mtime_ns:
                return
            self.drop(oldest.seen.path)
        self._schedule(_Pending(seen, now_s + self._look_s, now_s))

    def take_due(self, now_s: float) -> SeenFile | None:
        """The next file to look at, as it was when last seen; stays pending."""
        self._drop_stale()
        while self._due and self._due[0][0] <= now_s:
            _, path = heapq.heappop(self._due)
            pending = self._pending[path]
            pending.ready = True
            heapq.heappush(self._ready, (-pending.seen.mtime_ns, path))
            self._drop_stale()
        return self._pending[self._ready[0][1]].seen if self._ready else None

    def looked(self, seen: SeenFile, now_s: float) -> bool:
        """The file is now so. True: it did not change for long enough; open it."""
        pending = self._pending[seen.path]
        if seen != pending.seen:
            self._schedule(_Pending(seen, now_s + self._look_s, now_s))
            return False
        pending.same += 1
        if pending.same >= LOOKS_SAME and now_s - pending.since_s >= self.patience_s:
            return True
        pending.due_s = now_s + self._look_s
        self._schedule(pending)
        return False

    def again(self, seen: SeenFile, now_s: float) -> None:
        """It changed while it was opened: begin anew."""
        self._schedule(_Pending(seen, now_s + self._look_s, now_s))

    def failed(self, path: str, now_s: float, *, age_s: float) -> bool:
        """It does not open. True: it is refused now; `drop` it."""
        pending = self._pending[path]
        if pending.failures >= len(RETRY_S) or age_s >= ABANDONED_S:
            return True
        pending.due_s = now_s + RETRY_S[pending.failures]
        pending.failures += 1
        self._schedule(pending)
        return False

    def drop(self, path: str) -> None:
        self._pending.pop(path, None)

    def _schedule(self, pending: _Pending) -> None:
        self._pending[pending.seen.path] = pending
        pending.ready = False
        heapq.heappush(self._due, (pending.due_s, pending.seen.path))
        if len(self._due) > 2 * self._limit + 100:
            self._due = [(p.due_s, path) for path, p in self._pending.items() if not p.ready]
            heapq.heapify(self._due)

    def _drop_stale(self) -> None:
        while self._due:
            due_s, path = self._due[0]
            pending = self._pending.get(path)
            if pending is not None and not pending.ready and pending.due_s == due_s:
                break
            heapq.heappop(self._due)
        while self._ready:
            newness, path = self._ready[0]
            pending = self._pending.get(path)
            if pending is not None and pending.ready and -pending.seen.mtime_ns == newness:
                break
            heapq.heappop(self._ready)
