"""The motion stage: luma in, regions for the detector out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import msgspec
import numpy as np

from edge_agent.config.schema import MotionConfig
from edge_agent.domain import U8, Lighting, Motion, Region
from edge_agent.geometry import BBox, FrameSize, Polygon
from edge_agent.motion.background import BackgroundModel
from edge_agent.motion.blobs import Box, find_blobs
from edge_agent.motion.overlay import OverlayWatch
from edge_agent.motion.state import STEPS, SceneState

#: A person of 5 % of the height is nine pixels tall in it; finer costs in proportion.
_WORKING_AREA_PX = 320 * 180
#: A little more than that is taken before the next larger factor is.
_ROUND_DOWN = 0.2
#: So long, and at least so many pictures, are needed to know a background.
_WARM_UP_S = 3.0
_WARM_UP_PICTURES = 3
#: More than this share changed at once: the light did, not something in it.
_RELEARN_FRAC = 0.5
#: After a change of light the exposure needs this long to come to rest.
_SETTLE_S = 0.8
#: After a pause this long the background is of another time: shadows, parked cars.
_STALE_AFTER_S = 10.0
#: What a region shows beyond the moving thing: on each side, as a share of its sides.
_MARGIN_FRAC = 0.1


class MotionDetector:
    """Finds moving things in one camera's pictures. Implements `pipeline.MotionStage`.

    Works at about 320x180 in any picture, with a learned background (`background`) and
    grouping of what differs from it (`blobs`). A new picture size starts the learning again.
    """

    def __init__(self, config: MotionConfig, ignore: Sequence[Polygon] = ()) -> None:
        self._config = config
        self._ignore = tuple(ignore)
        self._scene: _Scene | None = None

    def update(self, luma: U8, at_s: float) -> Motion:
        """Compare `luma` (uint8 (height, width), only read) with what is usual, and learn it.

        `at_s` is the moment of capture; pictures come in order, at any rate.
        """
        size = FrameSize(luma.shape[1], luma.shape[0])
        known = self._scene is not None and self._scene.size == size
        if self._scene is None or not known or at_s - self._scene.at_s > _STALE_AFTER_S:
            self._scene = _Scene.begun(luma, at_s, self._config, self._ignore)
            return Motion((), 0.0, Lighting.WARMING_UP)
        return self._scene.update(luma, at_s)

    def state(self, limit_bytes: int) -> bytes:
        """What the next recording of this camera needs.

        Background levels are rounded as coarsely as `limit_bytes` demands; where even that is
        too much, nothing is carried over and motion has to warm up again.
        """
        scene = self._scene
        for step in STEPS if scene is not None else ():
            if scene is None or step < scene.step:
                continue
            data = msgspec.msgpack.encode(scene.state(step))
            if len(data) <= limit_bytes:
                return data
        return b""

    def restore(self, data: bytes, offset_s: float) -> None:
        """Go on from `state` of a recording that began `offset_s` before this one.

        Raises ValueError or msgspec.MsgspecError for what is no such state.
        """
        if not data:
            self._scene = None
            return
        state = msgspec.msgpack.decode(data, type=SceneState)
        self._scene = _Scene.restored(state, offset_s, self._config, self._ignore)

    def reset(self) -> None:
        """Learn anew from the next picture."""
        self._scene = None


class _Scene:
    """Everything that is known of one camera at one picture size."""

    def __init__(self, size: FrameSize, config: MotionConfig, ignore: Sequence[Polygon]) -> None:
        self.size = size
        self._factor = _shrink_factor(self.size)
        working = _working_size(self.size, self._factor)
        self._small: U8 = np.empty((working.height, working.width), np.uint8)
        self._sampled: U8 = np.empty((2 * working.height, 2 * working.width), np.uint8)
        self._picture: U8 = np.empty_like(self._small)
        self._watched = _watched_mask(self.size, self._factor, working, ignore)
        self._watched_px = cv2.countNonZero(self._watched)
        self._overlays = OverlayWatch()
        self.overlays: tuple[BBox, ...] = ()  # burnt-in clocks that were found
        self._min_area_px = config.min_area_frac * working.area_px
        self._background: BackgroundModel
        self.at_s: float  # of the newest picture
        self._pictures = 1
        self._changed_s = -math.inf  # when the light last changed
        self.step = STEPS[0]  # of the state it came from, until a picture changes it

    @classmethod
    def begun(
        cls, luma: U8, at_s: float, config: MotionConfig, ignore: Sequence[Polygon]
    ) -> _Scene:
        """From its first picture."""
        scene = cls(FrameSize(luma.shape[1], luma.shape[0]), config, ignore)
        scene._shrink(luma)
        scene._background = BackgroundModel(scene._picture, config.sensitivity)
        scene.at_s = at_s
        return scene

    @classmethod
    def restored(
        cls, state: SceneState, offset_s: float, config: MotionConfig, ignore: Sequence[Polygon]
    ) -> _Scene:
        """Raises ValueError."""
        if state.background.step not in STEPS:
            raise ValueError(f"the carried background has steps of {state.background.step}")
        scene = cls(FrameSize(state.width, state.height), config, ignore)
        scene._background = BackgroundModel.restored(
            state.background, scene._small.shape, config.sensitivity
        )
        scene.at_s = state.at_s - offset_s
        scene._pictures, scene._changed_s = state.pictures, state.changed_s - offset_s
        scene.step = state.background.step
        return scene

    def state(self, step: int) -> SceneState:
        background = self._background.state(step)
        width, height = self.size.width, self.size.height
        return SceneState(width, height, self.at_s, self._pictures, self._changed_s, background)

    def update(self, luma: U8, at_s: float) -> Motion:
        dt_s, self.at_s = max(0.0, at_s - self.at_s), at_s
        self._shrink(luma)
        self._pictures += 1
        self.step = STEPS[0]
        mask = self._background.foreground(self._picture)
        cv2.bitwise_and(mask, self._watched, dst=mask)
        changed_px = cv2.countNonZero(mask)
        changed_frac = changed_px / self._watched_px if self._watched_px else 0.0
        if changed_frac > _RELEARN_FRAC:
            self._background.restart(self._picture)
            self._changed_s = at_s
            return Motion((), changed_frac, Lighting.CHANGED)
        if at_s - self._changed_s < _SETTLE_S:
            self._background.settle(self._picture, dt_s)
            return Motion((), changed_frac, Lighting.CHANGED)
        self._background.learn(self._picture, dt_s)
        if self._warming_up():
            return Motion((), changed_frac, Lighting.WARMING_UP)
        blobs = find_blobs(mask, self._min_area_px) if changed_px >= self._min_area_px else []
        line = self._overlays.update(self._picture, blobs, at_s)
        if line is not None:
            self._leave_out(line)
            blobs = [blob for blob in blobs if not _inside(blob, line)]
        regions, suspects = self._regions(blobs), self._overlays.suspects
        return Motion(regions, changed_frac, Lighting.STEADY, self.overlays, suspects)

    def _leave_out(self, line: Box) -> None:
        """A clock is motion no more, and is told of."""
        cv2.rectangle(self._watched, line[:2], (line[2] - 1, line[3] - 1), 0, cv2.FILLED)
        self._watched_px = cv2.countNonZero(self._watched)
        across, down = self._factor / self.size.width, self._factor / self.size.height
        sides = (line[2] - line[0]) * across, (line[3] - line[1]) * down
        self.overlays = (*self.overlays, BBox(line[0] * across, line[1] * down, *sides))

    def _warming_up(self) -> bool:
        known_before = self._changed_s > -math.inf  # deviations survive a change of light
        young = self._background.age_s < _WARM_UP_S and not known_before
        return young or self._pictures <= _WARM_UP_PICTURES

    def _shrink(self, luma: U8) -> None:
        """Fill `_picture` with a small, slightly blurred copy of `luma`."""
        factor, (height, width) = self._factor, self._small.shape
        # A few samples for each working pixel, not all: averaging a whole 4K picture costs 40
        # times as much, and the blur averages noise anyway.
        if factor == 1:
            np.copyto(self._small, luma[:height, :width])
        elif factor % 2:
            middle = factor // 2
            samples = luma[middle::factor, middle::factor]
            np.copyto(self._small, samples[:height, :width])
        else:
            samples = luma[:: factor // 2, :: factor // 2][: 2 * height, : 2 * width]
            if factor > 2:  # OpenCV wants neighbours side by side
                np.copyto(self._sampled, samples)
                samples = self._sampled
            cv2.resize(samples, (width, height), dst=self._small, interpolation=cv2.INTER_AREA)
        cv2.blur(self._small, (3, 3), dst=self._picture)

    def _regions(self, blobs: Sequence[Box]) -> tuple[Region, ...]:
        height, width = self._small.shape
        across, down = self._factor / self.size.width, self._factor / self.size.height
        regions = []
        for x1, y1, x2, y2 in blobs:
            wide, high = _MARGIN_FRAC * (x2 - x1), _MARGIN_FRAC * (y2 - y1)
            left, right = max(0.0, x1 - wide), min(width, x2 + wide)
            top, bottom = max(0.0, y1 - high), min(height, y2 + high)
            bbox = BBox(left * across, top * down, (right - left) * across, (bottom - top) * down)
            regions.append(Region(bbox))
        return tuple(regions)


def _inside(blob: Box, line: Box) -> bool:
    """Is its middle in the line?"""
    middle = (blob[0] + blob[2]) / 2, (blob[1] + blob[3]) / 2
    return line[0] <= middle[0] <= line[2] and line[1] <= middle[1] <= line[3]


def _shrink_factor(size: FrameSize) -> int:
    """A whole factor, so that every working pixel is made alike and without interpolation."""
    return max(1, math.ceil(math.sqrt(size.area_px / _WORKING_AREA_PX) - _ROUND_DOWN))


def _working_size(size: FrameSize, factor: int) -> FrameSize:
    """Even sides, because the blobs are found at half size; up to a row and column are lost."""
    width, height = max(1, size.width // factor), max(1, size.height // factor)
    return FrameSize(width - width % 2 or width, height - height % 2 or height)


def _watched_mask(
    size: FrameSize, factor: int, working: FrameSize, ignore: Sequence[Polygon]
) -> U8:
    """uint8 (height, width): 0 in the ignore zones, 255 elsewhere."""
    mask: U8 = np.full((working.height, working.width), 255, np.uint8)
    for polygon in ignore:
        corners = np.array(polygon.points) * (size.width / factor, size.height / factor) - 0.5
        cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 0)
    return mask
