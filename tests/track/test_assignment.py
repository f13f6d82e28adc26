"""The assignment is one-to-one, complete and optimal."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge_agent.track.assignment import assign


@pytest.mark.parametrize(
    ("cost", "pairs"),
    [
        ([[1.0]], [(0, 0)]),
        ([[1.0, 2.0], [1.0, 5.0]], [(0, 1), (1, 0)]),  # greedy would take (0, 0)
        ([[5.0, 1.0, 9.0]], [(0, 1)]),
        ([[5.0], [1.0], [9.0]], [(1, 0)]),
        ([[0.0, 0.0], [0.0, 0.0]], [(0, 0), (1, 1)]),
    ],
)
def test_the_cheapest_pairs_are_chosen(
    cost: list[list[float]], pairs: list[tuple[int, int]]
) -> None:
    assert assign(cost) == pairs


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nobody_to_assign_gives_no_pairs(shape: tuple[int, int]) -> None:
    assert assign(np.zeros(shape).tolist()) == []


def test_no_other_assignment_is_cheaper() -> None:
    rng = np.random.default_rng(7)
    for _ in range(300):
        rows, columns = (int(side) for side in rng.integers(1, 6, 2))
        cost = rng.random((rows, columns))
        pairs = assign(cost.tolist())
        assert len({row for row, _ in pairs}) == len(pairs) == min(rows, columns)
        assert len({column for _, column in pairs}) == len(pairs)
        short = cost if rows <= columns else cost.T
        best = min(
            short[range(len(short)), choice].sum()
            for choice in itertools.permutations(range(short.shape[1]), len(short))
        )
        assert sum(cost[pair] for pair in pairs) == pytest.approx(best)
