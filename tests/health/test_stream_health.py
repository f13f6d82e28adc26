"""None, few or damaged pictures are told; a camera that restarts is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from edge_agent.health import Fault, HealthChange
from edge_agent.health.stream import StreamFacts, StreamHealth

Rate = Callable[[int], float]


@dataclass
class Stream:
    """Polled once a second."""

    health: StreamHealth = field(default_factory=StreamHealth)
    second: int = 0
    pictures: int = 0
    damaged: int = 0
    stated_fps: float = 15.0

    def watch(
        self, seconds: int, fps: Rate = lambda s: 15.0, *, online: bool = True, damaged: float = 0
    ) -> list[tuple[Fault, bool]]:
        told: list[HealthChange] = []
        for _ in range(seconds):
            if online:
                self.pictures += 10
                self.damaged += round(10 * damaged)
            rate = fps(self.second) if online else None
            facts = StreamFacts(online, rate, self.stated_fps, self.pictures, self.damaged)
            told += self.health.update(facts, float(self.second))
            self.second += 1
        return [(change.fault, change.begins) for change in told]


def test_a_camera_that_is_gone_for_a_minute_is_lost_and_a_restart_of_it_is_not() -> None:
    stream = Stream()
    assert stream.watch(100) == []
    assert stream.watch(50, online=False) == []
    assert stream.watch(100) == []
    assert stream.watch(60, online=False) == [(Fault.LOST, True)]
    assert stream.watch(600, online=False) == []
    assert stream.watch(5) == [(Fault.LOST, False)]


def test_a_camera_that_never_came_is_lost_too() -> None:
    assert Stream().watch(60, online=False) == [(Fault.LOST, True)]


def test_few_pictures_are_told_within_a_minute_and_so_is_their_return() -> None:
    stream = Stream()
    assert stream.watch(200) == []
    assert stream.watch(60, lambda s: 4.0) == [(Fault.LOW_FRAME_RATE, True)]
    assert stream.watch(60) == [(Fault.LOW_FRAME_RATE, False)]


RATES: list[Rate] = [
    lambda s: 7.5 if s > 150 else 15.0,  # a slow shutter at night
    lambda s: 15.0 if s % 40 < 20 else 3.0,  # more when more happens
    lambda s: 2.0 if s % 200 < 20 and s > 100 else 15.0,  # a moment's weak Wi-Fi
]


@pytest.mark.parametrize("rate", RATES)
def test_a_rate_that_varies_as_cameras_do_is_no_fault(rate: Rate) -> None:
    assert Stream().watch(1000, rate) == []


def test_a_rate_that_somebody_set_is_the_usual_one() -> None:
    stream = Stream()
    assert stream.watch(200) == []
    stream.stated_fps = 5.0
    assert stream.watch(200, lambda s: 5.0) == []
    assert stream.watch(60, lambda s: 1.0) == [(Fault.LOW_FRAME_RATE, True)]


def test_damaged_pictures_are_told_and_the_odd_one_is_not() -> None:
    stream = Stream()
    assert stream.watch(200, damaged=0.1) == []
    assert stream.watch(60, damaged=0.6) == [(Fault.GLITCHING, True)]
    assert stream.watch(60) == [(Fault.GLITCHING, False)]


def test_what_was_said_of_a_stream_ends_with_it() -> None:
    stream = Stream()
    stream.watch(200)
    stream.watch(60, damaged=0.6)
    assert stream.watch(1, online=False) == [(Fault.GLITCHING, False)]
    assert stream.watch(60, online=False) == [(Fault.LOST, True)]
    ended = stream.health.close(1000.0)
    assert [(change.fault, change.begins) for change in ended] == [(Fault.LOST, False)]


def test_what_is_ignored_is_not_told() -> None:
    health = StreamHealth([Fault.LOST, Fault.GLITCHING, Fault.LOW_FRAME_RATE])
    stream = Stream(health)
    assert stream.watch(200) == []
    assert stream.watch(100, lambda s: 1.0, damaged=1) == []
    assert stream.watch(100, online=False) == []
