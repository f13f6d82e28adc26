"""Bounded mailboxes between threads. Each states what happens when it is full."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """A bounded FIFO for one consumer. `put` waits for room, `offer` drops the oldest.

    Closing wakes everybody: puts are refused, gets drain what is left.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a mailbox needs a capacity of at least 1, got {capacity}")
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._dropped = 0

    def offer(self, item: T) -> bool:
        """Add without waiting; when full, the oldest item is dropped and counted.

        True when nothing was dropped.
        """
        with self._changed:
            if self._closed:
                return False
            full = len(self._items) >= self._capacity
            if full:
                self._items.popleft()
                self._dropped += 1
            self._items.append(item)
            self._changed.notify_all()
            return not full

    def put(self, item: T, timeout_s: float) -> bool:
        """Add, waiting at most `timeout_s` for room; False when there was none or it is closed."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or len(self._items) < self._capacity, timeout_s
            )
            if self._closed or len(self._items) >= self._capacity:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def get(self, timeout_s: float) -> T | None:
        """The oldest item, or None when none came in time (or it is closed and empty)."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout_s)
            if not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def get_all(self, timeout_s: float) -> list[T]:
        """Everything that is there, waiting at most `timeout_s` for the first item."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout_s)
            items = list(self._items)
            self._items.clear()
            if items:
                self._changed.notify_all()
            return items

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        with self._changed:
            return self._closed

    @property
    def dropped(self) -> int:
        """Items lost to `offer` since the beginning."""
        with self._changed:
            return self._dropped

    def __len__(self) -> int:
        with self._changed:
            return len(self._items)
