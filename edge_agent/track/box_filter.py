"""A constant-velocity Kalman filter of one person's bbox, with time steps in seconds.

Centre x, centre y, width and height are filtered independently (as in SORT, Bewley 2016,
where they hardly interact), each with a position and a velocity. Noise is stated in the
person's own size, so that one set of constants fits near and far people. Velocity fades
with time, because nobody who is out of sight keeps walking straight on for long.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_agent.geometry import BBox
from edge_agent.track.state import FilterState, Four

F64 = NDArray[np.float64]

# Per component (centre x, centre y, width, height); x and width are counted in widths of
# the person, y and height in heights.
#: Standard deviation of a small detector's boxes. Swinging arms and legs make widths noisy.
#: Like the other constants chosen on the PETS clip (benchmarks/tracking.py) in the middle of
#: a plateau: half or twice of each changes MOTA by less than .01.
_MEASURED_STD = np.array([0.14, 0.07, 0.2, 0.1])
#: White acceleration noise, per s^1.5: within a second a walker changes speed by about
#: 1.2 widths/s (0.8 m/s), less in the picture's vertical.
_ACCELERATION = np.array([1.2, 0.4, 0.3, 0.15])
#: Velocity at birth is unknown: up to about two widths per second is ordinary walking.
_BIRTH_SPEED_STD = np.array([2.5, 0.6, 0.4, 0.2])
#: How fast velocity fades, seconds. Sizes hardly keep growing once unseen.
_FADE_S = np.array([2.5, 2.5, 1.0, 1.0])
#: Below this a bbox is no measurement at all; keeps scales positive.
_MIN_SIDE_FRAC = 1e-4


class BoxFilter:
    """Where a person is and where they will be. Not thread-safe; owned by one track."""

    def __init__(self, bbox: BBox, at_s: float) -> None:
        self._at_s = at_s
        self._told: tuple[float, BBox] | None = None  # asked for often, of one moment
        self._seen_ahead: tuple[float, tuple[F64, F64, F64, F64, F64]] | None = None
        self._position = _measurement(bbox)
        self._velocity = np.zeros(4)
        scale = self._scale()
        # Covariance of (position, velocity), one 2x2 matrix per component.
        self._pp = (_MEASURED_STD * scale) ** 2
        self._pv = np.zeros(4)
        self._vv = (_BIRTH_SPEED_STD * scale) ** 2

    def state(self) -> FilterState:
        arrays = (self._position, self._velocity, self._pp, self._pv, self._vv)
        return FilterState(self._at_s, *(_four(values) for values in arrays))

    @classmethod
    def restored(cls, state: FilterState, offset_s: float) -> BoxFilter:
        """On a timeline that begins `offset_s` later."""
        restored = cls(BBox(0.0, 0.0, 0.0, 0.0), state.at_s - offset_s)
        restored._position, restored._velocity = np.array(state.position), np.array(state.velocity)
        restored._pp, restored._pv = np.array(state.pp), np.array(state.pv)
        restored._vv = np.array(state.vv)
        return restored

    def correct(self, bbox: BBox, at_s: float) -> None:
        """Take in a detection of the moment `at_s`, no earlier than the one before."""
        position, velocity, pp, pv, vv = self._ahead(at_s)
        noise = (_MEASURED_STD * self._scale()) ** 2
        error = _measurement(bbox) - position
        gain_p, gain_v = pp / (pp + noise), pv / (pp + noise)
        self._position = position + gain_p * error
        self._position[2:] = np.maximum(self._position[2:], _MIN_SIDE_FRAC)
        self._velocity = velocity + gain_v * error
        self._pp, self._pv, self._vv = pp * (1 - gain_p), pv * (1 - gain_p), vv - gain_v * pv
        self._at_s, self._told, self._seen_ahead = at_s, None, None

    def predicted(self, at_s: float) -> BBox:
        """The bbox expected at `at_s`; its centre never leaves the frame."""
        if self._told is None or self._told[0] != at_s:
            self._told = at_s, self._expected(at_s)
        return self._told[1]

    def _expected(self, at_s: float) -> BBox:
        cx, cy, w, h = (float(value) for value in self._ahead(at_s)[0])
        w, h = max(w, _MIN_SIDE_FRAC), max(h, _MIN_SIDE_FRAC)
        cx, cy = min(max(cx, 0.0), 1.0), min(max(cy, 0.0), 1.0)
        return BBox(cx - w / 2, cy - h / 2, w, h)

    def _ahead(self, at_s: float) -> tuple[F64, F64, F64, F64, F64]:
        """As `_predict`, once for a moment: who is found is asked for twice."""
        if self._seen_ahead is None or self._seen_ahead[0] != at_s:
            self._seen_ahead = at_s, self._predict(at_s)
        return self._seen_ahead[1]

    def _predict(self, at_s: float) -> tuple[F64, F64, F64, F64, F64]:
        dt_s = max(0.0, at_s - self._at_s)
        kept = np.exp(-dt_s / _FADE_S)
        reach_s = _FADE_S * (1 - kept)  # seconds of full speed that the fading speed is worth
        density = (_ACCELERATION * self._scale()) ** 2
        position = self._position + self._velocity * reach_s
        pp = self._pp + 2 * reach_s * self._pv + reach_s**2 * self._vv + density * dt_s**3 / 3
        pv = kept * (self._pv + reach_s * self._vv) + density * dt_s**2 / 2
        vv = kept**2 * self._vv + density * dt_s
        return position, self._velocity * kept, pp, pv, vv

    def _scale(self) -> F64:
        w, h = self._position[2], self._position[3]
        return np.array([w, h, w, h])


def _four(values: F64) -> Four:
    first, second, third, fourth = (float(value) for value in values)
    return first, second, third, fourth


def _measurement(bbox: BBox) -> F64:
    cx, cy = bbox.center
    return np.array([cx, cy, max(bbox.w, _MIN_SIDE_FRAC), max(bbox.h, _MIN_SIDE_FRAC)])
