"""Ranges of numbers are a set of numbers, whatever was done to them."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from edge_agent.errors import StorageError
from edge_agent.outbox.ranges import RangeSet

MOST = 40


def numbers(ranges: RangeSet) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


@pytest.mark.parametrize("seed", range(60))
def test_it_holds_what_a_set_holds_in_as_few_ranges_as_can_be(seed: int) -> None:
    rng = Random(seed)
    ranges, model = RangeSet(), set[int]()
    for _ in range(30):
        first = rng.randint(1, MOST)
        last = min(MOST, first + rng.choice((0, 0, 0, 1, 2, 7)))
        match rng.randrange(8):
            case 0:
                ranges.discard_through(first // 4)
                model = {each for each in model if each > first // 4}
            case 1 | 2 | 3:
                ranges.add(first)
                model.add(first)
            case _:
                ranges.add(first, last)
                model |= set(range(first, last + 1))
        assert numbers(ranges) == model
        assert bool(ranges) is bool(model)
        assert {each for each in range(MOST + 2) if each in ranges} == model
        assert all(after[0] > before[1] + 1 for before, after in pairwise(ranges))
        assert ranges.count(first, last) == len(model & set(range(first, last + 1)))
        holes = list(ranges.holes(first, last))
        assert all(low <= high for low, high in holes)
        missing = [each for low, high in holes for each in range(low, high + 1)]
        assert missing == [each for each in range(first, last + 1) if each not in model]
        assert list(RangeSet.load(ranges.dump())) == list(RangeSet(ranges)) == list(ranges)


@pytest.mark.parametrize("text", ["1", "1-2-3", "a-b", "1-x", "-", "1-2;3-4"])
def test_what_is_no_list_of_ranges_is_refused(text: str) -> None:
    with pytest.raises(StorageError, match="not a list of ranges"):
        RangeSet.load(text)
