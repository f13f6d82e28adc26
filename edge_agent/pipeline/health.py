"""A camera's picture health as events: a start when a fault is raised, an end when it is gone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from edge_agent.config import HealthConfig
from edge_agent.domain import CameraId, EndReason, Event, Frame, Health, Label, Phase
from edge_agent.events import NewEventId
from edge_agent.health import Fault, HealthChange, PictureHealth


class HealthWatch:
    """Implements `pipeline.HealthStage` for one camera. Deterministic, owned by one thread."""

    def __init__(self, camera: CameraId, ignored: Collection[Fault], new_id: NewEventId) -> None:
        self._camera = camera
        self._picture = PictureHealth(ignored)
        self._new_id = new_id
        self._faults: tuple[str, ...] = ()
        self._open: dict[Fault, Event] = {}  # the start that was told

    def update(self, frame: Frame) -> Sequence[Event]:
        changes = self._picture.update(frame.pixels, frame.captured_s)
        events = [self._told(change) for change in changes]
        if events:
            self._faults = tuple(str(fault) for fault in self._open)
        return events

    def close(self, reason: EndReason, at_s: float) -> Sequence[Event]:
        """End what is open: nobody can say whether it goes on."""
        self._picture.close(at_s)
        ended = [self._end(start, at_s, reason) for start in self._open.values()]
        self._open.clear()
        self._faults = ()
        return ended

    def go_on(self, new_id: NewEventId, still_open: Collection[Event]) -> None:
        """Another recording of this camera begins, at moment 0, in which these go on."""
        self._new_id = new_id
        kinds = {fault.value: fault for fault in Fault}
        self._open = {
            kinds[event.health.kind]: event
            for event in still_open
            if event.health is not None and event.health.kind in kinds
        }
        self._picture.go_on({fault: event.start_s for fault, event in self._open.items()})
        self._faults = tuple(str(fault) for fault in self._open)

    def ignore(self, faults: Collection[Fault]) -> None:
        """From now on; what is open and ignored now ends by itself."""
        self._picture.ignored = frozenset(faults)

    def accept(self) -> None:
        """What is seen now is as it should be."""
        self._picture.accept()

    def state(self) -> bytes:
        """What was learned of the view."""
        return self._picture.state()

    def restore(self, data: bytes) -> None:
        """Raises ValueError or msgspec.MsgspecError for what is no such state."""
        self._picture.restore(data)

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong now, for the camera's status. From any thread."""
        return self._faults

    def _told(self, change: HealthChange) -> Event:
        if not change.begins:
            return self._end(self._open.pop(change.fault), change.at_s, EndReason.GONE)
        detail = {
            "score": round(change.score, 3),
            "threshold": round(change.threshold, 3),
            "night_view": self._picture.night_view,
        }
        start = Event(
            event_id=self._new_id(Label.HEALTH, change.at_s),
            camera=self._camera,
            label=Label.HEALTH,
            phase=Phase.START,
            rev=0,
            at_s=change.at_s,
            start_s=max(0.0, change.since_s),  # a recording has no moment before its first
            end_s=None,
            score=change.score,
            top_score=change.score,
            bbox=None,
            health=Health(change.fault, change.severity, detail),
        )
        self._open[change.fault] = start
        return start

    @staticmethod
    def _end(start: Event, at_s: float, reason: EndReason) -> Event:
        at_s = max(at_s, start.start_s)
        return replace(start, phase=Phase.END, rev=1, at_s=at_s, end_s=at_s, end_reason=reason)


def ignored_of(config: HealthConfig) -> frozenset[Fault]:
    """Faults that this camera does not tell; all of them where health is switched off."""
    return frozenset(Fault(name) for name in config.ignore) if config.enabled else frozenset(Fault)
