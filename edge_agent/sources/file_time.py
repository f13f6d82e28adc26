"""A recording's own time where it can be true, and even steps where it cannot.

Recorders stamp every picture alike, count milliseconds as ticks, run backwards, or write one
time stamp that is hours off. No clock tells better, as it does for a live stream, but what follows
can be looked at. Gaps stay as they are: a recorder that waits for motion leaves some.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

#: So many packets that follow are looked at.
LOOK_AHEAD = 24
_FEWEST = 8
#: Faster than any camera: then it is no time.
_LEAST_STEP_S = 1 / 240
#: Off by more than encoders reorder, and alone.
_SLIP_S = 4.0
_NEAR = 5
#: Nothing that is one recording stops for longer; a step back looks like a day ahead in MPEG-TS,
#: whose clock has 33 bits.
_LONGEST_GAP_S = 6 * 3600.0


class FileTime:
    """Fed every packet in the order of the file. Pure."""

    def __init__(self, step_s: float) -> None:
        """`step_s`: from picture to picture, where the file does not tell."""
        self.replaced = 0  # time stamps
        self._step_s = step_s
        self._raw_s: float | None = None  # newest that was believed
        self._raw_step_s = 0.0
        self._out_s: float | None = None  # newest that went out
        self._shift_s = 0.0  # from the file's time to what goes out
        self._trusted = True

    def placed(self, pts_s: float, following: Sequence[float]) -> float:
        """Where a packet lies on the even timeline (s); `following`: times of the next ones."""
        goes_on = self._goes_on((pts_s, *following))
        if not goes_on or self._is_slip(pts_s, following[:_NEAR]):
            self._trusted = goes_on
            self.replaced += 1
            return self._even(pts_s, following)
        since_s = 0.0 if self._raw_s is None else pts_s - self._raw_s
        leaps = not -_SLIP_S <= since_s <= _LONGEST_GAP_S
        if (leaps or not self._trusted) and self._out_s is not None:
            self._shift_s = self._out_s + self._step_s - pts_s
        self._raw_step_s = abs(since_s)
        self._raw_s, self._trusted = pts_s, True
        placed_s = pts_s + self._shift_s
        self._out_s = placed_s if self._out_s is None else max(self._out_s, placed_s)
        return placed_s

    def _even(self, pts_s: float, following: Sequence[float]) -> float:
        """One step after what went out before."""
        if self._out_s is not None:
            self._out_s += self._step_s
        else:
            self._out_s = min(following[:_NEAR], default=pts_s) - self._step_s
        return self._out_s

    def _goes_on(self, times: Sequence[float]) -> bool:
        """Does time pass in these? As before where they are too few."""
        if len(times) < _FEWEST:
            return self._trusted
        third = len(times) // 3
        moved_s = median(times[-third:]) - median(times[:third])
        return moved_s / (len(times) - third) >= _LEAST_STEP_S

    def _is_slip(self, pts_s: float, near: Sequence[float]) -> bool:
        """Alone, before a line that goes on without it."""
        if not near:
            step_s = 0.0 if self._raw_s is None else abs(pts_s - self._raw_s)
            return step_s > max(_SLIP_S, _NEAR * self._raw_step_s)
        onward_s = median(near) - pts_s
        if abs(onward_s) <= _SLIP_S:
            return False
        if self._raw_s is None:
            return max(near) - min(near) <= _SLIP_S
        since_s = pts_s - self._raw_s
        # Pictures of a time-lapse are as far from those before as from those after.
        even = since_s > 0 and 0.2 <= onward_s / since_s <= 20
        return abs(since_s) > _SLIP_S and not even
