"""What a camera's picture looks like when nothing happens, and where it differs now.

Every pixel has an expected value and a deviation: how much it flickers by itself (noise,
compression, leaves). A pixel is foreground when it differs from the expected value by more
than the picture's noise of this moment and its own deviation explain. One gain for the whole
picture takes out clouds and automatic exposure before anything is compared.

All learning is in seconds, so the frame rate does not matter. Written with in-place OpenCV
operations on a picture of about 320x180: allocating or converting costs more than computing.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.domain import F32, U8
from edge_agent.motion.state import (
    BackgroundState,
    pack_deviation,
    pack_former,
    pack_levels,
    pack_standing,
    unpack_deviation,
    unpack_former,
    unpack_levels,
    unpack_standing,
)

#: How fast the background follows where nothing moves.
TAU_BACKGROUND_S = 25.0
#: What differs is not mixed into the background (a ghost of it would remain): it becomes the
#: background as a whole once it has stood there for so long.
ABSORB_AFTER_S = 75.0
#: A moment of background takes this many of standing back: noise at the threshold is forgiven,
#: a bush that is there half of the time is not.
_FORGIVE = 4.0
#: While the background is younger than this, what differs is mixed in all the same: people
#: who stood in the first pictures fade.
YOUNG_S = 10.0
#: Flicker is believed quickly and forgotten slowly: wind comes in gusts.
TAU_DEVIATION_UP_S = 12.0
TAU_DEVIATION_DOWN_S = 40.0
#: After a restart the picture may still be moving to its new exposure; it is followed closely.
TAU_SETTLE_S = 0.25

#: Smallest difference that counts: below it 8-bit video shows its own coding steps.
FLOOR_LEVELS = 7.0
#: Thresholds in units of the frame's noise (a standard deviation) and of the pixel's mean
#: deviation; 5.6 mean deviations are 4.5 standard deviations of Gaussian noise.
NOISE_FACTOR = 4.5
#: What the median difference to the background may contribute to the noise: beyond it the
#: light has changed, and taking that for noise would make the camera blind.
_DRIFT_MAX = 3.0
#: For the same reason noise from picture to picture is believed up to this much above usual.
_STEPS_RISE, _STEPS_SPARE = 2.5, 1.5
_TAU_STEPS_S = 1.0
DEVIATION_FACTOR = 5.6
#: However much a tree moves, a person in front of it with this contrast is still seen.
CEILING_LEVELS = np.uint8(90)
#: Median of |x| of a Gaussian with standard deviation 1.
_MEDIAN_OF_ABS = 0.6745

#: Gain is the median over about this many points; darker points carry no ratio.
_GAIN_GRID = (12, 20)
_GAIN_MIN_LEVEL = 16.0
_GAIN_MIN_POINTS = 24
_GAIN_RANGE = (0.5, 2.0)
#: All this is slow, so it is learned from pictures this far apart: a fourth of the cost at 5 fps.
_TICK_S = 0.75
#: Light that changed in a part of the picture (a lamp, a cloud's edge, headlights) has soft
#: edges: a brightness given at points this many pixels apart explains it. Things have hard ones.
_LIGHT_CELL_PX = 16
_LIGHT_MIN_FRAC = 0.04  # smaller patches are not worth the arithmetic
_LIGHT_DARK_LEVELS = 6.0  # added to both sides of a ratio, for black is noise only
_LIGHT_HARD_STEP = 0.15  # in the logarithm of brightness, between neighbouring points
_LIGHT_MAX_HARD_STEPS = 4  # a few are black corners and burnt-out walls
_LIGHT_UNEXPLAINED = 0.35  # of the differing pixels; more, and it was a thing
#: A longer gap (camera away) must not let one frame overwrite what was learned.
_MAX_STEP_S = 5.0


def _share(dt_s: float, tau_s: float) -> float:
    """How far an exponential average with `tau_s` moves to its target in `dt_s`."""
    return 1.0 - math.exp(-dt_s / tau_s)


def _grid_indices(shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Flat indices of evenly spread points of a picture."""
    down, across = (max(1, -(-side // n)) for side, n in zip(shape, _GAIN_GRID, strict=True))
    indices = np.arange(math.prod(shape), dtype=np.intp).reshape(shape)
    return indices[down // 2 :: down, across // 2 :: across].ravel()


class BackgroundModel:
    """The background of one camera at one size. Owned by its MotionDetector."""

    def __init__(self, picture: U8, sensitivity: float) -> None:
        shape = picture.shape
        self._sensitivity = sensitivity
        self._expected_f32: F32 = picture.astype(np.float32)
        self._deviation: F32 = np.full(shape, 1.0, np.float32)
        self._previous: U8 = picture.copy()  # from which learning last took a step
        self._latest: U8 = picture.copy()
        self._former_f32: F32 = self._expected_f32.copy()  # before the last absorption
        self._standing_s: F32 = np.zeros(shape, np.float32)  # foreground nearly without a break
        self._has_former = False
        self._resumed = False  # from a state, and no picture seen since
        self._age_s = 0.0
        self._since_tick_s = 0.0
        self._steps = self._usual_steps = 0.0  # noise from picture to picture, in levels
        self._drift = 0.0  # median difference to the background as noise, in levels, bounded
        self._gain = 1.0  # of the picture that was last compared
        self._expected: U8 = np.empty(shape, np.uint8)
        self._difference: U8 = np.empty(shape, np.uint8)
        self._flicker: U8 = np.empty(shape, np.uint8)
        self._own_threshold: U8 = np.empty(shape, np.uint8)  # from the pixel's deviation
        self._threshold: U8 = np.empty(shape, np.uint8)
        self._mask: U8 = np.empty(shape, np.uint8)
        self._other: U8 = np.empty(shape, np.uint8)
        self._delta: F32 = np.empty(shape, np.float32)
        self._set_thresholds()
        self._grid = _grid_indices(shape)
        self._note_levels()

    def state(self, step: int) -> BackgroundState:
        """What the next recording of this camera needs; `step` levels are one (`STEPS`)."""
        former = self._former_f32
        return BackgroundState(
            step=step,
            expected=pack_levels(self._expected_f32, step),
            deviation=pack_deviation(self._deviation),
            standing=pack_standing(self._standing_s),
            former=pack_former(former, self._expected_f32, step) if self._has_former else None,
            age_s=self._age_s,
            since_tick_s=self._since_tick_s,
            steps=self._steps,
            usual_steps=self._usual_steps,
            drift=self._drift,
            gain=self._gain,
        )

    @classmethod
    def restored(
        cls, state: BackgroundState, shape: tuple[int, ...], sensitivity: float
    ) -> BackgroundModel:
        """As it was, but for the rounding of a state. Raises ValueError."""
        expected = unpack_levels(state.expected, state.step, shape)
        model = cls(expected.astype(np.uint8), sensitivity)
        np.copyto(model._deviation, unpack_deviation(state.deviation, shape))
        np.copyto(model._standing_s, unpack_standing(state.standing, shape))
        if state.former is not None:
            np.copyto(model._former_f32, unpack_former(state.former, expected, state.step))
            model._has_former = True
        model._resumed = True
        model._age_s, model._since_tick_s = state.age_s, state.since_tick_s
        model._steps, model._usual_steps = state.steps, state.usual_steps
        model._drift, model._gain = state.drift, state.gain
        model._set_thresholds()
        return model

    @property
    def age_s(self) -> float:
        """How long the background has been learned since its start or last restart."""
        return self._age_s

    def foreground(self, picture: U8) -> U8:
        """uint8 (height, width), 255 where `picture` differs; valid until the next call."""
        gain = self._measured_gain(picture)
        cv2.convertScaleAbs(self._expected_f32, dst=self._expected, alpha=gain)
        cv2.absdiff(picture, self._expected, dst=self._difference)
        floor = max(FLOOR_LEVELS, NOISE_FACTOR * self._noise(picture))
        floor = min(max(1, round(floor / self._sensitivity)), 255)
        np.maximum(self._own_threshold, np.uint8(floor), out=self._threshold)
        cv2.compare(self._difference, self._threshold, cv2.CMP_GT, dst=self._mask)
        self._gain = gain
        return self._mask

    def learn(self, picture: U8, dt_s: float) -> None:
        """Take in `picture`, `dt_s` after the one before.

        `foreground` was called with it, and its mask not changed except to clear pixels;
        what turns out to be a change of light only is cleared here.
        """
        self._note_steps(dt_s)
        self._since_tick_s += min(dt_s, _MAX_STEP_S)
        if self._since_tick_s < (_TICK_S if self._age_s >= YOUNG_S else 1e-6):
            return
        dt_s, self._since_tick_s = self._since_tick_s, 0.0
        self._age_s += dt_s
        if self._has_former:
            self._recognise_former(picture)
        if cv2.countNonZero(self._mask) > _LIGHT_MIN_FRAC * self._mask.size:
            self._follow_light(picture)
        self._drift = min(_median(self._difference) / _MEDIAN_OF_ABS, _DRIFT_MAX)
        self._learn_deviation(picture, dt_s)
        youth = dt_s / self._age_s
        cv2.bitwise_not(self._mask, dst=self._other)
        share = max(_share(dt_s, TAU_BACKGROUND_S), youth)
        cv2.accumulateWeighted(picture, self._expected_f32, share, self._other)
        if self._age_s < YOUNG_S:
            cv2.accumulateWeighted(picture, self._expected_f32, 0.3 * youth, self._mask)
        else:
            self._absorb(picture, dt_s)
        self._note_levels()

    def restart(self, picture: U8) -> None:
        """Everything looks different (lamp, infrared switch): begin again from `picture`."""
        np.copyto(self._expected_f32, picture)
        np.copyto(self._previous, picture)
        self._has_former = False
        self._standing_s.fill(0.0)
        self._note_levels()
        self._age_s = 0.0

    def settle(self, picture: U8, dt_s: float) -> None:
        """Follow `picture` closely while the camera's exposure finds its new value."""
        self._note_steps(dt_s)
        cv2.accumulateWeighted(picture, self._expected_f32, _share(dt_s, TAU_SETTLE_S))
        self._note_levels()
        np.copyto(self._previous, picture)
        self._age_s += dt_s

    def _recognise_former(self, picture: U8) -> None:
        """Where the picture is again what was absorbed over, take that back.

        So a car that leaves after an hour leaves no ghost in its place.
        """
        cv2.convertScaleAbs(self._former_f32, dst=self._other, alpha=self._gain)
        cv2.absdiff(picture, self._other, dst=self._other)
        cv2.compare(self._other, self._threshold, cv2.CMP_LE, dst=self._other)
        cv2.bitwise_and(self._other, self._mask, dst=self._other)
        if cv2.countNonZero(self._other):
            np.copyto(self._delta, self._expected_f32)
            cv2.copyTo(self._former_f32, self._other, self._expected_f32)
            cv2.copyTo(self._delta, self._other, self._former_f32)
            cv2.bitwise_xor(self._mask, self._other, dst=self._mask)

    def _absorb(self, picture: U8, dt_s: float) -> None:
        """Count how long each pixel has been foreground; what stands too long is background."""
        steps = np.full(256, -_FORGIVE * dt_s, np.float32)
        steps[255] = dt_s
        cv2.LUT(self._mask, steps, dst=self._delta)
        cv2.add(self._standing_s, self._delta, dst=self._standing_s)
        np.maximum(self._standing_s, 0.0, out=self._standing_s)
        limit_s = min(ABSORB_AFTER_S, self._age_s / 2)
        if cv2.minMaxLoc(self._standing_s)[1] > limit_s:
            self._replace(self._standing_s > limit_s, picture)

    def _replace(self, where: NDArray[np.bool_], picture: U8) -> None:
        """Make `picture` the background there, and keep the old one in mind."""
        if not self._has_former:
            np.copyto(self._former_f32, self._expected_f32)
            self._has_former = True
        self._former_f32[where] = self._expected_f32[where]
        self._expected_f32[where] = picture[where]
        self._standing_s[where] = 0.0

    def _follow_light(self, picture: U8) -> None:
        """If softly changed light explains most of the mask, apply it to the background."""
        height, width = picture.shape
        cells = (max(2, width // _LIGHT_CELL_PX), max(2, height // _LIGHT_CELL_PX))
        seen = cv2.resize(picture, cells, interpolation=cv2.INTER_AREA) + _LIGHT_DARK_LEVELS
        usual = cv2.resize(self._expected_f32, cells, interpolation=cv2.INTER_AREA)
        light = (seen / (usual + _LIGHT_DARK_LEVELS)).astype(np.float32)
        if _hard_steps(light) > _LIGHT_MAX_HARD_STEPS:
            return
        cv2.resize(light, (width, height), dst=self._delta, interpolation=cv2.INTER_LINEAR)
        cv2.multiply(self._delta, self._expected_f32, dst=self._delta)
        cv2.convertScaleAbs(self._delta, dst=self._other)
        cv2.absdiff(picture, self._other, dst=self._other)
        cv2.compare(self._other, self._threshold, cv2.CMP_GT, dst=self._other)
        cv2.bitwise_and(self._other, self._mask, dst=self._other)
        unexplained_px = cv2.countNonZero(self._other)
        if unexplained_px > _LIGHT_UNEXPLAINED * cv2.countNonZero(self._mask):
            return
        np.minimum(self._delta, 255.0, out=self._expected_f32)
        np.copyto(self._mask, self._other)

    def _learn_deviation(self, picture: U8, dt_s: float) -> None:
        """Only what flickers is deviation: a person who stands differs, but does not flicker."""
        cv2.absdiff(picture, self._previous, dst=self._flicker)
        cv2.min(self._flicker, self._difference, dst=self._flicker)
        cv2.subtract(self._flicker, self._deviation, dst=self._delta, dtype=cv2.CV_32F)
        up, down = _share(dt_s, TAU_DEVIATION_UP_S), _share(dt_s, TAU_DEVIATION_DOWN_S)
        cv2.scaleAdd(self._delta, down, self._deviation, dst=self._deviation)
        np.maximum(self._delta, 0.0, out=self._delta)
        cv2.scaleAdd(self._delta, up - down, self._deviation, dst=self._deviation)
        np.copyto(self._previous, picture)
        self._set_thresholds()

    def _set_thresholds(self) -> None:
        factor = DEVIATION_FACTOR / self._sensitivity
        cv2.convertScaleAbs(self._deviation, dst=self._own_threshold, alpha=factor)
        np.minimum(self._own_threshold, CEILING_LEVELS, out=self._own_threshold)

    def _measured_gain(self, picture: U8) -> float:
        """Brightness of `picture` over the background's; 1 where nothing can be said."""
        if self._lit_levels.size < _GAIN_MIN_POINTS:
            return 1.0
        ratios = picture.take(self._lit) / self._lit_levels
        middle = ratios.size // 2
        ratios.partition(middle)
        return min(max(float(ratios[middle]), _GAIN_RANGE[0]), _GAIN_RANGE[1])

    def _note_levels(self) -> None:
        """Pick the points of the background that are bright enough to measure a gain."""
        levels = self._expected_f32.take(self._grid)
        bright = levels > _GAIN_MIN_LEVEL
        self._lit: NDArray[np.intp] = self._grid[bright]
        self._lit_levels: F32 = levels[bright]

    def _note_steps(self, dt_s: float) -> None:
        self._usual_steps += _share(dt_s, _TAU_STEPS_S) * (self._steps - self._usual_steps)

    def _noise(self, picture: U8) -> float:
        """Standard deviation of this picture's noise, also of one that has just grown.

        Mostly from the step to the picture before, which knows no background: a light that
        changed is not noise. What stays between two pictures (a codec's blocks, slow light)
        is seen in the difference to the background, believed up to a few levels.
        """
        if self._resumed:
            # The pictures before are not carried over: no step to them can be measured.
            np.copyto(self._latest, picture)
            np.copyto(self._previous, picture)
            self._resumed = False
            return max(self._steps, self._drift)
        cv2.absdiff(picture, self._latest, dst=self._flicker)
        np.copyto(self._latest, picture)
        steps = _median(self._flicker) / (_MEDIAN_OF_ABS * math.sqrt(2.0))
        self._steps = min(steps, _STEPS_RISE * self._usual_steps + _STEPS_SPARE)
        return max(self._steps, self._drift)


def _hard_steps(light: F32) -> int:
    """How often brightness jumps from one cell to the next, as it does at a thing's edge."""
    logs = np.log(light)
    across, down = np.abs(np.diff(logs, axis=1)), np.abs(np.diff(logs, axis=0))
    return int((across > _LIGHT_HARD_STEP).sum() + (down > _LIGHT_HARD_STEP).sum())


def _median(levels: U8) -> float:
    """Median of uint8 values, interpolated inside the level: quiet cameras are below 2.

    Every 36th pixel says as much, at less cost.
    """
    counts = np.bincount(levels[::6, ::6].ravel())
    total = counts.cumsum()
    half = total[-1] / 2
    level = int(total.searchsorted(half))
    below = int(total[level - 1]) if level else 0
    return max(0.0, float(level - 0.5 + (half - below) / int(counts[level])))
