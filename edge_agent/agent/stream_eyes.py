"""How a camera's stream comes, as events: none, few, or damaged pictures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from edge_agent.domain import CameraId, EndReason, Event, EventId, Label
from edge_agent.health import Fault, HealthChange
from edge_agent.health.stream import StreamFacts, StreamHealth
from edge_agent.pipeline.health import ended, started
from edge_agent.sources import FeedState, FeedStatus


class StreamEyes:
    """Owned by the main thread."""

    def __init__(
        self,
        camera: CameraId,
        ignored: Collection[Fault],
        new_id: Callable[[Label, float], EventId],
        record: Callable[[Sequence[Event]], None],
    ) -> None:
        self._camera, self._new_id, self._record = camera, new_id, record
        self._health = StreamHealth(ignored)
        self._open: dict[Fault, Event] = {}

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with a stream that comes."""
        return tuple(str(fault) for fault in self._open if fault is not Fault.LOST)

    def ignore(self, ignored: Collection[Fault]) -> None:
        self._health.ignored = frozenset(ignored)

    def poll(self, status: FeedStatus, at_s: float) -> None:
        """`at_s` is monotonic."""
        facts = StreamFacts(
            status.state is FeedState.STREAMING,
            status.figures.fps,
            status.info.fps if status.info else None,
            status.decoded,
            status.damaged,
        )
        self._tell(self._health.update(facts, at_s), EndReason.GONE)

    def close(self, at_s: float) -> None:
        """The camera is watched no more."""
        self._tell(self._health.close(at_s), EndReason.CAMERA_LOST)

    def _tell(self, changes: Sequence[HealthChange], reason: EndReason) -> None:
        for change in changes:
            if change.begins:
                event_id = self._new_id(Label.HEALTH, change.at_s)
                event = self._open[change.fault] = started(self._camera, event_id, change)
            else:
                event = ended(self._open.pop(change.fault), change.at_s, reason)
            self._record([event])
