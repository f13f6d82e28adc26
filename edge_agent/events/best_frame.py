"""Which moment of an event makes its picture."""

from __future__ import annotations

from edge_agent.events.state import BestState
from edge_agent.geometry import BBox

#: A new picture must be this much better: encoding a JPEG costs as much as an inference.
_BETTER_BY = 1.15
#: Beyond this height more size shows nothing more.
_LARGE_ENOUGH_FRAC = 0.6
#: A bbox this near to the frame's edge is cut off by it.
_EDGE_FRAC = 0.005
_CUT_OFF = 0.6  # head or a side is missing
_FEET_CUT_OFF = 0.85  # only the feet are


class BestPicture:
    """Remembers the best so far of one event: which frame, and who in it."""

    def __init__(self, bbox: BBox) -> None:
        self.bbox = bbox
        self.score = self._quality = 0.0
        self._at_s = float("-inf")

    def offer(self, bbox: BBox, score: float, at_s: float) -> None:
        """A detection in the frame of `at_s`."""
        quality = picture_quality(bbox, score)
        if quality > _BETTER_BY * self._quality:
            self.bbox, self.score = bbox, score
            self._quality, self._at_s = quality, at_s

    def state(self) -> BestState:
        return BestState(self.bbox, self.score, self._quality, self._at_s)

    @classmethod
    def restored(cls, state: BestState, offset_s: float) -> BestPicture:
        """On a timeline that begins `offset_s` later."""
        best = cls(state.bbox)
        best.score, best._quality = state.score, state.quality
        best._at_s = state.at_s - offset_s
        return best

    def is_of(self, at_s: float) -> bool:
        """Whether the frame of `at_s` became the best."""
        return self._at_s == at_s


def picture_quality(bbox: BBox, score: float) -> float:
    """Score x height x how wholly the person is in the frame; 0..1."""
    size = min(bbox.h / _LARGE_ENOUGH_FRAC, 1.0)
    if bbox.x <= _EDGE_FRAC or bbox.y <= _EDGE_FRAC or bbox.x2 >= 1 - _EDGE_FRAC:
        return score * size * _CUT_OFF
    return score * size * (_FEET_CUT_OFF if bbox.y2 >= 1 - _EDGE_FRAC else 1.0)
