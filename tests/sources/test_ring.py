"""The ring always begins with a keyframe, and is bounded in time and bytes."""

from __future__ import annotations

import pytest

from edge_agent.domain import Packet
from edge_agent.sources import GopRing


def packet(
    index: int, *, gop: int, fps: float = 10.0, size: int = 100, at_s: float = 0.0
) -> Packet:
    pts_s = at_s + index / fps
    return Packet(pts_s, pts_s, index % gop == 0, size, None)


def filled(count: int, *, gop: int, start: int = 0, size: int = 100, ring: GopRing) -> GopRing:
    for index in range(start, start + count):
        ring.add(packet(index, gop=gop, size=size))
    return ring


def test_nothing_is_kept_before_the_first_keyframe() -> None:
    ring = filled(9, gop=10, start=1, ring=GopRing())
    assert ring.snapshot() == ()
    assert len(filled(1, gop=10, start=10, ring=ring)) == 1


@pytest.mark.parametrize("gop", [1, 5, 10, 40, 60])
def test_holds_the_span_and_at_most_one_gop_more(gop: int) -> None:
    ring = GopRing(span_s=10.0)
    for index in range(1000):
        ring.add(packet(index, gop=gop))
        assert min(10.0, index / 10.0) - 1e-6 <= ring.span_s <= 10.0 + gop / 10.0 + 1e-6
    packets = ring.snapshot()
    assert packets[0].is_key
    assert packets[-1].pts_s == pytest.approx(99.9)
    assert ring.size_bytes == 100 * len(packets)


def test_byte_cap_drops_whole_gops() -> None:
    ring = filled(1000, gop=10, size=1000, ring=GopRing(max_bytes=25_000))
    assert ring.size_bytes <= 25_000
    assert ring.snapshot()[0].is_key


def test_single_gop_above_the_cap_is_given_up_until_the_next_keyframe() -> None:
    ring = filled(30, gop=1000, size=1000, ring=GopRing(max_bytes=10_000))
    assert len(ring) == 0
    ring.add(packet(1000, gop=1000))
    assert [p.is_key for p in ring.snapshot()] == [True]


def test_snapshot_begins_at_the_keyframe_before_the_moment() -> None:
    ring = filled(95, gop=10, ring=GopRing())
    assert ring.snapshot(since_s=7.25)[0].pts_s == pytest.approx(7.0)
    assert ring.snapshot(since_s=7.0)[0].pts_s == pytest.approx(7.0)
    assert ring.snapshot(since_s=-5.0)[0].pts_s == 0.0


def test_stream_that_begins_anew_empties_the_ring() -> None:
    ring = filled(50, gop=10, ring=GopRing())
    ring.add(packet(0, gop=10))
    assert len(ring) == 1


def test_reordered_pictures_stay() -> None:
    ring = GopRing()
    for pts_s, key in [(0.0, True), (0.3, False), (0.1, False), (0.2, False)]:
        ring.add(Packet(pts_s, pts_s, key, 10, None))
    assert len(ring) == 4
