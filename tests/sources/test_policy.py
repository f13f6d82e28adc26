"""Which streams can be gated: by the times between their keyframes, on any clock of a camera."""

from __future__ import annotations

import pytest

from edge_agent.sources.gate import PacketFact, Policy
from edge_agent.sources.gate.policy import (
    FULL_FOR_S,
    MEASURING,
    PICTURELESS,
    GopWatch,
    plan_for,
)


@pytest.mark.parametrize(
    ("intervals_s", "policy", "words"),
    [
        ([1.0, 1.0, 1.0], Policy.KEYS, "a keyframe every 1.0 s"),
        ([1.0, 1.0, 1.65], Policy.KEYS, "a keyframe every 1.0 s"),
        ([1.0, 1.0, 1.85], Policy.FULL, "varies up to 1.9 s"),
        ([1.6, 1.6, 1.7], Policy.KEYS, "a keyframe every 1.6 s; visits shorter"),
        ([2.0, 2.0, 3.6], Policy.KEYS, "a keyframe every 2.0 s; visits shorter"),
        ([2.0, 2.0, 3.7], Policy.FULL, "varies up to 3.7 s"),
        ([4.0, 4.0, 4.15], Policy.KEYS, "a keyframe every 4.0 s; visits shorter"),
        ([4.0, 4.0, 4.2], Policy.FULL, "a keyframe only every 4.2 s"),
    ],
)
def test_the_longest_time_between_keyframes_decides(
    intervals_s: list[float], policy: Policy, words: str
) -> None:
    plan = plan_for(intervals_s)
    assert plan.policy is policy
    assert words in plan.reason
    assert ("I-frame interval" in plan.advice) is (policy is Policy.FULL or "visits" in words)


class Stream:
    """Four packets a second, from any moment of the camera's clock on."""

    def __init__(self, begin_s: float) -> None:
        self.watch, self.at_s = GopWatch(), begin_s

    def gop(self, packets: int, times: int = 1, step_s: float = 0.25) -> Stream:
        for _ in range(times):
            for number in range(packets):
                self.watch.add(PacketFact(number == 0, self.at_s, self.at_s))
                self.at_s += step_s
        return self

    @property
    def policy(self) -> Policy:
        return self.watch.plan.policy


@pytest.fixture(params=[0.0, 90_000.0])
def stream(request: pytest.FixtureRequest) -> Stream:
    return Stream(request.param)


def test_three_intervals_are_measured(stream: Stream) -> None:
    stream.gop(4, 3)
    assert stream.watch.plan is MEASURING
    stream.gop(4)
    assert stream.policy is Policy.KEYS
    assert not stream.watch.all_intra


def test_a_stream_of_keyframes_needs_three_of_them(stream: Stream) -> None:
    stream.gop(1, 3)
    assert not stream.watch.all_intra
    stream.gop(1)
    assert stream.watch.all_intra
    stream.gop(1, 20)
    assert stream.watch.all_intra
    stream.gop(2, 1)
    stream.gop(1, 1)
    assert not stream.watch.all_intra


def test_a_keyframe_that_is_overdue_ends_the_gating_at_once_and_for_five_minutes(
    stream: Stream,
) -> None:
    stream.gop(4, 6)
    stream.gop(18)  # 4.25 s after its keyframe
    assert stream.policy is Policy.FULL
    began_s = stream.at_s
    while stream.at_s < began_s + FULL_FOR_S - 1.0:
        stream.gop(4)
        assert stream.policy is Policy.FULL
    stream.gop(4, 12)  # it is among the eight newest intervals for so long
    assert stream.policy is Policy.KEYS


def test_sixteen_packets_without_a_keyframe_are_not_overdue(stream: Stream) -> None:
    stream.gop(4, 6)
    stream.gop(17)
    assert stream.policy is Policy.KEYS


def test_a_keyframe_without_a_picture_counts_as_long(stream: Stream) -> None:
    stream.gop(4, 6)
    stream.watch.pictureless(stream.at_s - 1.0)
    assert stream.watch.plan is PICTURELESS
    stream.gop(4, 290)
    assert stream.watch.plan is PICTURELESS
    stream.gop(4, 20)
    assert stream.policy is Policy.KEYS


@pytest.mark.parametrize("jump_s", [-3600.0, -5.0, 65.0, 3600.0])
def test_a_clock_that_was_set_is_no_long_interval(stream: Stream, jump_s: float) -> None:
    stream.gop(4, 6)
    stream.at_s += jump_s
    stream.gop(4, 6)
    assert stream.policy is Policy.KEYS


def test_a_gap_of_half_a_minute_is_one(stream: Stream) -> None:
    stream.gop(4, 6)
    stream.at_s += 30.0
    stream.gop(4, 6)
    assert stream.policy is Policy.FULL
