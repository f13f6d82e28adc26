"""A camera that is gone, or whose pictures are damaged, as events and in its status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_agent.agent.stream_eyes import StreamEyes
from edge_agent.domain import CameraId, EndReason, Event, EventId, Label, Phase, Severity
from edge_agent.sources import FeedState, FeedStatus
from edge_agent.sources.meter import StreamFigures

GATE = CameraId("gate")
FIGURES = StreamFigures(0, 0, 15.0, None, None, None, None, reordered=False)


@dataclass
class Camera:
    told: list[Event] = field(default_factory=list)
    second: int = 0
    decoded: int = 0
    damaged: int = 0

    def __post_init__(self) -> None:
        self.eyes = StreamEyes(GATE, (), self._id, self._record)

    def _record(self, events: Sequence[Event]) -> None:
        self.told += events

    def _id(self, label: Label, at_s: float) -> EventId:
        return EventId(f"{label}-{at_s:g}")

    def poll(self, seconds: int, state: FeedState, damaged: int = 0) -> list[tuple[str, Phase]]:
        before = len(self.told)
        for _ in range(seconds):
            if state is FeedState.STREAMING:
                self.decoded, self.damaged = self.decoded + 5, self.damaged + damaged
            status = FeedStatus(
                GATE, state, None, None, FIGURES, 0.0, None, self.decoded, 0, 0, 1, self.damaged
            )
            self.eyes.poll(status, float(self.second))
            self.second += 1
        new = self.told[before:]
        return [(one.health.kind, one.phase) for one in new if one.health]


def test_a_camera_that_is_gone_is_a_critical_event_until_it_comes_again() -> None:
    camera = Camera()
    assert camera.poll(100, FeedState.STREAMING) == []
    assert camera.poll(60, FeedState.UNREACHABLE) == [("lost", Phase.START)]
    assert camera.told[0].health is not None
    assert camera.told[0].health.severity is Severity.CRITICAL
    assert camera.told[0].start_s == 100
    # The retained status says offline already.
    assert camera.eyes.faults == ()
    assert camera.poll(5, FeedState.STREAMING) == [("lost", Phase.END)]
    assert camera.told[1].event_id == camera.told[0].event_id


def test_damaged_pictures_are_in_the_status_while_they_come() -> None:
    camera = Camera()
    camera.poll(100, FeedState.STREAMING)
    assert camera.poll(60, FeedState.STREAMING, damaged=4) == [("glitching", Phase.START)]
    assert camera.eyes.faults == ("glitching",)
    camera.eyes.close(200.0)
    assert camera.told[-1].end_reason is EndReason.CAMERA_LOST
    assert camera.eyes.faults == ()
