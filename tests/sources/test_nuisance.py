"""Where motion is nobody's as a rule, and where it is news: on a grid of 32x18 cells."""

from __future__ import annotations

import pytest

from edge_agent.geometry import BBox
from edge_agent.sources.gate.nuisance import NuisanceMap

#: Four cells wide, three high.
LEAVES = BBox(8 / 32, 6 / 18, 4 / 32, 3 / 18)
CALM: tuple[BBox, ...] = ()


class Garden:
    def __init__(self) -> None:
        self.map = NuisanceMap()
        self.at_s = 0.0
        self.map.learn(CALM, CALM, 0.0)

    def goes_on(
        self, seconds: float, *moving: BBox, step_s: float = 0.5, person: BBox | None = None
    ) -> None:
        people = (person,) if person else ()
        for _ in range(round(seconds / step_s)):
            self.at_s += step_s
            self.map.learn(moving, people, self.at_s)


def cells(left: int, top: int, columns: int, rows: int) -> BBox:
    """Well inside the border of these."""
    return BBox((left + 0.1) / 32, (top + 0.1) / 18, (columns - 0.2) / 32, (rows - 0.2) / 18)


def test_six_seconds_of_motion_are_known_and_less_are_not() -> None:
    garden = Garden()
    garden.goes_on(5.5, LEAVES)
    assert not garden.map.covers(LEAVES)
    garden.goes_on(0.5, LEAVES)
    assert garden.map.covers(LEAVES)


def test_two_cells_around_it_are_known_too_and_no_others() -> None:
    garden = Garden()
    garden.goes_on(6.0, cells(8, 6, 4, 3))
    assert garden.map.covers(cells(6, 4, 8, 7))
    assert garden.map.frac == pytest.approx(8 * 7 / (32 * 18))
    for outside in (cells(4, 6, 2, 3), cells(14, 6, 2, 3), cells(8, 2, 4, 2), cells(8, 11, 4, 2)):
        assert not garden.map.covers(outside)


def test_what_reaches_a_third_beyond_it_is_news() -> None:
    garden = Garden()
    garden.goes_on(6.0, cells(8, 6, 4, 3))
    assert garden.map.covers(cells(6, 4, 12, 1)), "8 of 12 cells"
    assert not garden.map.covers(cells(6, 4, 13, 1)), "8 of 13"


@pytest.mark.parametrize("corner", [cells(0, 0, 2, 2), cells(30, 16, 2, 2), BBox(1.0, 1.0, 0, 0)])
def test_the_edge_of_the_picture_is_like_any_place(corner: BBox) -> None:
    garden = Garden()
    garden.goes_on(6.0, corner)
    assert garden.map.covers(corner)
    assert garden.map.frac <= 16 / (32 * 18)


def test_pictures_far_apart_say_nothing_of_the_time_between() -> None:
    garden = Garden()
    garden.goes_on(60.0, LEAVES, step_s=60.0)
    assert not garden.map.covers(LEAVES)
    garden.goes_on(60.0, LEAVES, step_s=60.0)
    assert garden.map.covers(LEAVES), "four seconds each"


def test_a_clock_that_stands_or_goes_back_teaches_nothing() -> None:
    garden = Garden()
    for at_s in (5.0, 5.0, 0.0):
        garden.map.learn((LEAVES,), CALM, at_s)
    assert not garden.map.covers(LEAVES)


def test_calm_is_believed_within_half_an_hour_but_not_at_once() -> None:
    garden = Garden()
    garden.goes_on(600.0, LEAVES)
    garden.goes_on(20 * 60.0, step_s=2.0)
    assert garden.map.covers(LEAVES), "wind comes in gusts"
    garden.goes_on(10 * 60.0, step_s=2.0)
    assert not garden.map.covers(LEAVES)


def test_two_wakes_for_nobody_are_enough() -> None:
    garden = Garden()
    for known in (False, True):
        garden.map.wake_begins()
        garden.goes_on(0.5, LEAVES)
        garden.map.wake_was_for_nobody()
        assert garden.map.covers(LEAVES) is known


def test_a_wake_counts_where_things_moved_in_it_and_once() -> None:
    garden = Garden()
    garden.goes_on(0.5, cells(20, 12, 2, 2))
    garden.map.wake_begins()
    garden.goes_on(0.5, LEAVES)
    for _ in range(3):
        garden.map.wake_was_for_nobody()
    assert not garden.map.covers(LEAVES)
    assert not garden.map.covers(cells(20, 12, 2, 2))


def test_where_a_person_was_it_has_to_be_learnt_again() -> None:
    garden = Garden()
    garden.goes_on(60.0, LEAVES)
    garden.goes_on(0.5, person=LEAVES)
    assert not garden.map.covers(LEAVES)
    garden.goes_on(2.0, LEAVES)
    assert not garden.map.covers(LEAVES)
    garden.goes_on(0.5, LEAVES)
    assert garden.map.covers(LEAVES)
