"""A peer to measure against: motion detection in the manner of Frigate.

Written anew from a description of the algorithm, not from its source: the Y plane at 100 px
height, contrast stretched between the 4th and 96th percentile, blurred, compared with a
running average (alpha .01 a frame, .2 while calibrating), threshold 30, dilated; contours of
more than 10 px are motion. More than 80 % changed is lightning: calibrate again. The
detector is then shown squares of 1.35 times the motion's longer side.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge_agent.domain import F32, U8
from edge_agent.geometry import BBox, FrameSize

HEIGHT_PX = 100
PERCENTILES = (4, 96)
ALPHA = 0.01
ALPHA_CALIBRATING = 0.2
THRESHOLD = 30
MIN_CONTOUR_PX = 10
LIGHTNING_FRAC = 0.8
#: Calibration ends when less than this has changed, in at most so many places.
CALM_FRAC, CALM_CONTOURS = 0.05, 4
REGION_FACTOR = 1.35


class FrigateLikeMotion:
    """One camera's motion. `update` gives the motion boxes; `squares` makes regions of them."""

    def __init__(self) -> None:
        self._average: F32 | None = None
        self.calibrating = True

    def update(self, luma: U8) -> list[BBox]:
        """Boxes around what moves, in fractions of the frame; none while calibrating."""
        width = round(HEIGHT_PX * luma.shape[1] / luma.shape[0])
        size = FrameSize(width, HEIGHT_PX)
        small = cv2.resize(luma, (width, HEIGHT_PX), interpolation=cv2.INTER_LINEAR)
        low, high = np.percentile(small, PERCENTILES[0]), np.percentile(small, PERCENTILES[1])
        if high > low:
            stretched = (np.clip(small, low, high) - low) * (255.0 / (high - low))
            small = stretched.astype(np.uint8)
        small = cv2.GaussianBlur(small, (3, 3), 0)
        if self._average is None:
            self._average = small.astype(np.float32)
        difference = cv2.absdiff(small, cv2.convertScaleAbs(self._average))
        _, mask = cv2.threshold(difference, THRESHOLD, 255, cv2.THRESH_BINARY)
        mask = cv2.dilate(mask, None)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        areas = [cv2.contourArea(contour) for contour in contours]
        changed_frac = sum(areas) / size.area_px
        boxes = [
            BBox.from_pixels(*cv2.boundingRect(contour), size)
            for contour, area in zip(contours, areas, strict=True)
            if area > MIN_CONTOUR_PX
        ]
        if changed_frac > LIGHTNING_FRAC:
            self.calibrating = True
        elif self.calibrating and changed_frac < CALM_FRAC and len(boxes) <= CALM_CONTOURS:
            self.calibrating = False
        alpha = ALPHA_CALIBRATING if self.calibrating else ALPHA
        cv2.accumulateWeighted(small, self._average, alpha)
        return [] if self.calibrating else boxes


def squares(boxes: list[BBox], size: FrameSize) -> list[BBox]:
    """Overlapping motion boxes joined, each in a square (in pixels) of 1.35 times its side."""
    joined = list(boxes)
    again = True
    while again:
        again = False
        for i, first in enumerate(joined):
            other = next((o for o in joined[i + 1 :] if first.intersection_frac(o) > 0), None)
            if other is not None:
                joined.remove(first)
                joined.remove(other)
                joined.append(first.union(other))
                again = True
                break
    regions = []
    for box in joined:
        side_px = REGION_FACTOR * max(box.w * size.width, box.h * size.height)
        (x, y), (w, h) = box.center, (side_px / size.width, side_px / size.height)
        regions.append(BBox(x - w / 2, y - h / 2, w, h).clipped())
    return regions
