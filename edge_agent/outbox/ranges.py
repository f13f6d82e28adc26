"""Sets of whole numbers kept as ranges: what was sent is one or two ranges most of the time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from edge_agent.errors import StorageError


class RangeSet:
    """A mutable set of ints, stored as sorted, disjoint, non-touching ranges [first, last]."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def add(self, first: int, last: int | None = None) -> None:
        """Add first..last, both included (`last` None: only `first`)."""
        last = first if last is None else last
        if last < first:
            raise ValueError(f"a range needs first <= last, got {first}..{last}")
        low = bisect_right(self._lasts, first - 2)
        high = bisect_right(self._firsts, last + 1)
        if low < high:
            first = min(first, self._firsts[low])
            last = max(last, self._lasts[high - 1])
        self._firsts[low:high] = [first]
        self._lasts[low:high] = [last]

    def discard_through(self, last: int) -> None:
        """Remove everything up to and including `last`."""
        keep = bisect_right(self._lasts, last)
        del self._firsts[:keep], self._lasts[:keep]
        if self._firsts and self._firsts[0] <= last:
            self._firsts[0] = last + 1

    def __contains__(self, number: int) -> bool:
        index = bisect_right(self._firsts, number) - 1
        return index >= 0 and number <= self._lasts[index]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """The ranges, lowest first."""
        return iter(tuple(zip(self._firsts, self._lasts, strict=True)))

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def count(self, first: int, last: int) -> int:
        """How many of first..last are in the set."""
        return sum(
            max(0, min(last, high) - max(first, low) + 1)
            for low, high in zip(self._firsts, self._lasts, strict=True)
        )

    def holes(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The ranges of first..last that are not in the set, lowest first."""
        at = first
        index = bisect_right(self._lasts, first - 1)
        for low, high in zip(self._firsts[index:], self._lasts[index:], strict=True):
            if low > last:
                break
            if low > at:
                yield at, low - 1
            at = high + 1
        if at <= last:
            yield at, last

    def dump(self) -> str:
        """`1-40,42-42`."""
        return ",".join(f"{first}-{last}" for first, last in self)

    @classmethod
    def load(cls, text: str) -> RangeSet:
        """Raises StorageError when `text` is no dump."""
        try:
            pairs = [part.split("-") for part in text.split(",") if part]
            return cls((int(first), int(last)) for first, last in pairs)
        except ValueError as error:
            raise StorageError(f"outbox: not a list of ranges: {text[:60]!r}") from error
