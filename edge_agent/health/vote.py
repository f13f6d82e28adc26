"""From single looks to a fault that is told: a few looks decide nothing.

Rain, headlights, somebody at the lens and a lorry pass by; what is wrong stays.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from edge_agent.domain import Severity
from edge_agent.health.faults import SEVERITY, Fault, Suspicion

#: Raised within a minute, cleared within a minute, with room for keyframes far apart.
RAISE_AFTER_S = 40.0
CLEAR_AFTER_S = 20.0
#: What is plain (black, nothing left of the view) is raised sooner, where every look agrees:
#: whoever passes by does not hide all of it, and lamps and infrared filters take a few seconds.
_RAISE_SURE_AFTER_S = 15.0
#: In so much of that time looks must agree, and there must be some.
_AGREE = 0.85
_LEAST_LOOKS = 5
#: A scene in which a look now and then is suspicious must clear, too.
_CLEAR_AT_MOST, _LEAST_RECENT = 0.4, 3


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


@dataclass(slots=True)
class Vote:
    """One aspect over time."""

    raised: Fault | None = None
    since_s: float = math.nan  # the first look that showed what is raised
    looks: deque[tuple[float, Suspicion]] = field(default_factory=deque)  # of RAISE_AFTER_S

    def cast(self, now: Suspicion, at_s: float) -> Sequence[HealthChange]:
        """One look more."""
        self.looks.append((at_s, now))
        while len(self.looks) > _LEAST_LOOKS and self.looks[1][0] <= at_s - RAISE_AFTER_S:
            self.looks.popleft()
        if self.raised is None:
            return self._raise(now, at_s)
        return self._clear(self.raised, now, at_s)

    def _clear(self, raised: Fault, now: Suspicion, at_s: float) -> Sequence[HealthChange]:
        recent = self._since(at_s - CLEAR_AFTER_S)
        if len(recent) < _LEAST_RECENT or _share(recent) > _CLEAR_AT_MOST:
            return ()
        self.raised = None
        self.looks.clear()
        return (HealthChange(raised, False, self.since_s, at_s, now.score, now.threshold),)

    def _raise(self, now: Suspicion, at_s: float) -> Sequence[HealthChange]:
        if now.fault is None:
            return ()
        plain = self._since(at_s - _RAISE_SURE_AFTER_S)
        if all(each.sure for _, each in plain):
            looks, least_s = plain, _RAISE_SURE_AFTER_S
        else:
            looks, least_s = list(self.looks), RAISE_AFTER_S
        held = [(moment, each) for moment, each in looks if each.fault is not None]
        long_enough = at_s - looks[0][0] >= least_s and len(looks) >= _LEAST_LOOKS
        if not (long_enough and _share(looks) >= _AGREE):
            return ()
        names = [each.fault for _, each in held if each.fault is not None]
        fault = max(set(names), key=lambda name: (names.count(name), name))
        those = [each for _, each in held if each.fault is fault]
        self.raised, self.since_s = fault, held[0][0]
        score = float(np.median([each.score for each in those]))
        return (HealthChange(fault, True, self.since_s, at_s, score, those[-1].threshold),)

    def _since(self, moment_s: float) -> list[tuple[float, Suspicion]]:
        """The looks from the last one at or before `moment_s` on: keyframes come when they come."""
        looks = list(self.looks)
        first = max((i for i, (when, _) in enumerate(looks) if when <= moment_s), default=0)
        return looks[first:]


def _share(looks: Sequence[tuple[float, Suspicion]]) -> float:
    """Of the time between these looks: how much ended in a suspicious one. They do not come
    evenly, for a doubtful view is looked at more often."""
    held_s = all_s = 0.0
    for (before_s, _), (at_s, each) in pairwise(looks):
        all_s += at_s - before_s
        held_s += at_s - before_s if each.fault is not None else 0.0
    return held_s / all_s if all_s > 0 else 0.0
