"""Motion events: one camera, one event at a time."""

from __future__ import annotations

import math

from edge_agent.config.schema import MotionConfig
from edge_agent.domain import CameraId, EndReason, Event, EventId, Label, Lighting, Motion
from edge_agent.events.lifecycle import EventFacts, Identity, NewEventId, OpenEvent, OpenState
from edge_agent.events.state import BurstState
from edge_agent.geometry import BBox

#: Before an event starts, motion may pause this long without beginning anew: a walker
#: between two bushes, a frame whose change was just too small.
_BURST_GAP_S = 1.0
#: The bbox is told in 16ths of the frame, so that growth by a leaf is no news.
_GRID = 16
_SLACK_S = 0.01


class _Burst:
    """Motion that goes on: from when to when, how much and where."""

    def __init__(self, at_s: float) -> None:
        self.first_s = self.last_s = at_s
        self.changed_frac = self.top_frac = 0.0
        self.bbox: BBox | None = None

    def add(self, motion: Motion, at_s: float) -> None:
        self.last_s = at_s
        self.changed_frac = min(motion.changed_frac, 1.0)
        self.top_frac = max(self.top_frac, self.changed_frac)
        for region in motion.regions:
            self.bbox = region.bbox if self.bbox is None else self.bbox.union(region.bbox)

    def state(self) -> BurstState:
        return BurstState(self.first_s, self.last_s, self.changed_frac, self.top_frac, self.bbox)

    @classmethod
    def restored(cls, state: BurstState, offset_s: float) -> _Burst:
        """On a timeline that begins `offset_s` later."""
        burst = cls(state.first_s - offset_s)
        burst.last_s = state.last_s - offset_s
        burst.changed_frac, burst.top_frac = state.changed_frac, state.top_frac
        burst.bbox = state.bbox
        return burst

    def facts(self) -> EventFacts:
        bbox = None if self.bbox is None else _coarse(self.bbox)
        return EventFacts(self.changed_frac, self.top_frac, bbox)


class MotionEvents:
    """Starts after `min_duration_s` of motion, ends after `quiet_s` without.

    While the lighting is not steady nothing counts as motion. Not thread-safe. A motion
    event's score is the share of the picture that changed.
    """

    def __init__(self, camera: CameraId, config: MotionConfig, new_id: NewEventId) -> None:
        self._camera, self._config, self._new_id = camera, config, new_id
        self._burst: _Burst | None = None
        self._event: OpenEvent | None = None

    def update(self, motion: Motion, at_s: float) -> list[Event]:
        if not self._config.events:
            return self.close(EndReason.GONE, at_s)  # one may be open from before an edit
        steady = motion.lighting is Lighting.STEADY
        moving = steady and bool(motion.regions)
        burst = self._burst
        if self._event is None:
            lapsed = burst is not None and at_s - burst.last_s > _BURST_GAP_S + _SLACK_S
            if not steady or lapsed:
                self._burst = burst = None
        if moving:
            burst = self._burst = burst or _Burst(at_s)
            burst.add(motion, at_s)
        if burst is None:
            return []
        if moving and self._event is not None and self._event.must_split(at_s):
            return self._split(self._event, motion, at_s)
        return self._messages(burst, at_s)

    def close(self, reason: EndReason, at_s: float) -> list[Event]:
        burst, event = self._burst, self._event
        self._burst = self._event = None
        if burst is None or event is None:
            return []
        return [event.end(burst.facts(), burst.last_s, reason, at_s)]

    def state(self) -> tuple[BurstState | None, OpenState | None]:
        burst, event = self._burst, self._event
        return burst.state() if burst else None, event.state() if event else None

    def restore(self, burst: BurstState | None, event: OpenState | None, offset_s: float) -> None:
        self._burst = _Burst.restored(burst, offset_s) if burst else None
        self._event = OpenEvent.restored(event, offset_s) if event else None

    def _messages(self, burst: _Burst, at_s: float) -> list[Event]:
        event = self._event
        if event is None:
            if burst.last_s - burst.first_s < self._config.min_duration_s - _SLACK_S:
                return []
            return [self._start(burst, burst.first_s, None, at_s)]
        if at_s - burst.last_s > self._config.quiet_s - _SLACK_S:
            return self.close(EndReason.GONE, at_s)
        news = event.update(burst.facts(), at_s)
        return [news] if news else []

    def _split(self, event: OpenEvent, motion: Motion, at_s: float) -> list[Event]:
        before = event.identity.event_id
        ended = self.close(EndReason.SPLIT, at_s)
        self._burst = _Burst(at_s)
        self._burst.add(motion, at_s)
        return [*ended, self._start(self._burst, at_s, before, at_s)]

    def _start(
        self, burst: _Burst, start_s: float, continues: EventId | None, at_s: float
    ) -> Event:
        identity = Identity(
            self._new_id(Label.MOTION, at_s), self._camera, Label.MOTION, start_s, continues
        )
        self._event = OpenEvent(identity)
        return self._event.start(burst.facts(), at_s)


def _coarse(bbox: BBox) -> BBox:
    """Rounded outwards to the grid, inside the frame."""
    box = bbox.clipped()
    return BBox.from_corners(
        math.floor(box.x * _GRID) / _GRID,
        math.floor(box.y * _GRID) / _GRID,
        math.ceil(box.x2 * _GRID) / _GRID,
        math.ceil(box.y2 * _GRID) / _GRID,
    )
