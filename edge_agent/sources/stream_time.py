"""A live stream's own time while it follows the clock, and the time of arrival while it does not.

Cameras stamp every packet alike, count milliseconds as if they were ticks of 90 kHz, stop
counting, set their clock by hours, or stamp one picture in twenty a day off. Everything behind
this (ring, gate, capture time, clips) meets a time that goes on evenly all the same.
"""

from __future__ import annotations

#: No encoder sends a picture this much before one that is shown earlier.
REORDER_S = 2.0
#: A stream that runs this far ahead of its packets' arrival within one step has jumped.
AHEAD_S = 2.0
#: So many packets in a row on a new line are a new clock; fewer are slips.
NEW_CLOCK_PACKETS = 5
#: How long, and over how many packets, time is compared with the clock.
WINDOW_S, WINDOW_PACKETS = 3.0, 8
#: What a stalled network holds back comes later at once: a longer gap counts as this.
_STALL_S = 1.0
SLOWEST, FASTEST = 0.5, 2.0
#: A burst after a stall, or the GOP that a camera sends ahead, looks fast for one window.
_FAST_WINDOWS = 2
_GOOD_WINDOWS = 3
#: Packets with one and the same time: more than the slices or fields of one picture.
_SAME_PACKETS = 6
_MIN_STEP_S = 0.001
_MAX_STEP_S = 60.0
#: Slips are told while they go on.
_SLIPS_TOLD, _SLIPS_TOLD_FOR_S = 3, 120.0


class StreamTime:
    """Fed every packet in the order of arrival. Pure: times come in and go out."""

    def __init__(self) -> None:
        self.slips = 0  # time stamps that were replaced one by one
        self._trusted = True
        self._problem = ""
        self._shift_s = 0.0  # from the stream's time to what goes out
        self._raw_s: float | None = None  # newest that was believed
        self._raw_arrived_s = 0.0
        self._arrived_s = 0.0
        self._out_s = 0.0
        self._line: tuple[float, float, int] | None = None  # a new clock: time, arrival, packets
        self._same = 0
        self._slip_s = float("-inf")
        self._seen_s = self._moved_s = 0.0
        self._packets = self._fast = self._good = 0

    def placed(self, pts_s: float, arrived_s: float) -> float:
        """Where a packet lies on the even timeline (s)."""
        if self._raw_s is None:
            self._raw_s, self._raw_arrived_s, self._out_s = pts_s, arrived_s, pts_s
            self._arrived_s = arrived_s
            return pts_s
        gap_s = min(max(0.0, arrived_s - self._arrived_s), _MAX_STEP_S)
        self._arrived_s = arrived_s
        step_s = pts_s - self._raw_s
        since_s = arrived_s - self._raw_arrived_s
        fits = -REORDER_S <= step_s <= since_s + AHEAD_S
        self._compare(step_s if fits else 0.0, gap_s, same=step_s == 0.0)
        if not self._trusted:
            self._out_s += max(gap_s, _MIN_STEP_S)
            self._believe(pts_s, arrived_s)
            return self._out_s
        if fits:
            self._line = None
            self._believe(pts_s, arrived_s)
            placed_s = pts_s + self._shift_s
            self._out_s = max(self._out_s, placed_s)
            return placed_s
        return self._slipped(pts_s, arrived_s, gap_s)

    @property
    def remark(self) -> str:
        """For a technician; "" where the stream's time is right."""
        if not self._trusted:
            return f"the camera's time stamps {self._problem}: times of arrival stand in for them"
        told = self.slips >= _SLIPS_TOLD and self._arrived_s - self._slip_s < _SLIPS_TOLD_FOR_S
        return f"{self.slips} of the camera's time stamps jumped and were replaced" if told else ""

    def _believe(self, pts_s: float, arrived_s: float) -> None:
        self._raw_s, self._raw_arrived_s = pts_s, arrived_s

    def _slipped(self, pts_s: float, arrived_s: float, gap_s: float) -> float:
        """A time stamp that does not follow those before: a slip, or the first of a new clock."""
        self._out_s += max(gap_s, _MIN_STEP_S)
        goes_on = False
        if self._line is not None:
            line_s, line_arrived_s, packets = self._line
            step_s = pts_s - line_s
            goes_on = -REORDER_S <= step_s <= arrived_s - line_arrived_s + AHEAD_S
        self._line = (pts_s, arrived_s, packets + 1 if goes_on else 1)
        if self._line[2] >= NEW_CLOCK_PACKETS:
            self._follow(pts_s, arrived_s)
        else:
            self.slips += 1
            self._slip_s = arrived_s
        return self._out_s

    def _follow(self, pts_s: float, arrived_s: float) -> None:
        self._line = None
        self._shift_s = self._out_s - pts_s
        self._believe(pts_s, arrived_s)

    def _compare(self, step_s: float, gap_s: float, *, same: bool) -> None:
        """Does the stream's time go on as the clock does?"""
        self._same = self._same + 1 if same else 0
        if self._same >= _SAME_PACKETS and self._trusted:
            self._distrust("stand still")
        self._packets += 1
        self._seen_s += min(gap_s, max(_STALL_S, abs(step_s)))
        self._moved_s += step_s
        if self._seen_s < WINDOW_S or self._packets < WINDOW_PACKETS:
            return
        rate = self._moved_s / self._seen_s
        self._seen_s, self._moved_s, self._packets = 0.0, 0.0, 0
        self._fast = self._fast + 1 if rate > FASTEST else 0
        self._good = self._good + 1 if SLOWEST <= rate <= FASTEST else 0
        if self._trusted and (rate < SLOWEST or self._fast >= _FAST_WINDOWS):
            self._distrust(_pace(rate))
        elif not self._trusted and self._good >= _GOOD_WINDOWS and self._raw_s is not None:
            self._trusted = True
            self._shift_s = self._out_s - self._raw_s

    def _distrust(self, problem: str) -> None:
        self._trusted, self._problem, self._good = False, problem, 0
        self._line = None


def _pace(rate: float) -> str:
    if abs(rate) < 0.001:
        return "stand still"
    if rate < 0:
        return "run backwards"
    return f"run at {rate:.3g} times the clock's pace"
