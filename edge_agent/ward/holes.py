"""When to ask a box to send something again. Pure.

Only for a hole that stood for ten minutes below a sequence number that the box announced,
while it reports no backlog: everything younger is probably still on its way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.contract import GapRange
from edge_agent.ward.presence import BoxRecord

#: Holes closer than this are asked for as one: a few messages twice cost less than a command.
_NEAR = 32
_RANGES_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class _Standing:
    epoch: str
    watermark: int
    since_s: float


class HoleWatch:
    """Remembers for each box how long its watermark has been held up. Seconds are monotonic."""

    def __init__(self, patience_s: float = 600.0) -> None:
        self._patience_s = patience_s
        self._standing: dict[str, _Standing] = {}

    def due(self, box: BoxRecord, watermark: int, now_s: float, *, online: bool) -> bool:
        """True when it is time to ask; asks again only after as long again."""
        held_up = online and box.backlog == 0 and watermark < box.last_seq
        if not held_up:
            self._standing.pop(box.source, None)
            return False
        old = self._standing.get(box.source)
        if old is None or (old.epoch, old.watermark) != (box.epoch, watermark):
            self._standing[box.source] = _Standing(box.epoch, watermark, now_s)
            return False
        if now_s - old.since_s < self._patience_s:
            return False
        self._standing[box.source] = _Standing(box.epoch, watermark, now_s)
        return True


def coalesced(holes: Sequence[GapRange]) -> list[GapRange]:
    """Few ranges that cover the lowest of these holes, which are in order and not open."""
    merged: list[GapRange] = []
    for hole in holes:
        if merged and hole.first - (merged[-1].last or 0) <= _NEAR:
            merged[-1] = GapRange(merged[-1].first, hole.last)
        elif len(merged) == _RANGES_AT_ONCE:
            break
        else:
            merged.append(hole)
    return merged
