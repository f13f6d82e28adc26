"""A storm is one event with a count; what is below the budget is told one by one."""

from __future__ import annotations

import itertools

import pytest

from edge_agent.domain import (
    CameraId,
    EndReason,
    Event,
    EventId,
    Lighting,
    Motion,
    Phase,
    RuleHit,
    Severity,
    Track,
)
from edge_agent.events import Governor
from edge_agent.events.governor import WINDOW_S
from edge_agent.geometry import BBox

STILL = Motion((), 0.0, Lighting.STEADY)
HERE = BBox(0.4, 0.3, 0.1, 0.4)


def hit(track_id: int, at_s: float) -> RuleHit:
    return RuleHit(Track(track_id, HERE, 0.9, 0.9, 0.9, at_s, at_s, 5, HERE), at_s, (), ())


class Camera:
    def __init__(self, budget: int) -> None:
        ids = itertools.count()
        self.governor = Governor(CameraId("gate"), lambda *_: EventId(f"{next(ids)}"), budget)
        self.at_s = 1000.0
        self.told = 0
        self.events: list[Event] = []
        self._tracks = itertools.count()
        self.wait(30)

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.at_s += 1.0
            self.governor.see(STILL, [], self.at_s)
            self.events += self.governor.events(self.at_s)

    def comes(self, frames: int = 3) -> None:
        """Somebody new, who is asked about in each frame."""
        track = next(self._tracks)
        for _ in range(frames):
            self.at_s += 1.0
            one = hit(track, self.at_s)
            self.governor.see(STILL, [one], self.at_s)
            admitted = self.governor.admits(one, self.at_s)
            self.events += self.governor.events(self.at_s)
            if admitted:
                self.told += 1
                return

    @property
    def storms(self) -> list[tuple[str, int]]:
        return [
            (str(event.phase), event.health.detail["count"])
            for event in self.events
            if event.health is not None
        ]


def test_up_to_the_budget_everybody_is_told() -> None:
    camera = Camera(budget=10)
    for _ in range(10):
        camera.comes()
    assert (camera.told, camera.storms) == (10, [])


def test_a_storm_is_one_event_with_a_count() -> None:
    camera = Camera(budget=10)
    for _ in range(60):
        camera.comes()
    assert camera.told == 10
    assert camera.storms == [("start", 1)]
    camera.wait(2 * WINDOW_S)
    assert camera.storms == [("start", 1), ("update", 50), ("end", 50)]
    start, _, end = camera.events
    assert start.event_id == end.event_id
    assert (start.rev, end.rev, end.end_reason) == (0, 2, EndReason.GONE)
    assert start.health is not None
    assert (start.health.kind, start.health.severity) == ("storm", Severity.WARNING)
    camera.comes()
    assert camera.told == 11, "afterwards people are told again"


def test_a_long_storm_tells_its_count_now_and_then() -> None:
    camera = Camera(budget=10)
    for _ in range(500):  # 1,500 s
        camera.comes()
    phases = [phase for phase, _ in camera.storms]
    assert phases == ["start", "update", "update"]
    assert [event.rev for event in camera.events] == [0, 1, 2]
    counts = [count for _, count in camera.storms]
    assert counts == sorted(counts)


def test_a_storm_that_swells_and_ebbs_is_one() -> None:
    camera = Camera(budget=10)
    for _ in range(60):
        camera.comes()
    for _ in range(40):  # eight in ten minutes: below the budget, above half of it
        camera.comes()
        camera.wait(72)
    phases = [phase for phase, _ in camera.storms]
    assert (phases.count("start"), phases.count("end")) == (1, 0)


def test_no_budget_is_no_storm() -> None:
    camera = Camera(budget=0)
    for _ in range(500):
        camera.comes()
    assert (camera.told, camera.storms) == (500, [])


@pytest.mark.parametrize("reason", [EndReason.CAMERA_LOST, EndReason.RESTART])
def test_a_storm_ends_with_its_camera(reason: EndReason) -> None:
    camera = Camera(budget=5)
    for _ in range(20):
        camera.comes()
    (end,) = camera.governor.close(reason, camera.at_s)
    assert (end.phase, end.end_reason, end.end_s) == (Phase.END, reason, camera.at_s)
    assert camera.governor.close(reason, camera.at_s) == []
