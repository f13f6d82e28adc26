"""Does a recorder's camera see? Its clips are looked at one after the other, as one film.

Events of health come last of a clip's messages, in the transaction that ends it: what was told of
a clip before a crash then does not depend on what was learned of the view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_agent.clock import Clock
from edge_agent.config import CameraConfig
from edge_agent.domain import CameraId, EndReason, Event, EventId, Frame, Label, Phase
from edge_agent.events import NewEventId
from edge_agent.pipeline.health import HealthWatch, ignored_of
from edge_agent.writer.view_file import KEEP_EVERY_S, ViewFile


class ClipEyes:
    """Of one camera. Implements `pipeline.HealthStage`; belongs to the ingest thread, which waits
    while the analysis uses it."""

    def __init__(self, camera: CameraConfig, file: ViewFile | None, clock: Clock) -> None:
        """`file`: where what is learned outlives a restart."""
        self._file, self._clock = file, clock
        self._kept_s: float | None = None
        self._events: list[Event] = []
        self._watch = HealthWatch(CameraId(camera.id), ignored_of(camera.health), _no_ids)
        if file is not None:
            file.recall(self._watch.restore)

    @property
    def faults(self) -> tuple[str, ...]:
        """What was wrong at the end of the newest clip. From any thread."""
        return self._watch.faults

    def apply(self, camera: CameraConfig) -> None:
        """Other settings, from the next clip on."""
        self._watch.ignore(ignored_of(camera.health))

    def begin(self, new_id: NewEventId, still_open: Sequence[Event] = ()) -> None:
        """A clip begins, in which these go on."""
        if self._file is not None and self._file.accepted():
            self._watch.accept()
        self._events = []
        self._watch.go_on(new_id, still_open)

    def update(self, frame: Frame) -> Sequence[Event]:
        self._events += self._watch.update(frame)
        return ()

    def close(self, reason: EndReason, at_s: float) -> Sequence[Event]:
        """A run that is over is closed by `ends_of`."""
        return ()

    def take(self) -> Sequence[Event]:
        """What is to be told of this clip."""
        told, self._events = self._events, []
        now_s = self._clock.mono_s()
        if self._kept_s is None or now_s - self._kept_s >= KEEP_EVERY_S:
            self._kept_s = now_s
            self.keep()
        return told

    def keep(self) -> None:
        """Write what was learned."""
        if self._file is not None:
            self._file.keep(self._watch.state())


def ends_of(still_open: Sequence[Event], at_s: float) -> list[Event]:
    """No clip goes on: nobody can say whether these faults do."""
    return [
        replace(
            event,
            phase=Phase.END,
            rev=event.rev + 1,
            at_s=max(at_s, event.at_s),
            end_s=max(at_s, event.at_s),
            end_reason=EndReason.CAMERA_LOST,
        )
        for event in still_open
        if event.label is Label.HEALTH
    ]


def _no_ids(label: Label, at_s: float) -> EventId:
    raise AssertionError("no clip has begun")
