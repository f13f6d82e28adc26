"""A range sent again, and what of it is gone."""

from __future__ import annotations

import pytest
from shelf import EPOCH, Shelf

from edge_agent.contract import Gap, GapRange, ReplayRange
from edge_agent.publish.replay import Replay

OTHER = "01KAQZ0000ZZ5Y0T7M2N9R6XBD"


def walk(shelf: Shelf, epoch: str, first: int, last: int) -> tuple[list[int], list[Gap]]:
    replay = Replay("c1", ReplayRange(epoch, first, last), shelf)
    taken = []
    while (row := replay.peek()) is not None:
        assert replay.peek() is row
        replay.take()
        taken.append(row.row_id)
        replay.settled(row.row_id)
    assert replay.finished
    return taken, replay.gaps()


@pytest.mark.parametrize(
    ("kept", "asked", "rows", "missing"),
    [
        ((1, 2, 3, 4), (2, 3), [2, 3], []),
        ((3, 4, 5), (1, 4), [3, 4], [(1, 2)]),  # below first_seq
        ((1, 3, 6), (1, 6), [1, 3, 6], [(2, 2), (4, 5)]),
        ((1, 2), (1, 9), [1, 2], []),  # the future is not lost
        ((5, 6), (1, 4), [], [(1, 4)]),
        (range(1, 101), (1, 100), list(range(1, 101)), []),
        ((1, 90), (1, 90), [1, 90], [(2, 89)]),
    ],
)
def test_a_range_is_sent_and_its_holes_announced(
    kept: tuple[int, ...], asked: tuple[int, int], rows: list[int], missing: list[tuple[int, int]]
) -> None:
    shelf = Shelf()
    shelf.put(*(str(number) for number in range(max(kept))))
    shelf.rows = {row_id: row for row_id, row in shelf.rows.items() if row_id in kept}
    taken, gaps = walk(shelf, EPOCH, *asked)
    assert taken == rows
    spans = [GapRange(first, last) for first, last in missing]
    assert gaps == ([Gap(EPOCH, "not_kept", tuple(spans))] if spans else [])


def test_an_epoch_that_is_gone_is_announced_as_it_was_asked() -> None:
    shelf = Shelf()
    shelf.put("a")
    assert walk(shelf, OTHER, 3, 9) == ([], [Gap(OTHER, "not_kept", (GapRange(3, 9),))])


def test_it_is_not_walked_before_its_first_row_was_looked_for() -> None:
    shelf = Shelf()
    shelf.put("a")
    replay = Replay("c1", ReplayRange(EPOCH, 1, 1), shelf)
    assert not replay.walked


def test_it_is_not_finished_before_the_broker_has_it_all() -> None:
    shelf = Shelf()
    shelf.put("a")
    replay = Replay("c1", ReplayRange(EPOCH, 1, 1), shelf)
    assert replay.peek()
    replay.take()
    assert replay.peek() is None
    assert not replay.finished
    replay.settled(1)
    assert replay.finished
