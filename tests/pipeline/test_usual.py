"""What is usual by hour of the week: weeks of a made-up street, and what is far from it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import msgspec
import numpy as np
import pytest

from edge_agent.domain import CameraId, EndReason, Event, EventId, Label, Phase, Severity
from edge_agent.pipeline.usual import HOURS, UsualWatch

CAMERA = CameraId("gate")
STEP_S = 10.0
HOUR_S = 3600.0


def person(number: int, at_s: float) -> Event:
    return Event(
        event_id=EventId(f"person-{number}"),
        camera=CAMERA,
        label=Label.PERSON,
        phase=Phase.START,
        rev=0,
        at_s=at_s,
        start_s=at_s,
        end_s=None,
        score=0.9,
        top_score=0.9,
        bbox=None,
    )


def by_day(hour: int) -> float:
    """People in an hour of an ordinary alley."""
    return {7: 12.0, 8: 10.0, 12: 6.0, 17: 14.0, 18: 10.0}.get(
        hour, 3.0 if 6 <= hour <= 21 else 0.1
    )


class Street:
    """Time begins on a Monday at midnight."""

    def __init__(self, *, seed: int = 1, groups: int = 1) -> None:
        ids = itertools.count()
        self.watch = UsualWatch(CAMERA, lambda *_: EventId(f"{next(ids)}"))
        self.at_s, self.hour = 0.0, 0
        self.events: list[Event] = []
        self._rng = np.random.default_rng(seed)
        self._groups = groups
        self._numbers = itertools.count()

    def live(self, hours: int, factor: float = 1.0) -> None:
        for _ in range(hours):
            groups = self._rng.poisson(by_day(self.hour % 24) * factor / self._groups)
            moments = sorted(self._rng.integers(0, int(HOUR_S / STEP_S), groups))
            for step in range(int(HOUR_S / STEP_S)):
                self.at_s += STEP_S
                came = moments.count(step) * self._groups if groups else 0
                people = [person(next(self._numbers), self.at_s) for _ in range(came)]
                minute = (self.hour * 60 + int(step * STEP_S / 60)) % (HOURS * 60)
                self.events += self.watch.update(people, self.at_s, minute)
            self.hour += 1

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(e.health.kind, str(e.phase)) for e in self.events if e.health is not None]


class Clockwork:
    """As many people in each hour of two weeks; then told numbers for further hours."""

    def __init__(self, people: int) -> None:
        self.watch = UsualWatch(CAMERA, lambda *_: EventId("news"))
        self.at_s = 0.0
        self.events: list[Event] = []
        self.hours(people, 2 * HOURS)

    def hours(self, people: int, hours: int = 1) -> None:
        due_s = HOUR_S / people if people else float("inf")
        for _ in range(hours):
            come = [round(number * due_s / STEP_S) for number in range(people)]
            for step in range(int(HOUR_S / STEP_S)):
                new = [person(each, self.at_s) for each, at in enumerate(come) if at == step]
                minute = int(self.at_s // 60) % (HOURS * 60)
                self.events += self.watch.update(new, self.at_s, minute)
                self.at_s += STEP_S

    def details(self) -> list[Mapping[str, object]]:
        return [each.health.detail for each in self.events if each.health is not None]


@pytest.mark.parametrize(("usual", "most"), [(3, 20), (24, 54)])
def test_more_than_six_deviations_and_twenty_people_an_hour_are_busy(usual: int, most: int) -> None:
    street = Clockwork(usual)
    street.hours(most)
    assert street.events == []
    street.hours(usual)
    street.hours(most + 2)
    (detail,) = street.details()
    assert detail["people_in_1h"] == most + 1
    assert (detail["usual_per_h"], detail["limit_per_h"]) == (usual, most)
    assert [each.phase for each in street.events] == [Phase.START]
    street.hours(usual)
    assert [each.phase for each in street.events] == [Phase.START, Phase.END]


@pytest.mark.parametrize(("usual", "hours", "people"), [(3, 4.0, 12.0), (24, 3.0, 72.0)])
def test_nobody_for_three_hours_in_which_twelve_were_to_come_is_silence(
    usual: int, hours: float, people: float
) -> None:
    street = Clockwork(usual)
    street.hours(0, 6)
    (detail,) = street.details()
    assert detail["silent_h"] == pytest.approx(hours, abs=0.35)
    assert detail["usual_people"] == pytest.approx(people, abs=1.0)
    assert detail["usual_per_h"] == usual


def test_an_ordinary_month_of_a_busy_street_is_no_news() -> None:
    street = Street(seed=5)
    street.live(4 * HOURS, factor=5.0)
    assert street.told == []


def test_an_ordinary_month_is_no_news() -> None:
    street = Street(seed=3)
    street.live(4 * HOURS)
    assert street.told == []


def test_people_who_come_in_groups_are_no_news() -> None:
    street = Street(groups=4)
    street.live(5 * HOURS)
    assert street.told == []


def test_a_camera_that_sees_nobody_is_told_within_the_day_with_what_is_usual() -> None:
    street = Street()
    street.live(3 * HOURS + 6)
    street.live(12, factor=0.0)
    assert street.told == [("silent", "start")]
    (start,) = street.events
    assert start.health is not None
    assert start.health.severity is Severity.WARNING
    detail = start.health.detail
    assert 3 <= detail["silent_h"] <= 12
    assert detail["usual_people"] >= 12
    assert detail["usual_per_h"] > 0
    street.live(6)
    assert street.told == [("silent", "start"), ("silent", "end")]


def test_a_quiet_night_is_no_silence() -> None:
    street = Street()
    street.live(2 * HOURS + 22)
    street.live(8, factor=0.0)
    assert street.told == []


def test_a_silence_does_not_become_what_is_usual() -> None:
    street = Street()
    street.live(3 * HOURS + 6)
    street.live(2 * HOURS, factor=0.0)
    street.live(24)
    street.live(24, factor=0.0)
    assert [kind for kind in street.told if kind == ("silent", "start")] == [
        ("silent", "start")
    ] * 2


def test_many_more_than_usual_are_told_and_their_end() -> None:
    street = Street()
    street.live(3 * HOURS + 9)
    street.live(1, factor=25.0)
    street.live(3)
    assert street.told == [("busy", "start"), ("busy", "end")]
    start = street.events[0]
    assert start.health is not None
    assert start.health.detail["people_in_1h"] > start.health.detail["limit_per_h"]
    assert start.health.detail["usual_per_h"] < 15


def test_nothing_is_unusual_before_two_weeks() -> None:
    street = Street()
    street.live(HOURS)
    street.live(HOURS - 24, factor=0.0)
    assert street.told == []


def test_what_was_learned_is_small_and_outlives_a_restart() -> None:
    street = Street()
    street.live(3 * HOURS + 6)
    data = street.watch.state()
    assert len(data) < 6000
    later = Street(seed=9)
    later.watch.restore(data)
    later.hour = street.hour
    later.live(12, factor=0.0)
    assert later.told == [("silent", "start")]


@pytest.mark.parametrize("data", [b"", b"x", b"\x91\x90", b"\x91\x91\x93\x01\x02\x03"])
def test_a_damaged_memory_is_refused(data: bytes) -> None:
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        UsualWatch(CAMERA, lambda *_: EventId("x")).restore(data)


def test_in_1970_nothing_is_learned_or_told() -> None:
    street = Street()
    street.watch.paused = True
    street.live(3 * HOURS)
    assert street.told == []
    street.watch.paused = False
    street.live(12, factor=0.0)
    assert street.told == []


def test_what_is_open_ends_with_the_camera() -> None:
    street = Street()
    street.live(3 * HOURS + 6)
    street.live(12, factor=0.0)
    (end,) = street.watch.close(EndReason.CAMERA_LOST, street.at_s)
    assert (end.phase, end.end_reason) == (Phase.END, EndReason.CAMERA_LOST)
    assert street.watch.close(EndReason.CAMERA_LOST, street.at_s) == []
