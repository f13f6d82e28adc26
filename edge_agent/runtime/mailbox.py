"""Bounded mailboxes between threads."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """A bounded FIFO for one consumer."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a mailbox needs a capacity of at least 1, got {capacity}")
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._changed = threading.Condition()

    def put(self, item: T, timeout_s: float) -> bool:
        """Add, waiting at most `timeout_s` for room; False when there was none."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._items) < self._capacity, timeout_s):
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def get_all(self, timeout_s: float) -> list[T]:
        """Everything that is there, waiting at most `timeout_s` for the first item."""
        with self._changed:
            self._changed.wait_for(lambda: self._items, timeout_s)
            items = list(self._items)
            self._items.clear()
            if items:
                self._changed.notify_all()
            return items

    def __len__(self) -> int:
        with self._changed:
            return len(self._items)
