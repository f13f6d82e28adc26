"""How events of two models are paired, and what counts as in time."""

from benchmarks._replays import Visit
from benchmarks.unmet import Scene, in_time, matched


def seen(start_s: float, end_s: float, told_s: float | None = None) -> Visit:
    return Visit(start_s, start_s if told_s is None else told_s, end_s, 0.9, None)


def test_each_event_is_matched_once() -> None:
    assert matched([seen(0, 5), seen(4, 9)], [seen(0, 9)]) == 1
    assert matched([seen(0, 5), seen(4, 9)], [seen(0, 4), seen(5, 9)]) == 2
    assert matched([seen(0, 5)], [seen(5, 9)]) == 0
    assert matched([], [seen(0, 1)]) == 0


def test_in_time_is_within_two_and_a_half_seconds_of_being_visible() -> None:
    assert in_time(Scene("a", 4.0), [seen(4, 9, 6.5)])
    assert not in_time(Scene("a", 4.0), [seen(4, 9, 6.6)])
    assert not in_time(Scene("a", 4.0), [])


def test_where_nobody_is_nobody_may_be_told() -> None:
    assert in_time(Scene("a", None), [])
    assert not in_time(Scene("a", None), [seen(1, 2)])
