"""Moments of capture rise, follow the camera's spacing, and stay near the arrival."""

from __future__ import annotations

from itertools import pairwise

import pytest

from edge_agent.domain import Packet
from edge_agent.sources import FrameSampler, LiveCaptureTime, RecordedCaptureTime


def played(timeline: LiveCaptureTime, stream: list[tuple[float, float]]) -> list[float]:
    """Captured moments of packets given as (pts_s, received_s)."""
    moments = []
    for pts_s, received_s in stream:
        timeline.received(Packet(pts_s, received_s, True, 1, None))
        moments.append(timeline.captured_s(pts_s))
    return moments


def rising(moments: list[float]) -> bool:
    return all(a < b for a, b in pairwise(moments))


def test_network_jitter_is_evened_out() -> None:
    jitter = [0.0, 0.08, 0.01, 0.2, 0.03, 0.0, 0.15]
    stream = [(5 + i / 10, 100 + i / 10 + jitter[i % 7]) for i in range(100)]
    moments = played(LiveCaptureTime(), stream)
    assert [b - a for a, b in pairwise(moments)] == pytest.approx([0.1] * 99)
    assert moments[-1] == pytest.approx(100 + 9.9)


def test_buffered_burst_at_the_beginning_ends_in_the_present() -> None:
    burst = [(i / 10, 100.0) for i in range(20)]
    after = [(2 + i / 10, 100.1 + i / 10) for i in range(50)]
    moments = played(LiveCaptureTime(), burst + after)
    assert rising(moments)
    assert moments[-1] == pytest.approx(105.0, abs=0.15)


def test_no_moment_lies_after_the_arrival() -> None:
    stream = [(i / 10, 50 + i / 10 * 0.99) for i in range(300)]  # the camera's clock runs fast
    moments = played(LiveCaptureTime(), stream)
    assert all(m <= received + 0.02 for m, (_, received) in zip(moments, stream, strict=True))


def test_slow_camera_clock_is_anchored_anew() -> None:
    stream = [(i / 10 * 0.95, 50 + i / 10) for i in range(600)]  # 3 s lost in a minute
    moments = played(LiveCaptureTime(), stream)
    late = [received - m for m, (_, received) in zip(moments, stream, strict=True)]
    assert max(late) < 0.75
    assert rising(moments)


def test_short_hiccup_does_not_move_the_anchor() -> None:
    stream = [
        (i / 10, 10 + i / 10 + (1.5 - (i - 50) / 10 if 50 <= i < 65 else 0)) for i in range(99)
    ]
    assert [b - a for a, b in pairwise(played(LiveCaptureTime(), stream))] == pytest.approx(
        [0.1] * 98
    )


@pytest.mark.parametrize("jump_s", [-3600.0, -6.0, 6.0, 90_000.0])
def test_camera_that_sets_its_clock_is_followed_at_once(jump_s: float) -> None:
    stream = [(1000 + i / 10 + (jump_s if i >= 30 else 0), 10 + i / 10) for i in range(90)]
    moments = played(LiveCaptureTime(), stream)
    assert rising(moments)
    assert moments[35] == pytest.approx(10 + 3.5, abs=0.2)
    assert moments[-1] == pytest.approx(10 + 8.9, abs=0.2)


def test_the_offset_leads_from_the_streams_time_to_the_moment_and_is_none_before_it() -> None:
    for timeline in (LiveCaptureTime(), RecordedCaptureTime()):
        assert timeline.offset_s == 0.0
        timeline.received(Packet(7.0, 100.0, True, 1, None))
        moment_s = timeline.captured_s(7.0)
        assert 7.0 + timeline.offset_s == moment_s != 7.0
        timeline.restart()
        assert timeline.offset_s == 0.0


@pytest.mark.parametrize("jump_s", [-7200.0, 7200.0])
@pytest.mark.parametrize("depth", [1, 3])
def test_delayed_pictures_from_before_a_jump_do_not_hold_the_timeline(
    jump_s: float, depth: int
) -> None:
    """A reordered stream's picture comes out some packets after its own packet went in."""
    timeline, moments, late = LiveCaptureTime(), [], []
    stream = [(9000 + i / 25 + (jump_s if i >= 50 else 0), 100 + i / 25) for i in range(150)]
    for i, (pts_s, received_s) in enumerate(stream):
        timeline.received(Packet(pts_s, received_s, True, 1, None))
        if i >= depth:
            moments.append(timeline.captured_s(stream[i - depth][0]))
            late.append(received_s - moments[-1])
    assert rising(moments)
    assert late[60:] == pytest.approx([depth / 25] * len(late[60:]), abs=0.01)
    assert min(late) >= -0.01


def test_recording_counts_from_its_first_frame() -> None:
    timeline = RecordedCaptureTime()
    assert [timeline.captured_s(pts) for pts in (7.0, 7.5, 8.0)] == [0.0, 0.5, 1.0]


def test_an_estimate_is_the_moment_that_its_frame_will_have() -> None:
    timeline = RecordedCaptureTime()
    for pts_s in (7.0, 7.5, 8.0):
        timeline.captured_s(pts_s)
    assert timeline.estimate_s(8.5) == timeline.captured_s(8.5) == 1.5
    timeline.restart()
    assert timeline.estimate_s(7.0) == timeline.captured_s(7.0) == 2.0


def test_loop_of_a_recording_goes_on_where_it_ended() -> None:
    timeline = RecordedCaptureTime()
    first = [timeline.captured_s(pts) for pts in (7.0, 7.5, 8.0)]
    timeline.restart()
    assert first + [timeline.captured_s(pts) for pts in (7.0, 7.5)] == [0.0, 0.5, 1.0, 1.5, 2.0]


def test_recording_with_equal_times_still_rises() -> None:
    timeline = RecordedCaptureTime()
    assert rising([timeline.captured_s(pts) for pts in (1.0, 1.0, 0.9, 1.0, 1.1)])


@pytest.mark.parametrize(
    ("camera_fps", "wanted_fps", "picked"),
    [(15, 5, 50), (25, 5, 50), (30, 5, 50), (15, 4, 40), (12, 5, 50), (5, 5, 50), (3, 5, 30)],
)
def test_sampler_keeps_the_rate(camera_fps: float, wanted_fps: float, picked: int) -> None:
    sampler = FrameSampler(wanted_fps)
    times = [1000 + i / camera_fps for i in range(round(10 * camera_fps))]
    assert sum(map(sampler.due, times)) == pytest.approx(picked, abs=1)


def test_sampler_takes_jittering_frames_of_the_wanted_rate_all() -> None:
    sampler = FrameSampler(5.0)
    jitter = (0.0, 0.012, -0.009, 0.004)
    assert all(sampler.due(i / 5 + jitter[i % 4]) for i in range(100))


@pytest.mark.parametrize("jump_s", [-50.0, 1000.0])
def test_sampler_goes_on_after_a_jump(jump_s: float) -> None:
    sampler = FrameSampler(5.0)
    before = [100 + i / 10 for i in range(50)]
    after = [100 + jump_s + i / 10 for i in range(50)]
    assert sum(map(sampler.due, before)) == 25
    assert sum(map(sampler.due, after)) == 25
