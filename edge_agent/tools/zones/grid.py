"""Draws a picture's coordinates and a camera's zones, for those who type them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edge_agent.config import CameraConfig, IgnoreZoneConfig, PrivacyMaskConfig, ZoneConfig
from edge_agent.domain import U8
from edge_agent.tools.pen import COUNTS, IGNORED, MASK, PAPER, ZONE, Colour, Pen

_Area = ZoneConfig | IgnoreZoneConfig | PrivacyMaskConfig

_GRID: Colour = (255, 255, 255)
_GRID_OPACITY = 0.35
_LEAST_WIDTH_PX = 960


def with_grid(bgr: U8, camera: CameraConfig) -> U8:
    """A copy, enlarged where letters would be too coarse: a line each tenth, zones, ignore zones
    and masks with their names, and how tall people may be."""
    height, width = bgr.shape[:2]
    picture = np.array(bgr)
    if width < _LEAST_WIDTH_PX:
        size = (_LEAST_WIDTH_PX, round(height * _LEAST_WIDTH_PX / width))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    pen = _GridPen(picture)
    areas: list[tuple[_Area, str, Colour]]
    areas = [(each, f"privacy mask {each.name}", MASK) for each in camera.privacy_masks]
    areas += [(each, f"ignore zone {each.name}", IGNORED) for each in camera.ignore_zones]
    areas += [(each, f"zone {each.name}", ZONE) for each in camera.zones]
    for area, _, colour in areas:
        pen.area(area.polygon, colour, line=2 * pen.line)
    pen.grid()
    for area, name, colour in areas:
        pen.name(area.polygon, name, colour)
    pen.heights(camera.person.min_height_frac, camera.person.max_height_frac)
    return pen.picture


class _GridPen(Pen):
    def __init__(self, picture: U8) -> None:
        width = picture.shape[1]
        line, pad = max(1, round(width / 960)), max(3, width // 240)
        super().__init__(picture, scale=width / 2000, line=line, pad=pad)

    def grid(self) -> None:
        width, height = self.size.width, self.size.height
        places = [(round(width * n / 10), round(height * n / 10), f"0.{n}") for n in range(1, 10)]
        lines = self.picture.copy()
        for x, y, _ in places:
            cv2.line(lines, (x, 0), (x, height), _GRID, self.line, cv2.LINE_AA)
            cv2.line(lines, (0, y), (width, y), _GRID, self.line, cv2.LINE_AA)
        self.picture = np.asarray(
            cv2.addWeighted(lines, _GRID_OPACITY, self.picture, 1 - _GRID_OPACITY, 0), np.uint8
        )
        for x, y, number in places:
            self.text(number, (x, 0), PAPER)
            self.text(number, (0, y), PAPER)

    def name(self, polygon: Sequence[Sequence[float]], name: str, colour: Colour) -> None:
        """In the middle of its corners."""
        x, y = np.mean(self.corners(polygon), axis=0)
        self.text(name, (round(x - self.text_width(name) / 2), round(y - self.pad)), colour)

    def heights(self, least: float, most: float) -> None:
        """Two bars at the right edge, as tall as the smallest and the tallest who count."""
        width, height, pad = self.size.width, self.size.height, self.pad
        bars = [("least", least)] if least > 0 else []
        bars += [("most", most)] if most < 1 else []
        for number, (word, frac) in enumerate(bars):
            x, top = round(width * (0.97 - 0.06 * number)), round(height * (1 - frac))
            cv2.rectangle(self.picture, (x - 2 * pad, top), (x, height - 1), COUNTS, 2 * self.line)
            self.text(f"{word} {frac:.2f}", (x - 12 * pad, top - 6 * pad), COUNTS)
