"""Colours, areas and labels, as all pictures for people have them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edge_agent.domain import U8
from edge_agent.geometry import FrameSize

Colour = tuple[int, int, int]

#: BGR. Chosen to stay apart for colour-blind eyes too (Okabe and Ito).
ZONE: Colour = (178, 114, 0)
IGNORED: Colour = (170, 100, 60)
MASK: Colour = (167, 121, 204)
COUNTS: Colour = (115, 158, 0)
INK: Colour = (255, 255, 255)
PAPER: Colour = (30, 30, 30)

FONT = cv2.FONT_HERSHEY_SIMPLEX
_AREA_OPACITY = 0.2
_PAPER_OPACITY = 0.72


class Pen:
    """Draws on one picture, uint8 (height, width, 3). `scale` of the font, `line` and `pad` in
    pixels suit its size."""

    def __init__(self, picture: U8, *, scale: float, line: int, pad: int) -> None:
        self.picture = picture
        self.size = FrameSize(picture.shape[1], picture.shape[0])
        self.scale, self.line, self.pad = scale, line, pad
        (_, letters), below = cv2.getTextSize("Ag", FONT, scale, line)
        self._below = below
        self.text_height = int(letters + below + pad)

    def corners(self, polygon: Sequence[Sequence[float]]) -> np.ndarray:
        """In pixels, int32 (corners, 2)."""
        scale = (self.size.width, self.size.height)
        return np.rint(np.array(polygon) * scale).astype(np.int32)

    def area(self, polygon: Sequence[Sequence[float]], colour: Colour, *, line: int) -> None:
        """Filled, so that the picture shows through, with a line around it."""
        corners = self.corners(polygon)
        x, y, w, h = cv2.boundingRect(corners)
        window = (slice(max(0, y), y + h), slice(max(0, x), x + w))
        part = self.picture[window]
        if not part.size:
            return
        filled = cv2.fillPoly(
            part.copy(), [corners], colour, cv2.LINE_AA, offset=(-max(0, x), -max(0, y))
        )
        self.picture[window] = cv2.addWeighted(filled, _AREA_OPACITY, part, 1 - _AREA_OPACITY, 0)
        cv2.polylines(self.picture, [corners], True, colour, line, cv2.LINE_AA)

    def text_width(self, text: str) -> int:
        (width, _), _ = cv2.getTextSize(text, FONT, self.scale, self.line)
        return int(width)

    def text(self, text: str, left_top: tuple[int, int], colour: Colour) -> None:
        """White letters on a coloured ground, moved to lie inside the picture."""
        wide, high = self.text_width(text) + 2 * self.pad, self.text_height
        x = min(max(left_top[0], 0), max(0, self.size.width - wide))
        y = min(max(left_top[1], 0), max(0, self.size.height - high))
        window = (slice(y, y + high), slice(x, x + wide))
        part = self.picture[window]
        ground = np.empty_like(part)
        ground[:] = colour
        self.picture[window] = cv2.addWeighted(ground, _PAPER_OPACITY, part, 1 - _PAPER_OPACITY, 0)
        foot = (x + self.pad, y + high - self._below // 2 - self.pad // 2 - 1)
        cv2.putText(self.picture, text, foot, FONT, self.scale, INK, self.line, cv2.LINE_AA)
