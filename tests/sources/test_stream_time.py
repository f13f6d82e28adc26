"""A camera's time stamps that lie, and the even timeline that comes out all the same."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from edge_agent.sources.stream_time import StreamTime


def placed(
    stamps: Callable[[int], float], packets: int = 300, step_s: float = 0.1
) -> tuple[list[float], StreamTime]:
    time = StreamTime()
    return [time.placed(stamps(i), 1000.0 + i * step_s) for i in range(packets)], time


def test_time_that_follows_the_clock_is_left_alone() -> None:
    out, time = placed(lambda i: 50.0 + i * 0.1)
    assert out == [50.0 + i * 0.1 for i in range(300)]
    assert (time.remark, time.slips) == ("", 0)


@pytest.mark.parametrize(
    ("stamps", "words"),
    [
        (lambda _i: 7.0, "stand still"),
        (lambda i: min(i, 60) * 0.1, "stand still"),
        (lambda i: i * 0.1 / 90, "0.0111 times the clock's pace"),
        (lambda i: i * 0.1 * 11, "11 times the clock's pace"),
        (lambda i: i * 0.03, "0.3 times the clock's pace"),
        (lambda i: 500.0 - i * 0.1, "backwards"),
    ],
)
def test_arrival_stands_in_where_time_does_not_follow_it(
    stamps: Callable[[int], float], words: str
) -> None:
    out, time = placed(stamps)
    steps = [b - a for a, b in pairwise(out[120:])]
    assert steps == pytest.approx([0.1] * len(steps))
    assert words in time.remark
    assert "times of arrival stand in" in time.remark


def test_a_single_outlier_is_restamped_and_its_neighbours_are_not() -> None:
    def stamps(i: int) -> float:
        return i * 0.1 + (0 if i % 20 != 15 else (-9800.0, 37600.0)[i // 20 % 2])

    out, time = placed(stamps)
    assert out == pytest.approx([i * 0.1 for i in range(300)])
    assert time.slips == 15
    assert "15 of the camera's time stamps jumped" in time.remark


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0, 86_400.0, 7.0, -7.0])
def test_a_clock_that_was_set_is_followed_without_a_step(jump_s: float) -> None:
    out, time = placed(lambda i: i * 0.1 + (jump_s if i >= 100 else 0.0))
    assert [b - a for a, b in pairwise(out)] == pytest.approx([0.1] * 299)
    assert time.slips < 5
    assert time.remark == "" or "jumped" in time.remark


def test_b_frames_keep_their_order() -> None:
    order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8]

    def stamps(i: int) -> float:
        return (i // 10 * 10 + order[i % 10]) * 0.1

    out, _ = placed(stamps)
    assert out == [stamps(i) for i in range(300)]


def test_a_stalled_network_is_no_wrong_clock() -> None:
    """8 s of packets come at once, twice."""
    time = StreamTime()
    for i in range(600):
        arrived_s = i * 0.1
        for begin_s in (20.0, 40.0):
            if begin_s <= arrived_s < begin_s + 8:
                arrived_s = begin_s + 8
        assert time.placed(i * 0.1, arrived_s) == pytest.approx(i * 0.1)
    assert time.remark == ""


def test_a_camera_that_sends_its_past_at_once_is_no_fast_clock() -> None:
    time = StreamTime()
    for i in range(300):
        assert time.placed(i * 0.1, max(0.0, i - 40) * 0.1) == pytest.approx(i * 0.1)
    assert time.remark == ""


def test_time_that_is_right_again_is_believed_again() -> None:
    out, time = placed(lambda i: max(i, 100) * 0.1, packets=400)
    assert time.remark == ""
    assert out[-1] - out[300] == pytest.approx(9.9)


def test_one_picture_a_second_is_slow_and_not_wrong() -> None:
    out, time = placed(float, packets=60, step_s=1.0)
    assert out[-1] == 59.0
    assert time.remark == ""


@pytest.mark.parametrize(
    ("off_s", "is_slip"), [(1.9, False), (2.3, True), (-1.9, False), (-2.3, True)]
)
def test_one_that_is_two_seconds_off_is_a_slip_and_less_is_none(
    off_s: float, is_slip: bool
) -> None:
    out, time = placed(lambda i: i * 0.1 + (off_s if i == 50 else 0.0))
    assert time.slips == is_slip
    assert (out[50] == pytest.approx(5.0)) is is_slip
    assert out[51:] == pytest.approx([i * 0.1 for i in range(51, 300)])


def test_three_slips_are_told_for_two_minutes() -> None:
    def remark(*slips: int, packets: int) -> str:
        return placed(lambda i: i * 0.1 + (3600.0 if i in slips else 0.0), packets)[1].remark

    assert remark(20, 40, packets=300) == ""
    assert remark(20, 40, 60, packets=1250).startswith("3 of the camera's time stamps jumped")
    assert remark(20, 40, 60, packets=1270) == ""


@pytest.mark.parametrize(("alike", "stands"), [(6, False), (7, True)])
def test_slices_of_one_picture_have_one_time(alike: int, stands: bool) -> None:
    _, time = placed(lambda i: i // alike * alike * 0.1)
    assert ("stand still" in time.remark) is stands
    assert bool(time.remark) is stands


@pytest.mark.parametrize(
    ("pace", "words"), [(0.6, ""), (0.4, "0.4 times"), (1.8, ""), (2.5, "2.5 times")]
)
def test_half_and_twice_the_clocks_pace_are_the_bounds(pace: float, words: str) -> None:
    _, time = placed(lambda i: i * 0.1 * pace)
    assert words in time.remark
    assert bool(words) is bool(time.remark)


def test_nine_good_seconds_make_it_believed_again() -> None:
    def remark(packets: int) -> str:
        return placed(lambda i: max(i, 100) * 0.1, packets)[1].remark

    assert remark(100 + 80) != ""
    assert remark(100 + 125) == ""
