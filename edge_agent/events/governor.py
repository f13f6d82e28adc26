"""Keeps a camera from telling of people who are none, and from flooding the ward. Deterministic.

Hold-off: after a reconnect, a reload, an infrared switch or a lamp the first pictures are not to be
trusted. Who seems to come then is told once they are still found afterwards.

Budget: more people than anybody can look at are one event, `storm`, with their count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edge_agent.domain import (
    CameraId,
    EndReason,
    Event,
    Health,
    Label,
    Lighting,
    Motion,
    Phase,
    RuleHit,
    Severity,
)
from edge_agent.events.lifecycle import NewEventId

#: Exposure, white balance and a decoder that lost its references come to rest within this.
HOLD_OFF_S = 2.0
#: So many detections afterwards show that somebody is really there.
_LOOKS_AFTER = 2
#: A light that flickers for ever holds nothing off for ever: at most so long, then a rest.
_LONGEST_S = 10.0
_REST_S = 10.0
#: More of the picture at once than a person who comes: a lamp.
_STEP_FRAC = 0.2
#: Without pictures for this long they are of another time, as for the motion detector.
_GAP_S = 10.0

WINDOW_S = 600.0
#: How often a storm's count is told while it lasts.
_TELL_EVERY_S = 600.0


@dataclass(slots=True)
class _Storm:
    start: Event
    rev: int
    told_s: float
    count: int = 0  # people who were not told one by one


class Governor:
    """Of one camera, over all its pipelines. For the analysis thread."""

    def __init__(self, camera: CameraId, new_id: NewEventId, budget: int) -> None:
        """`budget`: person events in ten minutes; 0: any number."""
        self.budget = budget
        self._camera, self._new_id = camera, new_id
        self._seen_s = float("-inf")
        self._changed_frac = 0.0
        self._unrest_s = self._until_s = float("-inf")  # since when, and until when it is held off
        self._looks_at_rest: dict[int, int] = {}  # of tracks that came in the hold-off
        self._came_s: deque[float] = deque()  # people, within the window
        self._storm: _Storm | None = None
        self._withheld: set[int] = set()  # tracks that the storm has counted

    def unsettle(self, at_s: float) -> None:
        """The pictures from now on are not to be trusted for a moment."""
        if at_s > self._until_s + _REST_S:
            self._unrest_s = at_s
        self._until_s = max(self._until_s, min(at_s + HOLD_OFF_S, self._unrest_s + _LONGEST_S))

    def see(self, motion: Motion, hits: Sequence[RuleHit], at_s: float) -> None:
        """Each frame, before its hits are placed."""
        again = at_s - self._seen_s > _GAP_S
        step = motion.changed_frac - self._changed_frac > _STEP_FRAC
        if again or step or motion.lighting is Lighting.CHANGED:
            self.unsettle(at_s)
        self._seen_s, self._changed_frac = at_s, motion.changed_frac
        present = {hit.track.track_id: hit.track.looks for hit in hits}
        self._withheld &= present.keys()
        if at_s < self._until_s:
            self._looks_at_rest = present
        else:
            kept = self._looks_at_rest
            self._looks_at_rest = {track: kept[track] for track in kept if track in present}

    def admits(self, hit: RuleHit, at_s: float) -> bool:
        """Whether somebody new may be told now. Who is held off is asked for again."""
        if at_s < self._until_s:
            return False
        track = hit.track
        looks = self._looks_at_rest.get(track.track_id)
        if looks is not None and track.looks < looks + _LOOKS_AFTER:
            return False
        return self._within_budget(track.track_id, at_s)

    def events(self, at_s: float) -> list[Event]:
        """What is to be told of a storm at this moment."""
        self._forget(at_s)
        storm = self._storm
        if storm is None:
            return []
        if storm.rev < 0:
            storm.rev, storm.told_s = 0, at_s
            return [storm.start]
        if not self.budget or len(self._came_s) <= self.budget / 2:
            return [self._end(storm, EndReason.GONE, at_s)]
        if at_s - storm.told_s >= _TELL_EVERY_S:
            storm.rev, storm.told_s = storm.rev + 1, at_s
            return [self._message(storm, Phase.UPDATE, at_s)]
        return []

    def close(self, reason: EndReason, at_s: float) -> list[Event]:
        """The source is lost or ends; what comes next begins anew."""
        self._seen_s, self._changed_frac = float("-inf"), 0.0
        self._looks_at_rest, self._withheld = {}, set()
        storm = self._storm
        if storm is None:
            return []
        if storm.rev < 0:
            self._storm = None
            return []
        return [self._end(storm, reason, max(at_s, storm.start.at_s))]

    def _within_budget(self, track_id: int, at_s: float) -> bool:
        if track_id in self._withheld:
            return False
        self._forget(at_s)
        if self._storm is None and self.budget and len(self._came_s) >= self.budget:
            self._storm = _Storm(self._start(at_s), -1, at_s)
        self._came_s.append(at_s)
        if self._storm is None:
            return True
        self._storm.count += 1
        self._withheld.add(track_id)
        return False

    def _forget(self, at_s: float) -> None:
        while self._came_s and at_s - self._came_s[0] > WINDOW_S:
            self._came_s.popleft()

    def _detail(self, count: int) -> Mapping[str, Any]:
        return {"count": count, "budget": self.budget, "window_s": WINDOW_S}

    def _start(self, at_s: float) -> Event:
        return Event(
            event_id=self._new_id(Label.HEALTH, at_s),
            camera=self._camera,
            label=Label.HEALTH,
            phase=Phase.START,
            rev=0,
            at_s=at_s,
            start_s=at_s,
            end_s=None,
            score=0.0,
            top_score=0.0,
            bbox=None,
            health=Health("storm", Severity.WARNING, self._detail(1)),
        )

    def _message(self, storm: _Storm, phase: Phase, at_s: float) -> Event:
        health = Health("storm", Severity.WARNING, self._detail(storm.count))
        return replace(storm.start, phase=phase, rev=storm.rev, at_s=at_s, health=health)

    def _end(self, storm: _Storm, reason: EndReason, at_s: float) -> Event:
        self._storm = None
        storm.rev += 1
        return replace(self._message(storm, Phase.END, at_s), end_s=at_s, end_reason=reason)
