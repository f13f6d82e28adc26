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
        self._woken = False

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
            self._changed.wait_for(lambda: self._items or self._woken, timeout_s)
            self._woken = False
            items = list(self._items)
            self._items.clear()
            if items:
                self._changed.notify_all()
            return items

    def wake(self) -> None:
        """The `get_all` that waits, or the next one, waits no longer."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def __len__(self) -> int:
        with self._changed:
            return len(self._items)
