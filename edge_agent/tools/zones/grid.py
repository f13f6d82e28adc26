"""Draws a picture's coordinates and a camera's zones, for those who type them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edge_agent.config import CameraConfig, IgnoreZoneConfig, PrivacyMaskConfig, ZoneConfig
from edge_agent.domain import U8
from edge_agent.geometry import FrameSize

_Colour = tuple[int, int, int]
_Area = ZoneConfig | IgnoreZoneConfig | PrivacyMaskConfig

#: BGR, apart for colour-blind eyes too (Okabe and Ito).
_GRID: _Colour = (255, 255, 255)
_ZONE: _Colour = (178, 114, 0)
_IGNORED: _Colour = (0, 159, 230)
_MASK: _Colour = (167, 121, 204)
_HEIGHT: _Colour = (115, 158, 0)
_INK: _Colour = (255, 255, 255)
_PAPER: _Colour = (30, 30, 30)

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_GRID_OPACITY = 0.35
_FILL_OPACITY = 0.22
_LEAST_WIDTH_PX = 960


def with_grid(bgr: U8, camera: CameraConfig) -> U8:
    """A copy, enlarged where letters would be too coarse: a line each tenth, zones, ignore zones
    and masks with their names, and how tall people may be."""
    height, width = bgr.shape[:2]
    picture = np.array(bgr)
    if width < _LEAST_WIDTH_PX:
        size = (_LEAST_WIDTH_PX, round(height * _LEAST_WIDTH_PX / width))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    pen = _Pen(picture)
    areas: list[tuple[_Area, str, _Colour]]
    areas = [(each, f"privacy mask {each.name}", _MASK) for each in camera.privacy_masks]
    areas += [(each, f"ignore zone {each.name}", _IGNORED) for each in camera.ignore_zones]
    areas += [(each, f"zone {each.name}", _ZONE) for each in camera.zones]
    for area, _, colour in areas:
        pen.area(area.polygon, colour)
    pen.grid()
    for area, name, colour in areas:
        pen.name(area.polygon, name, colour)
    pen.heights(camera.person.min_height_frac, camera.person.max_height_frac)
    return pen.picture


class _Pen:
    def __init__(self, picture: U8) -> None:
        self.picture = picture
        self._size = FrameSize(picture.shape[1], picture.shape[0])
        self._scale = self._size.width / 2000
        self._line = max(1, round(self._size.width / 960))
        self._pad = max(3, self._size.width // 240)

    def grid(self) -> None:
        width, height = self._size.width, self._size.height
        lines = self.picture.copy()
        for tenth in range(1, 10):
            x, y = round(width * tenth / 10), round(height * tenth / 10)
            cv2.line(lines, (x, 0), (x, height), _GRID, self._line, cv2.LINE_AA)
            cv2.line(lines, (0, y), (width, y), _GRID, self._line, cv2.LINE_AA)
        self.picture = np.asarray(
            cv2.addWeighted(lines, _GRID_OPACITY, self.picture, 1 - _GRID_OPACITY, 0), np.uint8
        )
        for tenth in range(1, 10):
            x, y = round(width * tenth / 10), round(height * tenth / 10)
            self._text(f"0.{tenth}", (x, 0), _PAPER)
            self._text(f"0.{tenth}", (0, y), _PAPER)

    def area(self, polygon: Sequence[Sequence[float]], colour: _Colour) -> None:
        scale = (self._size.width, self._size.height)
        corners = np.rint(np.array(polygon) * scale).astype(np.int32)
        filled = cv2.fillPoly(self.picture.copy(), [corners], colour, cv2.LINE_AA)
        mixed = cv2.addWeighted(filled, _FILL_OPACITY, self.picture, 1 - _FILL_OPACITY, 0)
        self.picture = np.asarray(mixed, np.uint8)
        cv2.polylines(self.picture, [corners], True, colour, 2 * self._line, cv2.LINE_AA)

    def name(self, polygon: Sequence[Sequence[float]], name: str, colour: _Colour) -> None:
        """In the middle of its corners."""
        x, y = np.mean(np.array(polygon), axis=0) * (self._size.width, self._size.height)
        (wide, high), _ = cv2.getTextSize(name, _FONT, self._scale, self._line)
        self._text(name, (round(x - wide / 2), round(y - high)), colour)

    def heights(self, least: float, most: float) -> None:
        """Two bars at the right edge, as tall as the smallest and the tallest who count."""
        width, height = self._size.width, self._size.height
        bars = [("least", least)] if least > 0 else []
        bars += [("most", most)] if most < 1 else []
        for number, (word, frac) in enumerate(bars):
            x = round(width * (0.97 - 0.06 * number))
            top = round(height * (1 - frac))
            cv2.rectangle(
                self.picture, (x - 2 * self._pad, top), (x, height - 1), _HEIGHT, 2 * self._line
            )
            self._text(f"{word} {frac:.2f}", (x - 12 * self._pad, top - 6 * self._pad), _HEIGHT)

    def _text(self, text: str, top_left: tuple[int, int], colour: _Colour) -> None:
        """White letters on a coloured ground, moved to lie inside the picture."""
        (wide, high), below = cv2.getTextSize(text, _FONT, self._scale, self._line)
        wide, high = wide + 2 * self._pad, high + below + self._pad
        x = min(max(top_left[0], 0), max(0, self._size.width - wide))
        y = min(max(top_left[1], 0), max(0, self._size.height - high))
        cv2.rectangle(self.picture, (x, y), (x + wide, y + high), colour, cv2.FILLED)
        foot = (x + self._pad, y + high - below - self._pad // 2)
        cv2.putText(self.picture, text, foot, _FONT, self._scale, _INK, self._line, cv2.LINE_AA)
