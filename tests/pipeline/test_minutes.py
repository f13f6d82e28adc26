"""Minutes in which something moved and nothing was looked at."""

from __future__ import annotations

import pytest

from edge_agent.domain import Lighting, Motion, Region
from edge_agent.geometry import BBox
from edge_agent.pipeline.minutes import MinuteWatch, UnlookedMinute

REGION = Region(BBox(0.4, 0.3, 0.1, 0.3))
MOVES = Motion((REGION,), 0.02, Lighting.STEADY)
STILL = Motion((), 0.0, Lighting.STEADY)
SMALL = Motion((), 0.00015, Lighting.STEADY)
LAMP = Motion((REGION,), 0.9, Lighting.CHANGED)


def watched(*minutes: tuple[Motion, bool]) -> list[UnlookedMinute]:
    """Each minute at 1 fps: what moves in its second half, and whether it was looked at."""
    watch = MinuteWatch(0.0002)
    found = []
    for number, (motion, looked) in enumerate(minutes):
        for second in range(60):
            seen = motion if second >= 30 or motion is LAMP else STILL
            at_s = 60.0 * number + second
            found += watch.update(seen, looked and second == 40, at_s)
    return [*found, *watch.close()]


@pytest.mark.parametrize(
    ("motion", "reason"),
    [
        (MOVES, "looks that found nobody"),
        (SMALL, "motion.min_area_frac"),
        (LAMP, "light that changes"),
    ],
)
def test_a_minute_with_change_and_without_a_look_is_told(motion: Motion, reason: str) -> None:
    first, second = watched((motion, False), (motion, True), (STILL, False), (motion, False))
    assert (first.begin_s, second.begin_s) == (0.0, 180.0)
    assert (first.held_back_by, first.pictures) == (reason, 60)
    assert (second.held_back_by, second.pictures) == (reason, 60)
    for minute in (first, second):
        assert minute.moved == {MOVES: 30, SMALL: 0, LAMP: 60}[motion]
        assert minute.most_changed_frac == (0.0 if motion is LAMP else motion.changed_frac)


def test_a_minute_is_one_of_the_clock_and_told_when_it_is_over() -> None:
    watch = MinuteWatch(0.0002)
    assert watch.update(MOVES, False, 95.0) == ()
    assert watch.update(MOVES, False, 119.9) == ()
    (over,) = watch.update(MOVES, False, 120.0)
    assert (over.begin_s, over.pictures) == (60.0, 2)
    (rest,) = watch.close()
    assert (rest.begin_s, rest.pictures) == (120.0, 1)
    assert watch.close() == ()


def test_half_of_the_least_moving_spot_is_no_noise() -> None:
    watch = MinuteWatch(0.0002)
    watch.update(Motion((), 0.0001, Lighting.STEADY), False, 0.0)
    assert len(watch.close()) == 1


def test_quiet_minutes_and_noise_are_not_told() -> None:
    noise = Motion((), 0.00001, Lighting.STEADY)
    assert watched((STILL, False), (noise, False), (MOVES, True)) == []


def test_where_every_spot_counts_as_moving_no_change_is_not_told() -> None:
    watch = MinuteWatch(0.0)
    assert watch.update(STILL, False, 0.0) == watch.close() == ()
