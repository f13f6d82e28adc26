"""Optimal one-to-one assignment, small and without scipy (62 MiB of RSS on the box)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

Costs = Sequence[Sequence[float]]


def assign(cost: Costs) -> list[tuple[int, int]]:
    """Pairs (row, column) of least total cost; every row of the shorter side gets one.

    `cost` is by row, all of one length, finite. Shortest augmenting paths with potentials
    (Kuhn 1955, Munkres 1957; in the form of Jonker and Volgenant 1987): O(n^2 m). In plain floats,
    as hardly ever more than three people are near each other. Deterministic: equal costs go to the
    lower column.
    """
    if not cost or not cost[0]:
        return []
    if len(cost) > len(cost[0]):
        return sorted((row, column) for column, row in assign([*zip(*cost, strict=True)]))
    row_potential = [0.0] * len(cost)
    column_potential = [0.0] * len(cost[0])
    row_of = [-1] * len(cost[0])
    for row in range(len(cost)):
        _augment(cost, row, row_of, row_potential, column_potential)
    return sorted((row, column) for column, row in enumerate(row_of) if row >= 0)


def _augment(
    cost: Costs,
    start_row: int,
    row_of: list[int],
    row_potential: list[float],
    column_potential: list[float],
) -> None:
    """Give `start_row` a column, moving earlier rows along the cheapest path."""
    slack = [*repeat(float("inf"), len(row_of))]
    previous = [*repeat(-1, len(row_of))]
    open_columns = [*range(len(row_of))]
    done: list[int] = []
    row, column = start_row, -1
    while row >= 0:
        for each in open_columns:
            reduced = cost[row][each] - row_potential[row] - column_potential[each]
            if reduced < slack[each]:
                slack[each], previous[each] = reduced, column
        nearest = min(open_columns, key=slack.__getitem__)
        delta = slack[nearest]
        row_potential[start_row] += delta
        for each in done:
            row_potential[row_of[each]] += delta
            column_potential[each] -= delta
        for each in open_columns:
            slack[each] -= delta
        open_columns.remove(nearest)
        done.append(nearest)
        column, row = nearest, row_of[nearest]
    while column >= 0:
        before = previous[column]
        row_of[column] = row_of[before] if before >= 0 else start_row
        column = before
