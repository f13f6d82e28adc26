"""Live events: a line of the journal for each that matters, and the newest few of a camera."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge_agent.clock import Clock
from edge_agent.domain import CameraId, EndReason, Event, Label, Phase, Severity

log = logging.getLogger(__name__)

_MOST_KEPT = 5
_ENDS: Mapping[EndReason | None, str] = {
    EndReason.GONE: "gone",
    EndReason.CAMERA_LOST: "ended, the camera was lost",
    EndReason.PAUSED: "ended, the camera pauses",
    EndReason.RESTART: "ended, the agent or its settings changed",
    EndReason.TIMEOUT: "ended, it lasted too long",
    EndReason.SPLIT: "goes on as another event",
}


@dataclass(frozen=True, slots=True)
class RecentEvent:
    """A message of an event, and when it was recorded, by the clock of whoever asks."""

    utc_s: float
    label: Label
    phase: Phase
    top_score: float
    lasted_s: float | None


class RecentEvents:
    """`add` is called by the analysis thread; `of` may be by any."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_camera: dict[CameraId, deque[tuple[float, RecentEvent]]] = {}  # monotonic moments

    def add(self, event: Event) -> None:
        if event.phase is Phase.UPDATE:
            return
        if event.label is Label.PERSON:
            log.info("%s: %s", event.camera, _words(event))
        elif event.health is not None:
            starts = event.phase is Phase.START
            grave = starts and event.health.severity is not Severity.INFO
            words = "begins" if starts else "ends"
            level = logging.WARNING if grave else logging.INFO
            log.log(level, "%s: %s %s", event.camera, event.health.kind, words)
        lasted_s = None if event.end_s is None else event.end_s - event.start_s
        recent = RecentEvent(0.0, event.label, event.phase, event.top_score, lasted_s)
        kept = self._by_camera.setdefault(event.camera, deque(maxlen=_MOST_KEPT))
        kept.append((self._clock.mono_s(), recent))

    def of(self, camera: CameraId) -> tuple[RecentEvent, ...]:
        """The oldest first. What happened before the clock was set is dated by it all the same."""
        now = self._clock.read()
        return tuple(
            replace(recent, utc_s=now.utc_s - (now.mono_s - at_s))
            for at_s, recent in tuple(self._by_camera.get(camera, ()))
        )


def _words(event: Event) -> str:
    zones = f", in {', '.join(event.zones_entered)}" if event.zones_entered else ""
    if event.phase is Phase.START:
        carried = " goes on" if event.continues else ""
        return f"person{carried}, score {event.top_score:.2f}{zones}"
    lasted_s = (event.end_s or event.at_s) - event.start_s
    end = _ENDS.get(event.end_reason, "ended")
    return f"person {end} after {lasted_s:.0f} s, best score {event.top_score:.2f}{zones}"
