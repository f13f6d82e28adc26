"""Optimal one-to-one assignment, small and without scipy (62 MiB of RSS on the box)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def assign(cost: F64) -> list[tuple[int, int]]:
    """Pairs (row, column) of least total cost; every row of the shorter side gets one.

    `cost` is float64 (rows, columns), finite. Shortest augmenting paths with potentials
    (Kuhn 1955, Munkres 1957; in the form of Jonker and Volgenant 1987): O(n^2 m), the
    innermost loop in numpy. Deterministic: equal costs go to the lower column.
    """
    rows, columns = cost.shape
    if rows == 0 or columns == 0:
        return []
    if rows > columns:
        return sorted((row, column) for column, row in assign(np.ascontiguousarray(cost.T)))
    row_potential = np.zeros(rows)
    column_potential = np.zeros(columns)
    row_of = np.full(columns, -1)
    for row in range(rows):
        _augment(cost, row, row_of, row_potential, column_potential)
    return sorted((int(row_of[column]), column) for column in range(columns) if row_of[column] >= 0)


def _augment(
    cost: F64,
    start_row: int,
    row_of: NDArray[np.int64],
    row_potential: F64,
    column_potential: F64,
) -> None:
    """Give `start_row` a column, moving earlier rows along the cheapest path."""
    columns = cost.shape[1]
    slack = np.full(columns, np.inf)
    previous = np.full(columns, -1)
    done = np.zeros(columns, dtype=bool)
    row, column = start_row, -1
    while row >= 0:
        reduced = cost[row] - row_potential[row] - column_potential
        better = ~done & (reduced < slack)
        slack[better] = reduced[better]
        previous[better] = column
        nearest = int(np.argmin(np.where(done, np.inf, slack)))
        delta = slack[nearest]
        row_potential[start_row] += delta
        row_potential[row_of[done]] += delta
        column_potential[done] -= delta
        slack[~done] -= delta
        done[nearest] = True
        column, row = nearest, int(row_of[nearest])
    while column >= 0:
        before = int(previous[column])
        row_of[column] = row_of[before] if before >= 0 else start_row
        column = before
