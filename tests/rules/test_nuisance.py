"""A statue is told often enough to be learned, and a resident never is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from edge_agent.config.schema import PersonConfig
from edge_agent.domain import RuleHit, Track
from edge_agent.geometry import BBox
from edge_agent.rules import RuleEngine
from edge_agent.rules.nuisance import (
    COUNTED_EVERY_S,
    FORGET_AFTER_S,
    FORGET_UNSEEN_S,
    LARGEST_SUM_FRAC,
    LEARN_OVER_S,
    LEARN_TIMES,
    MOST_SPOTS,
    NuisanceMap,
)

STATUE = BBox(0.4, 0.3, 0.1, 0.4)
HOUR_S = 3600.0
NEVER = float("-inf")


def track(
    number: int,
    at_s: float,
    bbox: BBox = STATUE,
    *,
    moved_s: float = NEVER,
    begun: BBox | None = None,
) -> Track:
    return Track(number, bbox, 0.9, 0.9, 0.9, at_s, at_s, 5, begun or bbox, moved_s)


def engine() -> RuleEngine:
    return RuleEngine(PersonConfig(), confirm_threshold=0.5)


def told(rules: RuleEngine, tracks: Sequence[Track], at_s: float) -> Sequence[RuleHit]:
    return rules.update(tracks, at_s, 0)


def haunted(rules: RuleEngine, times: int, every_s: float, begin_s: float = 0.0) -> list[bool]:
    """Whether each of so many appearances of the statue was told."""
    answers = []
    for number in range(times):
        at_s = begin_s + number * every_s
        answers.append(bool(told(rules, [track(number, at_s)], at_s)))
        told(rules, [], at_s + 60.0)
    return answers


def learned() -> tuple[RuleEngine, float]:
    """An engine that knows the statue, and the moment."""
    rules = engine()
    haunted(rules, LEARN_TIMES, HOUR_S)
    assert len(rules.nuisances) == 1
    return rules, LEARN_TIMES * HOUR_S


def test_a_statue_that_is_a_person_again_and_again_for_hours_is_told_no_more() -> None:
    answers = haunted(engine(), 2 * LEARN_TIMES, HOUR_S)
    assert answers == [True] * LEARN_TIMES + [False] * LEARN_TIMES


def test_often_is_not_enough_it_must_go_on_for_hours() -> None:
    rules = engine()
    assert all(haunted(rules, 50, LEARN_OVER_S / 51))
    assert not rules.nuisances


def test_what_stands_there_for_hours_without_ever_moving_is_learned_and_its_event_ends() -> None:
    rules = engine()
    reported = [
        at_s
        for at_s in range(0, 6 * 3600, 10)
        if told(rules, [Track(1, STATUE, 0.9, 0.9, 0.9, 0.0, at_s, 9, STATUE)], at_s)
    ]
    assert LEARN_OVER_S <= max(reported) <= LEARN_OVER_S + COUNTED_EVERY_S + 20


def test_who_walked_in_and_sits_for_a_day_is_never_learned() -> None:
    rules = engine()
    door = BBox(0.0, 0.3, 0.1, 0.4)
    for at_s in range(0, 24 * 3600, 60):
        sitting = Track(1, STATUE, 0.9, 0.9, 0.9, 0.0, float(at_s), 9, door)
        assert told(rules, [sitting], float(at_s))
    assert not rules.nuisances


def test_who_moves_now_and_then_is_never_learned() -> None:
    rules = engine()
    for number in range(40):
        at_s = number * HOUR_S / 4
        assert told(rules, [track(number, at_s)], at_s)
        if number % 4 == 3:  # the sleeper turns over
            assert told(rules, [track(number, at_s, moved_s=at_s + 5)], at_s + 5)
        told(rules, [], at_s + 60)
    assert not rules.nuisances


def test_a_person_in_front_of_the_statue_is_told_as_soon_as_they_move() -> None:
    rules, at_s = learned()
    assert not told(rules, [track(100, at_s)], at_s)
    moving = Track(100, STATUE, 0.9, 0.9, 0.9, at_s, at_s + 1, 6, STATUE, at_s + 1)
    assert told(rules, [moving], at_s + 1)
    walks_by = track(101, at_s + 2, STATUE, begun=BBox(0.0, 0.3, 0.1, 0.4))
    assert told(rules, [walks_by], at_s + 2)


def test_somebody_else_elsewhere_is_told() -> None:
    rules, at_s = learned()
    assert told(rules, [track(100, at_s, BBox(0.6, 0.3, 0.1, 0.4))], at_s)


def test_what_began_there_and_moves_was_alive_and_is_forgotten() -> None:
    rules, at_s = learned()
    told(rules, [track(100, at_s)], at_s)
    told(rules, [track(100, at_s, moved_s=at_s + 1)], at_s + 1)
    assert not rules.nuisances


@pytest.mark.parametrize(
    ("again_s", "told_again"), [(FORGET_UNSEEN_S - HOUR_S, False), (FORGET_UNSEEN_S + 1, True)]
)
def test_a_place_unseen_for_a_day_is_forgotten(again_s: float, told_again: bool) -> None:
    rules, at_s = learned()
    at_s += again_s - HOUR_S
    assert bool(told(rules, [track(100, at_s)], at_s)) is told_again


def test_every_place_is_told_again_after_a_week() -> None:
    rules = engine()
    answers = haunted(rules, round(FORGET_AFTER_S / HOUR_S) + 2 * LEARN_TIMES, HOUR_S)
    again = [i for i, yes in enumerate(answers) if yes and i >= LEARN_TIMES]
    assert len(again) == LEARN_TIMES
    assert again[0] == pytest.approx(FORGET_AFTER_S / HOUR_S + LEARN_TIMES, abs=2)


def test_a_box_cannot_go_blind() -> None:
    many, large = NuisanceMap(), NuisanceMap()
    places = [BBox(0.06 * (i % 15), 0.3 * (i // 15), 0.04, 0.2) for i in range(30)]
    for number in range(3 * LEARN_TIMES):
        at_s = number * HOUR_S
        many.learn([track(100 * number + i, at_s, box) for i, box in enumerate(places)], at_s)
        large.learn([track(number, at_s, BBox(0.2, 0.1, 0.4, 0.8))], at_s)
    assert 0 < len(many.learned) <= MOST_SPOTS
    assert sum(spot.bbox.area_frac for spot in many.learned) <= LARGEST_SUM_FRAC
    assert len(many.state().spots) <= 33
    assert not large.learned


def test_a_technician_has_them_forgotten() -> None:
    rules, at_s = learned()
    assert rules.forget_nuisances() == 1
    assert not rules.nuisances
    assert told(rules, [track(100, at_s)], at_s)


def test_a_broken_stream_forgets_people_and_keeps_places() -> None:
    rules, at_s = learned()
    rules.reset()
    assert not told(rules, [track(1, at_s)], at_s)


def test_the_next_recording_knows_them() -> None:
    rules, at_s = learned()
    after = engine()
    after.restore(rules.state(), at_s)
    assert not told(after, [track(1, 10.0)], 10.0)
    assert after.nuisances[0].bbox == STATUE
    again = engine()
    again.restore(rules.state(), 0.0)
    assert again.state() == rules.state()
