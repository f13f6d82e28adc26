"""Draws what the agent saw and thought onto a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2

from edge_agent.config import IgnoreZoneConfig, ZoneConfig
from edge_agent.domain import U8, Event, Label, Phase, Region, Track
from edge_agent.geometry import BBox
from edge_agent.tools.pen import COUNTS, IGNORED, PAPER, ZONE, Colour, Pen

#: BGR, beside those of `pen`.
_REGION: Colour = (170, 170, 170)
_CANDIDATE: Colour = (66, 159, 230)
_UNTOLD: Colour = (0, 94, 213)
_MOTION: Colour = (96, 96, 96)


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
    pen = _OverlayPen(bgr.copy())
    for zone in overlay.zones:
        pen.zone(zone, ZONE)
    for ignored in overlay.ignored:
        pen.zone(ignored, IGNORED)
    for region in overlay.moving:
        pen.box(region.bbox, _MOTION, thickness=1)
    for region in overlay.regions:
        pen.box(region.bbox, _REGION, thickness=1)
    for track in overlay.tracks:
        colour = COUNTS if track.track_id in overlay.reported else _CANDIDATE
        pen.box(track.bbox, colour, thickness=2)
    for track in overlay.tracks:  # after all boxes, so that no box crosses a label
        colour = COUNTS if track.track_id in overlay.reported else _CANDIDATE
        pen.label(f"#{track.track_id} {track.score:.2f}", track.bbox, colour)
    for bbox, _ in overlay.untold:
        pen.box(bbox, _UNTOLD, thickness=2)
    for bbox, text in overlay.untold:
        pen.label(text, bbox, _UNTOLD)
    pen.caption([(_clock(overlay.at_s), PAPER), *map(_event_line, overlay.events)])
    return pen.picture


def _event_line(event: Event) -> tuple[str, Colour]:
    colour = COUNTS if event.label is Label.PERSON else _MOTION
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


class _OverlayPen(Pen):
    """Lines and letters that suit the picture's height."""

    def __init__(self, picture: U8) -> None:
        height = picture.shape[0]
        # Letters of 13 px in a picture 360 px high, at least 9 px to stay legible; the font's
        # capitals are 22 px high at scale 1.
        letters_px = max(9.0, 13 * height / 360)
        line, pad = max(1, round(height / 540)), max(2, round(letters_px * 0.35))
        super().__init__(picture, scale=letters_px / 26, line=line, pad=pad)

    def zone(self, zone: ZoneConfig | IgnoreZoneConfig, colour: Colour) -> None:
        self.area(zone.polygon, colour, line=self.line)
        corners = self.corners(zone.polygon)
        left, low = corners[corners[:, 1].argmax()]
        self._text_above(zone.name, (int(left) + self.pad, int(low) - self.pad), colour)

    def box(self, bbox: BBox, colour: Colour, *, thickness: int) -> None:
        x1, y1, x2, y2 = bbox.to_pixels(self.size)
        corners = (x1, y1), (x2 - 1, y2 - 1)
        cv2.rectangle(self.picture, *corners, colour, thickness * self.line, cv2.LINE_AA)

    def label(self, text: str, bbox: BBox, colour: Colour) -> None:
        """Above the box, or inside it where there is no room above."""
        x1, y1, _, _ = bbox.to_pixels(self.size)
        self.text(text, (x1, y1 - self.text_height if y1 >= self.text_height else y1), colour)

    def caption(self, lines: Sequence[tuple[str, Colour]]) -> None:
        """In the lower left corner, from top to bottom."""
        low = self.size.height - self.pad - (len(lines) - 1) * (self.text_height + 1)
        for number, (text, colour) in enumerate(lines):
            self._text_above(text, (self.pad, low + number * (self.text_height + 1)), colour)

    def _text_above(self, text: str, left_low: tuple[int, int], colour: Colour) -> None:
        self.text(text, (left_low[0], left_low[1] - self.text_height), colour)
