"""People too small for the substream are looked for on the main stream, within a budget.

Measured with two models on a 360p substream: who is 26 pixels tall there is as good as certain
to be recognised, who is smaller in half of the looks only; in the 1080p main stream of the same
moments in nine of ten (benchmarks/decode.md). So the main stream's picture takes the place of
the frame's for the detector while something that small moves or is tracked.

Leaves are small, too. Time in which nobody is found is spent from a budget, so that wind costs a
tenth of decoding the main stream; people who are found there cost nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.domain import Frame, Pixels, Region, Track
from edge_agent.geometry import BBox, Polygon
from edge_agent.sources import CloserView, DecodedPixels
from edge_agent.sources.gate import PeopleWatch

#: Up to this height in the frame's pixels, of a person's bbox; a moving region is a little larger
#: than what moves in it.
SMALL_PX = 20
_SMALL_REGION_PX = 24
#: Something small must go on moving for so long first: a leaf or a bird does not.
_GOES_ON_S = 0.35
_PAUSE_S = 1.0
#: Somebody small was found within this time: looking there is no waste.
_FRUITFUL_S = 3.0
#: Seconds of looking in vain at once, and how fast they come back.
BUDGET_S = 20.0
REFILL = 0.1
#: Less detail than this is not worth another decoder.
_MIN_GAIN = 1.3


class CloserLook:
    """One camera's. Implements `pipeline.CloserStage`; belongs to the analysis thread."""

    def __init__(self, view: CloserView, masks: Sequence[Polygon] = ()) -> None:
        self._view = view
        self._masks = tuple(masks)
        self._budget_s = BUDGET_S
        self._at_s = float("-inf")
        self._moved_s = self._moving_since_s = float("-inf")
        self._found_s = float("-inf")
        self._large: Sequence[Track] = ()
        self._people = PeopleWatch()  # the small ones
        self._looked = False  # in this frame, at the main stream's picture

    def pixels(self, frame: Frame, moving: Sequence[Region]) -> Pixels | None:
        """The main stream's picture of this moment, when it is needed, allowed and there."""
        at_s, height_px = frame.captured_s, frame.pixels.size.height
        since_s, self._at_s = at_s - self._at_s, at_s
        self._budget_s = min(BUDGET_S, self._budget_s + REFILL * min(since_s, BUDGET_S / REFILL))
        self._looked = False
        small_motion = self._small_motion(moving, height_px, at_s)
        # Who stands is seen on the substream well enough not to be lost.
        people = self._people
        if not (small_motion or people.restless or people.missed):
            return None
        if at_s - self._found_s > _FRUITFUL_S:
            spent_s = min(since_s, _PAUSE_S)
            if self._budget_s < spent_s:
                return None
            self._budget_s -= spent_s
        picture = self._view.near(at_s)
        if picture is None:
            return None
        pixels = DecodedPixels(picture.unit, self._masks, picture.orientation)
        self._looked = pixels.size.height >= _MIN_GAIN * height_px
        return pixels if self._looked else None

    def learn(self, frame: Frame, tracks: Sequence[Track]) -> None:
        """What the tracker made of the frame."""
        height_px = frame.pixels.size.height
        small = [track for track in tracks if track.bbox.h * height_px < SMALL_PX]
        self._large = [track for track in tracks if track.bbox.h * height_px >= SMALL_PX]
        self._people.update(small, frame.captured_s)
        if self._looked and any(track.seen_s == frame.captured_s for track in small):
            self._found_s = frame.captured_s

    def reset(self) -> None:
        """The stream broke: nobody is known any more."""
        self._large, self._people = (), PeopleWatch()
        self._moved_s = self._moving_since_s = self._found_s = float("-inf")

    def _small_motion(self, moving: Sequence[Region], height_px: int, at_s: float) -> bool:
        """Does something small go on moving, which is no part of somebody known?"""
        boxes: list[BBox] = [region.bbox for region in moving]
        if not any(
            box.h * height_px < _SMALL_REGION_PX
            and not any(box.intersection_frac(track.bbox) > 0 for track in self._large)
            for box in boxes
        ):
            return False
        if at_s - self._moved_s > _PAUSE_S:
            self._moving_since_s = at_s
        self._moved_s = at_s
        return at_s - self._moving_since_s >= _GOES_ON_S
