"""Draws what the agent saw and thought onto a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edge_agent.config import IgnoreZoneConfig, ZoneConfig
from edge_agent.domain import U8, Event, Label, Phase, Region, Track
from edge_agent.geometry import BBox, FrameSize

_Colour = tuple[int, int, int]

#: BGR. Chosen to stay apart for colour-blind eyes too (Okabe and Ito).
_REGION: _Colour = (170, 170, 170)
_CANDIDATE: _Colour = (66, 159, 230)
_REPORTED: _Colour = (115, 158, 0)
_ZONE: _Colour = (233, 180, 86)
_IGNORED: _Colour = (120, 120, 120)
_UNTOLD: _Colour = (0, 94, 213)
_MOTION: _Colour = (96, 96, 96)
_INK: _Colour = (255, 255, 255)
_PAPER: _Colour = (30, 30, 30)

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_ZONE_OPACITY = 0.18
_PAPER_OPACITY = 0.72


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is drawn over one frame.

    `reported`: ids of the tracks that fulfil the camera's rules. `events`: the newest message
    of each event that is shown, open or just ended. `at_s`: the recording's own time. `moving`:
    motion regions. `untold`: who was seen and not told, each with score and reason.
    """

    at_s: float = 0.0
    regions: Sequence[Region] = ()
    tracks: Sequence[Track] = ()
    reported: frozenset[int] = frozenset()
    events: Sequence[Event] = ()
    zones: Sequence[ZoneConfig] = ()
    ignored: Sequence[IgnoreZoneConfig] = ()
    moving: Sequence[Region] = ()
    untold: Sequence[tuple[BBox, str]] = ()


def annotated(bgr: U8, overlay: Overlay) -> U8:
    """A copy of the picture, uint8 (height, width, 3), with the overlay drawn on it."""
    pen = _Pen(bgr.copy())
    for zone in overlay.zones:
        pen.zone(zone, _ZONE)
    for ignored in overlay.ignored:
        pen.zone(ignored, _IGNORED)
    for region in overlay.moving:
        pen.box(region.bbox, _MOTION, thickness=1)
    for region in overlay.regions:
        pen.box(region.bbox, _REGION, thickness=1)
    for track in overlay.tracks:
        colour = _REPORTED if track.track_id in overlay.reported else _CANDIDATE
        pen.box(track.bbox, colour, thickness=2)
    for track in overlay.tracks:  # after all boxes, so that no box crosses a label
        colour = _REPORTED if track.track_id in overlay.reported else _CANDIDATE
        pen.label(f"#{track.track_id} {track.score:.2f}", track.bbox, colour)
    for bbox, _ in overlay.untold:
        pen.box(bbox, _UNTOLD, thickness=2)
    for bbox, text in overlay.untold:
        pen.label(text, bbox, _UNTOLD)
    pen.caption([(_clock(overlay.at_s), _PAPER), *map(_event_line, overlay.events)])
    return pen.picture


def _event_line(event: Event) -> tuple[str, _Colour]:
    colour = _REPORTED if event.label is Label.PERSON else _MOTION
    words = [event.label.value]
    if event.label is Label.PERSON:
        words.append(f"{event.top_score:.2f}")
    words.append(f"since {_clock(event.start_s)}")
    if event.zones_current:
        words.append("in " + ", ".join(event.zones_current))
    if event.phase is Phase.END:
        words = [event.label.value, "ended", str(event.end_reason or "")]
    return " ".join(words), colour


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0.0, seconds), 60)
    return f"{int(minutes)}:{rest:04.1f}"


class _Pen:
    """Draws on one picture, in lines and letters that suit its size."""

    def __init__(self, picture: U8) -> None:
        self.picture = picture
        self._size = FrameSize(picture.shape[1], picture.shape[0])
        # Letters of 13 px in a picture 360 px high, at least 9 px to stay legible.
        letters_px = max(9.0, 13 * self._size.height / 360)
        self._unit = max(1, round(self._size.height / 540))
        self._scale = letters_px / 26  # the font's capitals are 22 px high at scale 1
        self._pad = max(2, round(letters_px * 0.35))

    def zone(self, zone: ZoneConfig | IgnoreZoneConfig, colour: _Colour) -> None:
        scale = (self._size.width, self._size.height)
        corners = np.round(np.array(zone.polygon) * scale).astype(np.int32)
        x, y, w, h = cv2.boundingRect(corners)
        window = (slice(max(0, y), y + h), slice(max(0, x), x + w))
        part = self.picture[window]
        if not part.size:
            return
        filled = cv2.fillPoly(
            part.copy(), [corners], colour, cv2.LINE_AA, offset=(-max(0, x), -max(0, y))
        )
        self.picture[window] = cv2.addWeighted(filled, _ZONE_OPACITY, part, 1 - _ZONE_OPACITY, 0)
        cv2.polylines(self.picture, [corners], True, colour, self._unit, cv2.LINE_AA)
        left, low = corners[corners[:, 1].argmax()]
        self._text(zone.name, (int(left) + self._pad, int(low) - self._pad), colour)

    def box(self, bbox: BBox, colour: _Colour, *, thickness: int) -> None:
        x1, y1, x2, y2 = bbox.to_pixels(self._size)
        corners = (x1, y1), (x2 - 1, y2 - 1)
        cv2.rectangle(self.picture, *corners, colour, thickness * self._unit, cv2.LINE_AA)

    def label(self, text: str, bbox: BBox, colour: _Colour) -> None:
        """Above the box, or inside it where there is no room above."""
        x1, y1, _, _ = bbox.to_pixels(self._size)
        height = self._line_height()
        self._text(text, (x1, y1 if y1 >= height else y1 + height), colour)

    def caption(self, lines: Sequence[tuple[str, _Colour]]) -> None:
        """In the lower left corner, from top to bottom."""
        height = self._line_height()
        low = self._size.height - self._pad - (len(lines) - 1) * (height + 1)
        for number, (text, colour) in enumerate(lines):
            self._text(text, (self._pad, low + number * (height + 1)), colour)

    def _line_height(self) -> int:
        (_, letters), below = cv2.getTextSize("Ag", _FONT, self._scale, self._unit)
        return int(letters + below + self._pad)

    def _text(self, text: str, low_left: tuple[int, int], colour: _Colour) -> None:
        """White letters on a coloured ground, moved to lie inside the picture."""
        (width, _), below = cv2.getTextSize(text, _FONT, self._scale, self._unit)
        wide, high = width + 2 * self._pad, self._line_height()
        x = min(max(low_left[0], 0), max(0, self._size.width - wide))
        y = min(max(low_left[1], high), self._size.height)
        window = (slice(y - high, y), slice(x, x + wide))
        part = self.picture[window]
        ground = np.empty_like(part)
        ground[:] = colour
        self.picture[window] = cv2.addWeighted(ground, _PAPER_OPACITY, part, 1 - _PAPER_OPACITY, 0)
        foot = (x + self._pad, y - below // 2 - self._pad // 2 - 1)
        cv2.putText(self.picture, text, foot, _FONT, self._scale, _INK, self._unit, cv2.LINE_AA)
