"""Packet sizes as a second sense between keyframes: something that moves costs bits.

The logarithm of each P packet is compared with the median of the last GOPs at the same place
in the GOP. Whether a camera's encoder is quiet enough for that is found out by a self-test:
the alarms are counted in silence first, and switched off again when they are mostly false.
"""

from __future__ import annotations

import math
from collections import deque
from enum import StrEnum
from statistics import fmean, median

#: GOPs that the usual sizes are taken from.
_GOPS = 9
#: Places in the GOP with statistics of their own; encoders settle within them.
_OWN_PLACES = 40
#: Smallest spread: log sizes of quiet streams vary by less than a picture's worth.
_SPREAD_FLOOR = 0.02
#: Mean of the last packets' scores, in units of the spread.
_LONG, _LONG_SCORE = 6, 3.5
_SHORT, _SHORT_SCORE = 3, 6.0

#: GOPs without an alarm before it is believed.
SELF_TEST_GOPS = 30
FALSE_PER_HOUR = 4
_HOUR_S = 3600.0


class SizeSense(StrEnum):
    TESTING = "testing"
    ON = "on"
    OFF = "off"


class PacketSizes:
    """Usual sizes and how far the newest packets are from them. Fed while nothing happens."""

    def __init__(self) -> None:
        self._places: list[deque[float]] = []
        self._scores: deque[float] = deque(maxlen=_LONG)
        self._gops = 0
        self._now: list[tuple[int, float]] = []  # this GOP's, learned at its end when quiet

    def key(self, quiet: bool) -> None:
        """A GOP ends; only a quiet one is learned from."""
        if quiet and self._now:
            for place, size in self._now:
                self._place(place).append(size)
            self._gops += 1
        self._now.clear()
        self._scores.clear()

    def add(self, place: int, size_bytes: int) -> bool:
        """The packet `place` packets after the keyframe; True: sizes rose."""
        size = math.log(max(size_bytes, 1))
        self._now.append((place, size))
        usual = self._place(place)
        if self._gops < _GOPS or len(usual) < _GOPS - 2:
            return False
        middle = median(usual)
        spread = max(_SPREAD_FLOOR, median(abs(one - middle) for one in usual) / 0.6745)
        self._scores.append((size - middle) / spread)
        return self._mean(_LONG) > _LONG_SCORE or self._mean(_SHORT) > _SHORT_SCORE

    def _mean(self, count: int) -> float:
        if len(self._scores) < count:
            return 0.0
        return fmean(list(self._scores)[-count:])

    def _place(self, place: int) -> deque[float]:
        place = min(place, _OWN_PLACES)
        while len(self._places) <= place:
            # The tail shares one statistic and so needs more of it.
            tail = len(self._places) == _OWN_PLACES
            self._places.append(deque(maxlen=_GOPS * 6 if tail else _GOPS))
        return self._places[place]


class SizeTrust:
    """Whether this camera's alarms are acted upon. Outlives connections."""

    def __init__(self) -> None:
        self.state = SizeSense.TESTING
        self._quiet_gops = 0
        self._false_s: deque[float] = deque()
        self._off_s = 0.0

    def gop(self, alarmed: bool, at_s: float) -> None:
        """A GOP in which nothing moved has ended."""
        if self.state is SizeSense.OFF and at_s - self._off_s >= _HOUR_S:
            self.state, self._quiet_gops = SizeSense.TESTING, 0
        if self.state is SizeSense.TESTING:
            self._quiet_gops = 0 if alarmed else self._quiet_gops + 1
            if self._quiet_gops >= SELF_TEST_GOPS:
                self.state = SizeSense.ON

    def false_alarm(self, at_s: float) -> None:
        """Decoded for an alarm, and nothing was there."""
        self._false_s.append(at_s)
        while at_s - self._false_s[0] > _HOUR_S:
            self._false_s.popleft()
        if len(self._false_s) > FALSE_PER_HOUR:
            self._false_s.clear()
            self.state, self._off_s = SizeSense.OFF, at_s
