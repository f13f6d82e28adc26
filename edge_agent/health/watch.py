"""The health stage: does this camera still see what it is there to see?

    pixels -> look -> faults of this look -> a fault that holds for 40 s is raised,
              and cleared once it has hardly held for 20 s

A few looks decide nothing: rain, headlights, somebody at the lens and a lorry pass by.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from edge_agent.domain import Pixels, Severity
from edge_agent.health.faults import (
    SEVERITY,
    Aspect,
    Fault,
    Suspicion,
    covered_in_other_light,
    seen_alone,
    seen_beside,
)
from edge_agent.health.look import Look, still_tiles, take_look
from edge_agent.health.reference import Reference, ReferenceState

#: So often a picture is looked at; keyframes of an idle camera come about as often.
LOOK_EVERY_S = 1.0
#: Raised within a minute, cleared within a minute, with room for keyframes far apart.
RAISE_AFTER_S = 40.0
CLEAR_AFTER_S = 20.0
#: Of the looks in that time so many must agree, and there must be some.
_AGREE = 0.85
_LEAST_LOOKS = 5
#: A scene in which a look now and then is suspicious must clear, too.
_CLEAR_AT_MOST, _LEAST_RECENT = 0.4, 3
#: Two looks further apart than this have nothing to do with each other.
_GAP_S = 30.0
#: Colour costs a conversion, so it is looked at this seldom.
_COLOUR_EVERY_S = 10.0
#: Mean difference between the largest and smallest of B, G and R, levels: below it is grey.
_GREY_LEVELS = 4.0
#: By so much green outdoes blue and red where chroma was lost.
_GREEN_LEVELS = 60


@dataclass(frozen=True, slots=True)
class HealthChange:
    """A fault began or ended."""

    fault: Fault
    begins: bool
    since_s: float  # when it was first seen
    at_s: float
    score: float
    threshold: float

    @property
    def severity(self) -> Severity:
        return SEVERITY[self.fault]


class WatchState(msgspec.Struct, frozen=True, array_like=True):
    """What is kept: references by light. Faults are found anew within a minute."""

    references: dict[str, ReferenceState]


@dataclass(slots=True)
class _Vote:
    """One aspect over time."""

    raised: Fault | None = None
    since_s: float = math.nan  # the first look that showed what is raised
    looks: deque[tuple[float, Suspicion]] = field(default_factory=deque)  # of RAISE_AFTER_S

    def cast(self, now: Suspicion, at_s: float) -> Sequence[HealthChange]:
        """One look more."""
        self.looks.append((at_s, now))
        while self.looks[0][0] < at_s - RAISE_AFTER_S - LOOK_EVERY_S:
            self.looks.popleft()
        if self.raised is None:
            return self._raise(now, at_s)
        recent = [
            each.fault is not None for when, each in self.looks if when > at_s - CLEAR_AFTER_S
        ]
        if len(recent) < _LEAST_RECENT or sum(recent) > _CLEAR_AT_MOST * len(recent):
            return ()
        cleared, self.raised = self.raised, None
        self.looks.clear()
        return (HealthChange(cleared, False, self.since_s, at_s, now.score, now.threshold),)

    def _raise(self, now: Suspicion, at_s: float) -> Sequence[HealthChange]:
        held = [(moment, each) for moment, each in self.looks if each.fault is not None]
        long_enough = at_s - self.looks[0][0] >= RAISE_AFTER_S
        enough = len(self.looks) >= _LEAST_LOOKS and len(held) >= _AGREE * len(self.looks)
        if not (long_enough and enough and now.fault is not None):
            return ()
        names = [each.fault for _, each in held if each.fault is not None]
        fault = max(set(names), key=lambda name: (names.count(name), name))
        those = [each for _, each in held if each.fault is fault]
        self.raised, self.since_s = fault, held[0][0]
        score = float(np.median([each.score for each in those]))
        return (HealthChange(fault, True, self.since_s, at_s, score, those[-1].threshold),)


class PictureHealth:
    """Implements `pipeline.HealthStage` for one camera. Owned by one thread, deterministic."""

    def __init__(self, ignored: Collection[Fault] = ()) -> None:
        self.ignored = frozenset(ignored)
        self._references: dict[str, Reference] = {}
        self._votes = {aspect: _Vote() for aspect in Aspect}
        self._before: Look | None = None
        self._looked_s = self._coloured_s = -math.inf
        self._light = "colour"
        self._green_frac = 0.0

    @property
    def raised(self) -> tuple[Fault, ...]:
        """What is wrong now."""
        return tuple(vote.raised for vote in self._votes.values() if vote.raised is not None)

    @property
    def night_view(self) -> bool:
        """Whether the picture is grey, as under infrared light."""
        return self._light == "grey"

    def update(self, pixels: Pixels, at_s: float) -> Sequence[HealthChange]:
        """Look, if it is time to; at most once in `LOOK_EVERY_S`."""
        dt_s = at_s - self._looked_s
        if dt_s < LOOK_EVERY_S or (len(self.ignored) == len(Fault) and not self.raised):
            return ()
        look = take_look(pixels.luma())
        gap = dt_s > _GAP_S
        still = still_tiles(look, self._before) if self._before and not gap else 0.0
        self._looked_s, self._before = at_s, look
        self._see_colour(pixels, at_s)
        suspicions = seen_alone(look, still, self._green_frac)
        whole = (suspicions[Aspect.LIGHT], suspicions[Aspect.CODING])
        sees = all(suspicion.fault is None for suspicion in whole)
        suspicions[Aspect.VIEW] = self._view(look) if sees else Suspicion(None)
        if gap:
            for vote in self._votes.values():
                vote.looks.clear()
        changes = [
            change
            for aspect, suspicion in suspicions.items()
            for change in self._votes[aspect].cast(self._minded(suspicion), at_s)
        ]
        fine = all(suspicion.fault is None for suspicion in suspicions.values())
        if fine and not gap and not self.raised:
            self._reference(look).learn(look, dt_s)
        return changes

    def _view(self, look: Look) -> Suspicion:
        reference = self._reference(look)
        if reference.known:
            return seen_beside(reference.compare(look))
        for other in self._references.values():
            if other.known and other.fits(look):
                return covered_in_other_light(other.compare(look))
        return Suspicion(None)

    def _minded(self, suspicion: Suspicion) -> Suspicion:
        return Suspicion(None) if suspicion.fault in self.ignored else suspicion

    def close(self, at_s: float) -> Sequence[HealthChange]:
        """The source is gone: nobody can say whether its faults go on."""
        changes = [
            HealthChange(vote.raised, False, vote.since_s, at_s, 0.0, 0.0)
            for vote in self._votes.values()
            if vote.raised is not None
        ]
        self._votes = {aspect: _Vote() for aspect in Aspect}
        self._before, self._looked_s = None, -math.inf
        return changes

    def accept(self) -> None:
        """What is seen now is as it should be: learn it anew."""
        self._references.clear()

    def state(self) -> bytes:
        """The references of this camera, some 60 kB each."""
        known = {
            light: reference.state()
            for light, reference in self._references.items()
            if reference.known
        }
        return msgspec.msgpack.encode(WatchState(known))

    def restore(self, data: bytes) -> None:
        """Raises ValueError or msgspec.MsgspecError for what is no such state."""
        state = msgspec.msgpack.decode(data, type=WatchState)
        self._references = {
            light: Reference.restored(each) for light, each in state.references.items()
        }

    def _reference(self, look: Look) -> Reference:
        reference = self._references.get(self._light)
        if reference is None or not reference.fits(look):
            reference = self._references[self._light] = Reference.begun(look)
        return reference

    def _see_colour(self, pixels: Pixels, at_s: float) -> None:
        if at_s - self._coloured_s < _COLOUR_EVERY_S:
            return
        self._coloured_s = at_s
        sample = pixels.bgr()[::8, ::8].astype(np.int16)
        spread = float(np.mean(sample.max(2) - sample.min(2)))
        self._light = "grey" if spread < _GREY_LEVELS else "colour"
        others = np.maximum(sample[..., 0], sample[..., 2])
        self._green_frac = float(np.mean(sample[..., 1] - others > _GREEN_LEVELS))
