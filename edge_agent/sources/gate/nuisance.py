"""Where things move all the time and are nobody: leaves, rain on a lamp, a street.

Motion without a person is counted in seconds for each cell of a grid. Where it adds up, it no
longer wakes the gate. It is never ignored altogether: keyframes that show it still go to the
detector, what reaches beyond the known cells wakes as ever, and where a person was seen the
cells have to earn their name again.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from edge_agent.geometry import BBox

_COLUMNS, _ROWS = 32, 18
#: So many seconds of motion that was nobody make a cell a nuisance.
NUISANCE_AFTER_S = 6.0
#: A wake in which nobody was found counts for so much where things moved: two or three of them
#: within minutes and the place wakes no more.
_VERDICT_S = 3.0
#: Where a person was seen, so much of it must come again without them.
_EARN_AGAIN_S = 2.5
#: More is not counted, so that calm weather is believed within half an hour.
_MOST_S = 50.0
#: A second of calm takes this much back: wind comes in gusts.
_FORGET = 0.03
#: Two findings further apart than this say nothing of the time between.
_MAX_STEP_S = 4.0
#: Leaves are small and move now here, now there: so many cells around them are meant as well.
_NEIGHBOURS = 2
#: A region is a nuisance when this share of its cells is.
_COVERED = 0.65
#: A person's surroundings: arms, shadow.
_AROUND = 1.5


class WakeNuisances:
    """One camera's; outlives connections. Owned by the source thread."""

    def __init__(self) -> None:
        self._seconds: NDArray[np.float32] = np.zeros((_ROWS, _COLUMNS), np.float32)
        self._at_s: float | None = None
        self._lately: NDArray[np.bool_] = np.zeros((_ROWS, _COLUMNS), np.bool_)  # in this wake

    def learn(self, moving: Iterable[BBox], people: Iterable[BBox], at_s: float) -> None:
        """Take in a frame: `moving` was looked at by the detector, which found `people`."""
        before_s, self._at_s = self._at_s, at_s
        if before_s is None or at_s <= before_s:
            return
        dt_s = min(at_s - before_s, _MAX_STEP_S)
        moved = np.zeros(self._seconds.shape, np.bool_)
        for bbox in moving:
            moved[_cells(bbox, _NEIGHBOURS)] = True
        self._lately |= moved
        self._seconds += np.where(moved, dt_s, -_FORGET * dt_s).astype(np.float32)
        np.clip(self._seconds, 0.0, _MOST_S, out=self._seconds)
        for bbox in people:
            cells = _cells(bbox.scaled(_AROUND))
            self._seconds[cells] = np.minimum(
                self._seconds[cells], NUISANCE_AFTER_S - _EARN_AGAIN_S
            )

    def wake_begins(self) -> None:
        self._lately.fill(False)

    def wake_was_for_nobody(self) -> None:
        """All of it was analysed, and no person was found where things moved."""
        self._seconds[self._lately] = np.minimum(
            self._seconds[self._lately] + np.float32(_VERDICT_S), _MOST_S
        )
        self._lately.fill(False)

    def covers(self, bbox: BBox) -> bool:
        """Is motion there nothing new?"""
        return bool((self._seconds[_cells(bbox)] >= NUISANCE_AFTER_S).mean() >= _COVERED)

    @property
    def frac(self) -> float:
        """The share of the picture that is known as nuisance."""
        return float((self._seconds >= NUISANCE_AFTER_S).mean())


def _cells(bbox: BBox, around: int = 0) -> tuple[slice, slice]:
    """At least one cell."""
    box = bbox.clipped()
    left, top = min(int(box.x * _COLUMNS), _COLUMNS - 1), min(int(box.y * _ROWS), _ROWS - 1)
    right = max(left + 1, int(np.ceil(box.x2 * _COLUMNS)))
    bottom = max(top + 1, int(np.ceil(box.y2 * _ROWS)))
    return (
        slice(max(0, top - around), bottom + around),
        slice(max(0, left - around), right + around),
    )
