"""Minutes in which nothing was looked at although something moved or changed. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.domain import Lighting, Motion

MINUTE_S = 60.0
#: A change of less than this share of the least moving spot is noise.
_NOISE = 0.5


@dataclass(frozen=True, slots=True)
class UnlookedMinute:
    """`begin_s` to a minute later. `held_back_by`: the key, or what else it was."""

    begin_s: float
    pictures: int  # analysed
    moved: int  # of them, with something moving
    most_changed_frac: float
    held_back_by: str


class MinuteWatch:
    """One camera's. Not thread-safe. `min_area_frac`: motion's least moving spot."""

    def __init__(self, min_area_frac: float) -> None:
        self.min_area_frac = min_area_frac
        self._begin_s: float | None = None
        self._pictures = self._moved = self._unsteady = 0
        self._changed_frac = 0.0
        self._looked = False

    def update(self, motion: Motion, looked: bool, at_s: float) -> tuple[UnlookedMinute, ...]:
        """One picture; returns the minute before, where it is one to tell of."""
        over: tuple[UnlookedMinute, ...] = ()
        if self._begin_s is None or at_s - self._begin_s >= MINUTE_S:
            over = self.close()
            self._clear(at_s - at_s % MINUTE_S)
        self._pictures += 1
        self._looked |= looked
        self._moved += bool(motion.regions)
        self._unsteady += motion.lighting is not Lighting.STEADY
        if motion.lighting is Lighting.STEADY:
            self._changed_frac = max(self._changed_frac, motion.changed_frac)
        return over

    def close(self) -> tuple[UnlookedMinute, ...]:
        """No more pictures."""
        changed = self._changed_frac >= _NOISE * self.min_area_frac > 0
        if self._begin_s is None or self._looked or not (self._moved or changed):
            return ()
        minute = UnlookedMinute(
            self._begin_s, self._pictures, self._moved, self._changed_frac, self._reason()
        )
        self._begin_s = None
        return (minute,)

    def _reason(self) -> str:
        if 2 * self._unsteady > self._pictures:
            return "light that changes"
        return "looks that found nobody" if self._moved else "motion.min_area_frac"

    def _clear(self, begin_s: float) -> None:
        self._begin_s = begin_s
        self._pictures = self._moved = self._unsteady = 0
        self._changed_frac = 0.0
        self._looked = False
