"""Health as events: faults, and the grey picture of the night as information."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edge_agent.domain import U8, CameraId, EndReason, Event, EventId, Frame, Label, Phase, Severity
from edge_agent.geometry import FrameSize
from edge_agent.pipeline.health import NIGHT_VIEW, HealthWatch

GATE = CameraId("gate")


@dataclass(frozen=True)
class Shown:
    picture: U8

    @property
    def size(self) -> FrameSize:
        return FrameSize(self.picture.shape[1], self.picture.shape[0])

    def luma(self) -> U8:
        return np.asarray(self.picture.mean(2), np.uint8)

    def bgr(self) -> U8:
        return self.picture


def _scene() -> U8:
    rng = np.random.default_rng(1)
    picture = np.full((180, 320, 3), (190, 150, 120), np.uint8)
    for _ in range(60):
        x, y = int(rng.integers(280)), int(rng.integers(150))
        picture[y : y + rng.integers(8, 30), x : x + rng.integers(8, 40)] = rng.integers(20, 235, 3)
    return picture


DAY = _scene()
NIGHT = np.repeat((DAY.mean(2, keepdims=True) * 0.7 + 20).astype(np.uint8), 3, 2)
GREY_CLOTH = np.full_like(DAY, 95)


def new_id(label: Label, at_s: float) -> EventId:
    return EventId(f"{label}-{at_s:g}")


@dataclass
class Camera:
    watch: HealthWatch = field(default_factory=lambda: HealthWatch(GATE, (), new_id))
    second: int = 0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(2))

    def show(self, picture: U8, seconds: int) -> list[Event]:
        told: list[Event] = []
        for _ in range(seconds):
            noise = self.rng.normal(0, 2, (180, 320, 1))
            noisy = np.clip(picture + noise, 0, 255).astype(np.uint8)
            told += self.watch.update(Frame(GATE, float(self.second), Shown(noisy)))
            self.second += 1
        return told


def kinds(events: list[Event]) -> list[tuple[str, Phase]]:
    return [(event.health.kind, event.phase) for event in events if event.health]


def test_the_switch_to_the_night_picture_and_back_is_information() -> None:
    camera = Camera()
    assert camera.show(DAY, 70) == []
    begun = camera.show(NIGHT, 60)
    assert kinds(begun) == [(NIGHT_VIEW, Phase.START)]
    assert begun[0].health is not None
    assert begun[0].health.severity is Severity.INFO
    assert camera.watch.faults == ()
    over = camera.show(DAY, 60)
    assert kinds(over) == [(NIGHT_VIEW, Phase.END)]
    assert over[0].event_id == begun[0].event_id


def test_a_torch_a_start_at_night_and_grey_cloth_are_no_switch() -> None:
    camera = Camera()
    assert camera.show(NIGHT, 70) == []
    assert camera.show(DAY, 12) == []
    assert camera.show(NIGHT, 60) == []
    other = Camera()
    other.show(DAY, 70)
    assert kinds(other.show(GREY_CLOTH, 60)) == [("blocked", Phase.START)]


def test_the_first_morning_ends_no_night_that_was_told() -> None:
    camera = Camera()
    camera.show(NIGHT, 70)
    assert camera.show(DAY, 60) == []
    assert kinds(camera.show(NIGHT, 60)) == [(NIGHT_VIEW, Phase.START)]


def test_a_night_that_is_open_ends_with_the_stream() -> None:
    camera = Camera()
    camera.show(DAY, 70)
    begun = camera.show(NIGHT, 60)
    ended = camera.watch.close(EndReason.CAMERA_LOST, 130.0)
    assert [(one.event_id, one.end_reason) for one in ended] == [
        (begun[0].event_id, EndReason.CAMERA_LOST)
    ]
    assert camera.watch.close(EndReason.CAMERA_LOST, 131.0) == []


def test_the_next_recording_goes_on_with_what_is_open_on_its_own_timeline() -> None:
    camera = Camera()
    camera.show(DAY, 70)
    (start,) = camera.show(GREY_CLOTH, 60)
    camera.watch.go_on(new_id, [start])
    camera.second = 0
    assert camera.show(GREY_CLOTH, 20) == []
    (end,) = camera.show(DAY, 60)
    assert (end.event_id, end.phase) == (start.event_id, Phase.END)
    # What is not open any more is told again, from the first moment of the recording on.
    camera.show(GREY_CLOTH, 60)
    camera.watch.go_on(new_id, [])
    camera.second = 0
    again = camera.show(GREY_CLOTH, 5)
    assert kinds(again) == [("blocked", Phase.START)]
    assert again[0].start_s >= 0
