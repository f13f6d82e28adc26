"""Do a camera's pictures come as they should? What no picture shows: none, few, or damaged ones.

Damaged pictures are not handed on, so only how many there are can tell of them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from edge_agent.health.faults import Fault, Suspicion
from edge_agent.health.vote import HealthChange, Vote

#: A camera that restarts is back sooner; within a minute, with room for the next look.
LOST_AFTER_S = 55.0
#: A slow shutter at night halves the rate, so half of the usual one is no fault.
_LOW_SHARE = 0.4
#: The usual rate is learned for so long, then follows in an hour...
_LEARN_S, _TAU_S = 60.0, 3600.0
#: ...and means nothing where a camera sends more when more happens: it varies by this share.
_STEADY = 0.15
#: So much of the newest pictures is damaged, of at least so many, within so long.
_DAMAGED_SHARE, _LEAST_PICTURES, _DAMAGE_WINDOW_S = 0.3, 3, 15.0


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """How a stream is at one moment."""

    online: bool
    fps: float | None  # pictures a second that arrive; None: not known yet
    stated_fps: float | None  # what the camera says
    pictures: int  # decoded since it was first connected, whole or damaged
    damaged: int


class StreamHealth:
    """Of one camera that sends its pictures now. Owned by one thread, deterministic."""

    def __init__(self, ignored: Collection[Fault] = ()) -> None:
        self.ignored = frozenset(ignored)
        self._rate, self._damage = Vote(), Vote()
        self._offline_since_s: float | None = None
        self._lost_since_s: float | None = None
        self._usual_fps: float | None = None
        self._varies = 0.0
        self._learned_s = 0.0
        self._stated_fps: float | None = None
        self._seen_s = math.nan
        self._counts: deque[tuple[float, int, int]] = deque()

    def update(self, facts: StreamFacts, at_s: float) -> Sequence[HealthChange]:
        """About once a second."""
        dt_s = at_s - self._seen_s if math.isfinite(self._seen_s) else 0.0
        self._seen_s = at_s
        changes = [*self._lost(facts.online, at_s)]
        if not facts.online:
            return [*changes, *self._nothing_known(at_s)]
        rate = self._see_rate(facts, dt_s)
        damage = self._see_damage(facts, at_s)
        return [
            *changes,
            *self._rate.cast(self._minded(rate), at_s),
            *self._damage.cast(self._minded(damage), at_s),
        ]

    def close(self, at_s: float) -> Sequence[HealthChange]:
        """Nobody watches it any more."""
        changes = [*self._nothing_known(at_s)]
        if self._lost_since_s is not None:
            changes.append(HealthChange(Fault.LOST, False, self._lost_since_s, at_s, 0.0, 1.0))
        self._lost_since_s = self._offline_since_s = None
        return changes

    def _lost(self, online: bool, at_s: float) -> Sequence[HealthChange]:
        if online:
            since_s, self._lost_since_s, self._offline_since_s = self._lost_since_s, None, None
            if since_s is None:
                return ()
            return (HealthChange(Fault.LOST, False, since_s, at_s, 0.0, 1.0),)
        if self._offline_since_s is None:
            self._offline_since_s = at_s
        for_s = at_s - self._offline_since_s
        if self._lost_since_s is not None or for_s < LOST_AFTER_S or Fault.LOST in self.ignored:
            return ()
        self._lost_since_s = self._offline_since_s
        return (HealthChange(Fault.LOST, True, self._lost_since_s, at_s, 1.0, 1.0),)

    def _nothing_known(self, at_s: float) -> Sequence[HealthChange]:
        """The connection is gone, and what was said of it."""
        changes = [
            HealthChange(vote.raised, False, vote.since_s, at_s, 0.0, 1.0)
            for vote in (self._rate, self._damage)
            if vote.raised is not None
        ]
        self._rate, self._damage = Vote(), Vote()
        self._counts.clear()
        return changes

    def _see_rate(self, facts: StreamFacts, dt_s: float) -> Suspicion:
        if facts.stated_fps != self._stated_fps:  # somebody set the camera
            self._stated_fps, self._usual_fps, self._learned_s = facts.stated_fps, None, 0.0
        if facts.fps is None or facts.fps <= 0:
            return Suspicion(None)
        usual_fps = self._usual_fps
        if usual_fps is None:
            self._usual_fps, self._varies = facts.fps, 0.0
            return Suspicion(None)
        share = facts.fps / usual_fps
        known = self._learned_s >= _LEARN_S and self._varies < _STEADY
        if known and share < _LOW_SHARE:
            return Suspicion(Fault.LOW_FRAME_RATE, 1 - share, 1 - _LOW_SHARE)
        self._learned_s += dt_s
        weight = 1 - math.exp(-dt_s / min(max(self._learned_s, 1.0), _TAU_S))
        self._varies += (min(abs(1 - share), 1.0) - self._varies) * weight
        self._usual_fps = usual_fps + (facts.fps - usual_fps) * weight
        return Suspicion(None, max(0.0, 1 - share), 1 - _LOW_SHARE)

    def _see_damage(self, facts: StreamFacts, at_s: float) -> Suspicion:
        self._counts.append((at_s, facts.pictures, facts.damaged))
        while self._counts[0][0] < at_s - _DAMAGE_WINDOW_S:
            self._counts.popleft()
        pictures = facts.pictures - self._counts[0][1]
        damaged = facts.damaged - self._counts[0][2]
        if pictures < _LEAST_PICTURES:
            return Suspicion(None)
        share = min(1.0, damaged / pictures)
        found = Fault.GLITCHING if share >= _DAMAGED_SHARE else None
        return Suspicion(found, share, _DAMAGED_SHARE)

    def _minded(self, suspicion: Suspicion) -> Suspicion:
        return Suspicion(None) if suspicion.fault in self.ignored else suspicion
