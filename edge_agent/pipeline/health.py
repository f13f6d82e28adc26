"""A camera's picture health as events: a start when a fault is raised, an end when it is gone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from edge_agent.config import HealthConfig
from edge_agent.domain import (
    CameraId,
    EndReason,
    Event,
    EventId,
    Frame,
    Health,
    Label,
    Phase,
    Severity,
)
from edge_agent.events import NewEventId
from edge_agent.health import Fault, HealthChange, PictureHealth

#: The kind of an event of severity `info`: it lasts while the camera shows its grey night picture.
NIGHT_VIEW = "night_view"
#: Somebody with a torch, and cloth before a lens, are no night.
_NIGHT_HOLDS_S = 25.0


class HealthWatch:
    """Implements `pipeline.HealthStage` for one camera. Deterministic, owned by one thread."""

    def __init__(self, camera: CameraId, ignored: Collection[Fault], new_id: NewEventId) -> None:
        self._camera = camera
        self._picture = PictureHealth(ignored)
        self._new_id = new_id
        self._faults: tuple[str, ...] = ()
        self._open: dict[Fault, Event] = {}  # the start that was told
        self._night_view: bool | None = None  # None: no picture was seen yet
        self._night_since_s = 0.0
        self._night_event: Event | None = None

    def update(self, frame: Frame) -> Sequence[Event]:
        changes = self._picture.update(frame.pixels, frame.captured_s)
        events = [self._told(change) for change in changes]
        if changes:
            self._faults = tuple(str(fault) for fault in self._open)
        if self._picture.looked_s == frame.captured_s:
            events += self._night(frame.captured_s)
        return events

    def close(self, reason: EndReason, at_s: float) -> Sequence[Event]:
        """End what is open: nobody can say whether it goes on."""
        self._picture.close(at_s)
        starts = [*self._open.values(), *([self._night_event] if self._night_event else [])]
        self._open.clear()
        self._night_event = None
        self._faults = ()
        return [ended(start, at_s, reason) for start in starts]

    def go_on(self, new_id: NewEventId, still_open: Collection[Event]) -> None:
        """Another recording of this camera begins, at moment 0, in which these go on."""
        self._new_id = new_id
        kinds = {fault.value: fault for fault in Fault}
        self._open = {
            kinds[event.health.kind]: event
            for event in still_open
            if event.health is not None and event.health.kind in kinds
        }
        self._night_event = next(
            (each for each in still_open if each.health and each.health.kind == NIGHT_VIEW), None
        )
        self._night_since_s = 0.0
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
            return ended(self._open.pop(change.fault), change.at_s, EndReason.GONE)
        event_id = self._new_id(Label.HEALTH, change.at_s)
        start = started(self._camera, event_id, change, night_view=self._picture.night_view)
        self._open[change.fault] = start
        return start

    def _night(self, at_s: float) -> Sequence[Event]:
        """Whether the camera has changed to its grey picture, or back, and kept to it."""
        seen = self._picture.night_view
        if self._night_view is None or seen is self._night_view or self._picture.doubtful:
            self._night_view = seen if self._night_view is None else self._night_view
            self._night_since_s = at_s
            return ()
        if at_s - self._night_since_s < _NIGHT_HOLDS_S:
            return ()
        self._night_view = seen
        if seen:
            event_id = self._new_id(Label.HEALTH, at_s)
            event = self._night_event = _health_event(
                self._camera, event_id, at_s, at_s, 1.0, Health(NIGHT_VIEW, Severity.INFO)
            )
        elif self._night_event is not None:
            event, self._night_event = ended(self._night_event, at_s, EndReason.GONE), None
        else:
            return ()  # it was night when we began
        return (event,)


def started(camera: CameraId, event_id: EventId, change: HealthChange, **more: bool) -> Event:
    """The start of a fault that `change` begins; `more` goes into its detail."""
    detail = {
        "score": round(change.score, 3),
        "threshold": round(change.threshold, 3),
        **more,
    }
    health = Health(change.fault, change.severity, detail)
    # A recording has no moment before its first.
    since_s = max(0.0, change.since_s)
    return _health_event(camera, event_id, change.at_s, since_s, change.score, health)


def ended(start: Event, at_s: float, reason: EndReason) -> Event:
    at_s = max(at_s, start.start_s)
    return replace(start, phase=Phase.END, rev=1, at_s=at_s, end_s=at_s, end_reason=reason)


def _health_event(
    camera: CameraId, event_id: EventId, at_s: float, since_s: float, score: float, health: Health
) -> Event:
    return Event(
        event_id=event_id,
        camera=camera,
        label=Label.HEALTH,
        phase=Phase.START,
        rev=0,
        at_s=at_s,
        start_s=since_s,
        end_s=None,
        score=score,
        top_score=score,
        bbox=None,
        health=health,
    )


def ignored_of(config: HealthConfig) -> frozenset[Fault]:
    """Faults that this camera does not tell; all of them where health is switched off."""
    return frozenset(Fault(name) for name in config.ignore) if config.enabled else frozenset(Fault)
