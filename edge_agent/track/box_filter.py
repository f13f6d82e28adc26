"""A constant-velocity Kalman filter of one person's bbox, with time steps in seconds.

Centre x, centre y, width and height are filtered independently (as in SORT, Bewley 2016,
where they hardly interact), each with a position and a velocity. Noise is stated in the
person's own size, so that one set of constants fits near and far people. Velocity fades
with time, because nobody who is out of sight keeps walking straight on for long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge_agent.geometry import BBox
from edge_agent.track.state import FilterState, Four

#: Below this a bbox is no measurement at all; keeps scales positive.
_MIN_SIDE_FRAC = 1e-4


@dataclass(frozen=True, slots=True)
class _Noise:
    """Of one component. x and width are counted in widths of the person, y and height in heights.

    `measured_std`: standard deviation of a small detector's boxes; swinging arms and legs make
    widths noisy. `acceleration`: white noise, per s^1.5: within a second a walker changes speed by
    about 1.2 widths/s (0.8 m/s), less in the picture's vertical. `birth_speed_std`: up to about
    two widths per second is ordinary walking. `fade_s`: how fast velocity fades; sizes hardly keep
    growing once unseen.
    """

    measured_std: float
    acceleration: float
    birth_speed_std: float
    fade_s: float


#: Centre x, centre y, width, height. Chosen on the PETS clip (benchmarks/tracking.py) in the middle
#: of a plateau: half or twice of each changes MOTA by less than .01.
_NOISES = (
    _Noise(0.14, 1.2, 2.5, 2.5),
    _Noise(0.07, 0.4, 0.6, 2.5),
    _Noise(0.2, 0.3, 0.4, 1.0),
    _Noise(0.1, 0.15, 0.2, 1.0),
)

_Corrected = tuple[float, float, float, float, float]


class BoxFilter:
    """Where a person is and where they will be. Not thread-safe; owned by one track.

    Plain floats: for four numbers at a time they cost a fraction of what arrays cost.
    """

    def __init__(self, bbox: BBox, at_s: float) -> None:
        self._at_s = at_s
        self._told: tuple[float, BBox] | None = None  # asked for often, of one moment
        self._position = _measurement(bbox)
        self._velocity: Four = (0.0, 0.0, 0.0, 0.0)
        scales = self._scales()
        # Covariance of (position, velocity), one 2x2 matrix per component.
        self._pp = _four([(n.measured_std * s) ** 2 for n, s in zip(_NOISES, scales, strict=True)])
        self._pv: Four = (0.0, 0.0, 0.0, 0.0)
        self._vv = _four(
            [(n.birth_speed_std * s) ** 2 for n, s in zip(_NOISES, scales, strict=True)]
        )

    def state(self) -> FilterState:
        return FilterState(self._at_s, self._position, self._velocity, self._pp, self._pv, self._vv)

    @classmethod
    def restored(cls, state: FilterState, offset_s: float) -> BoxFilter:
        """On a timeline that begins `offset_s` later."""
        restored = cls(BBox(0.0, 0.0, 0.0, 0.0), state.at_s - offset_s)
        restored._position, restored._velocity = state.position, state.velocity
        restored._pp, restored._pv, restored._vv = state.pp, state.pv, state.vv
        return restored

    def correct(self, bbox: BBox, at_s: float) -> None:
        """Take in a detection of the moment `at_s`, no earlier than the one before."""
        dt_s = max(0.0, at_s - self._at_s)
        measured, scales = _measurement(bbox), self._scales()
        x, y, w, h = (self._corrected(i, dt_s, measured[i], scales[i]) for i in range(4))
        self._position = x[0], y[0], max(w[0], _MIN_SIDE_FRAC), max(h[0], _MIN_SIDE_FRAC)
        self._velocity = x[1], y[1], w[1], h[1]
        self._pp = x[2], y[2], w[2], h[2]
        self._pv = x[3], y[3], w[3], h[3]
        self._vv = x[4], y[4], w[4], h[4]
        self._at_s, self._told = at_s, None

    def predicted(self, at_s: float) -> BBox:
        """The bbox expected at `at_s`; its centre never leaves the frame."""
        told = self._told
        if told is None or told[0] != at_s:
            told = self._told = at_s, self._expected(at_s)
        return told[1]

    def _expected(self, at_s: float) -> BBox:
        dt_s = max(0.0, at_s - self._at_s)
        cx, cy, w, h = self._position
        vx, vy, vw, vh = self._velocity
        # Seconds of full speed that the fading speed is worth.
        walks_s, grows_s = _reach_s(dt_s, _NOISES[0].fade_s), _reach_s(dt_s, _NOISES[2].fade_s)
        w, h = max(w + vw * grows_s, _MIN_SIDE_FRAC), max(h + vh * grows_s, _MIN_SIDE_FRAC)
        cx = min(max(cx + vx * walks_s, 0.0), 1.0)
        cy = min(max(cy + vy * walks_s, 0.0), 1.0)
        return BBox(cx - w / 2, cy - h / 2, w, h)

    def _corrected(self, i: int, dt_s: float, measured: float, scale: float) -> _Corrected:
        """(position, velocity, pp, pv, vv) of a component, `dt_s` later and corrected."""
        noise = _NOISES[i]
        pv, vv = self._pv[i], self._vv[i]
        kept = math.exp(-dt_s / noise.fade_s)
        reach_s = noise.fade_s * (1 - kept)
        density = (noise.acceleration * scale) ** 2
        position = self._position[i] + self._velocity[i] * reach_s
        velocity = self._velocity[i] * kept
        pp = self._pp[i] + 2 * reach_s * pv + reach_s**2 * vv + density * dt_s**3 / 3
        pv = kept * (pv + reach_s * vv) + density * dt_s**2 / 2
        vv = kept**2 * vv + density * dt_s
        whole = pp + (noise.measured_std * scale) ** 2
        gain_p, gain_v, error = pp / whole, pv / whole, measured - position
        return (
            position + gain_p * error,
            velocity + gain_v * error,
            pp * (1 - gain_p),
            pv * (1 - gain_p),
            vv - gain_v * pv,
        )

    def _scales(self) -> Four:
        w, h = self._position[2], self._position[3]
        return w, h, w, h


def _reach_s(dt_s: float, fade_s: float) -> float:
    return fade_s * (1 - math.exp(-dt_s / fade_s))


def _four(values: list[float]) -> Four:
    first, second, third, fourth = values
    return first, second, third, fourth


def _measurement(bbox: BBox) -> Four:
    cx, cy = bbox.center
    return cx, cy, max(bbox.w, _MIN_SIDE_FRAC), max(bbox.h, _MIN_SIDE_FRAC)
