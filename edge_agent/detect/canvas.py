"""The network's input: crops are drawn into it and become normalised float planes."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from edge_agent.detect.manifest import ModelInput
from edge_agent.detect.regions import Inference, Placement
from edge_agent.domain import F32, U8
from edge_agent.geometry import FrameSize

#: Below this scale neighbouring source pixels would be skipped by bilinear interpolation.
_AREA_BELOW = 0.35


class Canvas:
    """Owns the input buffers of one session; used by one thread, reused for every look."""

    def __init__(self, spec: ModelInput) -> None:
        self._spec = spec
        self._pixels: U8 = np.full((spec.height, spec.width, 3), spec.pad, np.uint8)
        self._floats: F32 = np.zeros(3 * spec.height * spec.width, np.float32)
        std = np.array(spec.std, np.float32)
        self._gain = (np.float32(spec.scale) / std).reshape(3, 1, 1)
        self._offset = (np.array(spec.mean, np.float32) / std).reshape(3, 1, 1)

    def draw(self, parts: Iterable[tuple[U8, Inference]], size: FrameSize | None = None) -> F32:
        """float32 (1, 3, height, width) in the model's colours; valid until the next call.

        `parts`: full frames, uint8 BGR (height, width, 3), and what of them goes where. `size`
        leaves out what lies to the right of it and below.
        """
        size = size or self._spec.size
        canvas = self._pixels[: size.height, : size.width]
        canvas[:] = self._spec.pad
        for bgr, look in parts:
            for placement in look.placements:
                self._place(bgr, placement)
        colours = canvas[..., ::-1] if self._spec.colour == "rgb" else canvas
        blob = self._floats[: 3 * size.area_px].reshape(1, 3, size.height, size.width)
        np.multiply(colours.transpose(2, 0, 1), self._gain, out=blob[0])
        blob[0] -= self._offset
        return blob

    def _place(self, bgr: U8, placement: Placement) -> None:
        crop, slot = placement.crop, placement.slot
        part = bgr[crop.y : crop.y + crop.h, crop.x : crop.x + crop.w]
        shrinks = max(slot.w / crop.w, slot.h / crop.h) < _AREA_BELOW
        self._pixels[slot.y : slot.y + slot.h, slot.x : slot.x + slot.w] = cv2.resize(
            part,
            (slot.w, slot.h),
            interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
        )
