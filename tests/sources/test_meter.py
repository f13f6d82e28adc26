"""What the meter says of a stream is what the stream is."""

from __future__ import annotations

import pytest

from edge_agent.domain import Packet
from edge_agent.sources import StreamMeter


def metered(times_s: list[float], *, gop: int, size: int = 500) -> StreamMeter:
    meter = StreamMeter()
    for index, pts_s in enumerate(times_s):
        meter.add(Packet(pts_s, pts_s, index % gop == 0, size, None))
    return meter


def test_figures_of_a_regular_stream() -> None:
    figures = metered([i / 15 for i in range(300)], gop=30).figures()
    assert figures.fps == pytest.approx(15.0, rel=0.01)
    assert figures.bitrate_bps == pytest.approx(15 * 500 * 8, rel=0.01)
    assert figures.gop_packets == 30
    assert figures.key_interval_s == pytest.approx(2.0)
    assert (figures.packets, figures.size_bytes) == (300, 150_000)
    assert not figures.reordered


def test_reordering_is_seen_and_does_not_disturb_the_rate() -> None:
    order = [index for start in range(0, 60, 6) for index in (start, *range(start - 5, start))]
    figures = metered([10 + index / 10 for index in order[:-5]], gop=30).figures()
    assert figures.reordered
    assert figures.fps == pytest.approx(10.0, rel=0.02)


def test_new_connection_of_a_reordered_stream_says_nothing_at_first() -> None:
    meter = metered([0.0, 0.3, 0.1, 0.2], gop=30)
    meter.restart()
    assert meter.figures().fps is None


def test_changing_gop_keeps_the_longest() -> None:
    meter = StreamMeter()
    for pts_s in (0.0, 1.0, 9.0, 10.0):
        meter.add(Packet(pts_s, pts_s, True, 1, None))
    figures = meter.figures()
    assert figures.longest_key_interval_s == pytest.approx(8.0)
    assert figures.key_interval_s == pytest.approx(1.0)


def test_stream_that_begins_anew_counts_no_negative_gop() -> None:
    meter = metered([100 + i / 10 for i in range(30)], gop=10)
    meter.add(Packet(0.0, 0.0, True, 1, None))
    meter.add(Packet(1.0, 1.0, True, 1, None))
    assert meter.figures().key_interval_s == pytest.approx(1.0)
    assert not meter.figures().reordered


def test_too_little_says_nothing() -> None:
    assert metered([0.0], gop=1).figures().fps is None
    assert metered([5.0, 5.0, 5.0], gop=1).figures().fps is None  # a camera without times
