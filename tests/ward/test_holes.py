"""When to ask a box again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.contract import GapRange
from edge_agent.ward.holes import HoleWatch, coalesced
from edge_agent.ward.presence import BoxRecord

BOX = BoxRecord("/w/b", "online", "c", "e", last_seq=9, backlog=0, heard_utc_s=0.0, interval_s=60.0)


def asked_at(
    box: BoxRecord, watermark: int, *, online: bool = True, until_s: int = 2000
) -> list[int]:
    watch = HoleWatch(600.0)
    return [s for s in range(0, until_s, 10) if watch.due(box, watermark, float(s), online=online)]


def test_a_hole_is_asked_for_after_ten_minutes_and_again_after_ten_more() -> None:
    assert asked_at(BOX, 4) == [600, 1200, 1800]


@pytest.mark.parametrize(
    ("box", "watermark", "online"),
    [
        (BOX, 9, True),  # nothing is missing
        (replace(BOX, backlog=1), 4, True),  # it is on its way
        (replace(BOX, backlog=None), 4, True),  # not known yet
        (BOX, 4, False),  # nobody would hear
    ],
)
def test_otherwise_nothing_is_asked(box: BoxRecord, watermark: int, online: bool) -> None:
    assert asked_at(box, watermark, online=online) == []


def test_progress_starts_the_ten_minutes_anew() -> None:
    watch = HoleWatch(600.0)
    assert not watch.due(BOX, 4, 0.0, online=True)
    assert not watch.due(BOX, 5, 500.0, online=True)
    assert not watch.due(BOX, 5, 1000.0, online=True)
    assert watch.due(BOX, 5, 1100.0, online=True)


@pytest.mark.parametrize(
    ("holes", "asked"),
    [
        ([(3, 4)], [(3, 4)]),
        ([(3, 4), (6, 6), (40, 50)], [(3, 6), (40, 50)]),
        ([(1, 1), (20, 20), (40, 40)], [(1, 40)]),
        ([(n * 100, n * 100) for n in range(1, 9)], [(n * 100, n * 100) for n in range(1, 5)]),
    ],
)
def test_near_holes_are_asked_for_together(
    holes: list[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    assert coalesced([GapRange(*hole) for hole in holes]) == [GapRange(*span) for span in asked]
