"""Looks are spent where they change a decision, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from edge_agent.config.schema import PersonConfig
from edge_agent.domain import Detection, Region
from edge_agent.geometry import BBox
from edge_agent.track import Tracker
from edge_agent.track.looks import LookPolicy

FPS = 5.0
BUSH = BBox(0.1, 0.1, 0.2, 0.2)
PERSON = BBox(0.4, 0.3, 0.1, 0.4)

Moves = Callable[[float], Sequence[BBox]]


def person(score: float = 0.9, x: float = 0.4) -> Detection:
    return Detection(BBox(x, 0.3, 0.1, 0.4), score)


def looks(
    seconds: float,
    moving: Moves,
    found: Callable[[float], Sequence[Detection]],
    *,
    config: PersonConfig | None = None,
) -> list[float]:
    """The moments at which the detector was asked, of a tracker that sees what it asks for."""
    tracker, asked = Tracker(config or PersonConfig(), high_score=0.5), []
    for index in range(round(seconds * FPS)):
        at_s = index / FPS
        regions = tracker.look_at([Region(box) for box in moving(at_s)], at_s)
        searched = [region.bbox for region in regions]
        seen = [
            each
            for each in found(at_s)
            if any(each.bbox.intersection_frac(box) > 0.6 * each.bbox.area_frac for box in searched)
        ]
        tracker.update(seen, searched, at_s)
        asked += [at_s] if regions else []
    return asked


def between(moments: Sequence[float], begin_s: float, end_s: float) -> int:
    return sum(begin_s <= moment < end_s for moment in moments)


def test_an_idle_picture_is_never_looked_at() -> None:
    assert looks(60.0, lambda _: (), lambda _: ()) == []


def test_new_motion_is_looked_at_in_that_very_picture() -> None:
    asked = looks(20.0, lambda at_s: [BUSH] if at_s >= 10 else [], lambda _: ())
    assert asked[0] == 10.0
    assert between(asked, 10.0, 11.0) == 5


def test_motion_elsewhere_is_new_however_long_a_bush_has_been_moving() -> None:
    gate = BBox(0.7, 0.5, 0.1, 0.3)
    quiet = looks(60.0, lambda _: [BUSH], lambda _: ())
    alarm = looks(60.0, lambda at_s: [BUSH, gate] if at_s >= 50.2 else [BUSH], lambda _: ())
    assert 50.2 in alarm
    assert between(alarm, 50.2, 51.2) == 5
    assert between(quiet, 50.2, 51.2) <= 2


def test_a_bush_that_moves_for_minutes_is_looked_at_less_and_less() -> None:
    asked = looks(60.0, lambda _: [BUSH], lambda _: ())
    assert between(asked, 0.0, 1.0) == 5
    assert between(asked, 30.0, 60.0) <= 30 / 0.8


def test_a_bush_that_rests_and_moves_again_is_new_motion() -> None:
    asked = looks(60.0, lambda at_s: [] if 40 <= at_s < 45 else [BUSH], lambda _: ())
    assert between(asked, 45.0, 46.0) == 5


def test_who_walks_up_from_a_moving_bush_is_looked_at_in_every_picture_once_suspected() -> None:
    asked = looks(30.0, lambda _: [BUSH], lambda at_s: [Detection(BUSH, 0.3)] if at_s >= 4 else [])
    assert between(asked, 4.4, 6.4) == 10


def walker(at_s: float) -> BBox:
    return BBox(0.05 + 0.03 * at_s, 0.3, 0.1, 0.4)


def test_a_walker_is_looked_at_in_every_picture_until_confirmed_then_twice_a_second() -> None:
    asked = looks(20.0, lambda at_s: [walker(at_s)], lambda at_s: [Detection(walker(at_s), 0.9)])
    assert asked[:3] == [0.0, 0.2, 0.4]
    assert 10 / 0.6 - 2 <= between(asked, 5.0, 15.0) <= 10 / 0.6 + 2


def test_a_walker_who_is_not_sure_yet_is_looked_at_in_every_picture_for_a_while() -> None:
    def found(at_s: float) -> list[Detection]:
        return [Detection(walker(at_s), 0.9 if at_s == 0 else 0.45)]

    asked = looks(20.0, lambda at_s: [walker(at_s)], found)
    assert between(asked, 0.0, 3.0) == 15
    assert between(asked, 10.0, 20.0) <= 26


@pytest.mark.parametrize("needed", [3, 5, 8])
def test_enough_looks_fall_into_the_window_of_the_confirm_rule(needed: int) -> None:
    config = PersonConfig(confirm_looks=needed, confirm_window_s=4.0)
    asked = looks(
        20.0,
        lambda at_s: [walker(at_s)],
        lambda at_s: [Detection(walker(at_s), 0.9)],
        config=config,
    )
    assert min(between(asked, at_s, at_s + 4.0) for at_s in (5.0, 8.0, 12.0)) >= needed


def test_who_stands_still_is_looked_at_once_a_second() -> None:
    asked = looks(30.0, lambda at_s: [PERSON] if at_s < 0.2 else [], lambda _: [person()])
    assert 20 / 1.0 <= between(asked, 10.0, 30.0) <= 20 / 0.8 + 1


def test_who_stands_still_is_looked_at_in_every_picture_until_confirmed() -> None:
    asked = looks(3.0, lambda at_s: [PERSON] if at_s < 0.2 else [], lambda _: [person()])
    assert asked[:3] == [0.0, 0.2, 0.4]
    assert between(asked, 0.5, 1.2) == 0


def test_two_close_together_are_looked_at_in_every_picture() -> None:
    def found(at_s: float) -> list[Detection]:
        return [Detection(walker(at_s), 0.9), Detection(_beside(walker(at_s)), 0.9)]

    asked = looks(10.0, lambda at_s: [d.bbox for d in found(at_s)], found)
    assert between(asked, 5.0, 10.0) == 25


def _beside(box: BBox) -> BBox:
    return BBox(box.x + 2.5 * box.w, box.y, box.w, box.h)


def test_a_walker_who_is_not_found_is_looked_for_in_every_picture() -> None:
    def found(at_s: float) -> list[Detection]:
        return [] if 6 <= at_s < 7.2 else [Detection(walker(at_s), 0.9)]

    asked = looks(10.0, lambda at_s: [walker(at_s)], found)
    missed_s = next(moment for moment in asked if moment >= 6)
    assert between(asked, missed_s, 7.2) == round((7.2 - missed_s) * FPS)


def test_one_picture_serves_all_who_would_be_due_soon() -> None:
    places = [0.02 + 0.24 * i for i in range(4)]

    def found(at_s: float) -> list[Detection]:
        return [
            Detection(BBox(x + 0.002 * at_s, 0.3, 0.04, 0.3), 0.9)
            for i, x in enumerate(places)
            if at_s >= 0.2 * i
        ]

    asked = looks(20.0, lambda at_s: [d.bbox for d in found(at_s)], found)
    assert between(asked, 10.0, 20.0) <= 10 / 0.4 + 1


def test_a_suspect_who_keeps_still_gets_some_more_looks_and_no_more() -> None:
    asked = looks(30.0, lambda at_s: [PERSON] if at_s < 0.2 else [], lambda _: [person(score=0.3)])
    assert 3 <= len(asked) <= 6
    assert asked[-1] < 3.0


def test_what_is_remembered_is_bounded() -> None:
    policy = LookPolicy()
    for index in range(500):
        box = BBox((index % 25) / 25, (index // 25) / 25, 0.02, 0.02)
        at_s = index / 1000
        policy.look_at([Region(box)], [], at_s, at_s)
        policy.learn([box], [], at_s)
    assert len(policy._places) <= 16


def test_somebody_new_in_the_motion_of_a_confirmed_walker_is_looked_at_in_that_picture() -> None:
    def moving(at_s: float) -> list[BBox]:
        own = walker(at_s)
        return [own if at_s < 8.0 else BBox(own.x, 0.1, 1 - own.x, 0.8)]

    asked = looks(12.0, moving, lambda at_s: [Detection(walker(at_s), 0.9)])
    assert between(asked, 8.0, 9.0) == 5
