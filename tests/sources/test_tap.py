"""What a drain gets: the past from its keyframe on, then every packet, and each new connection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from packets import Recorded, recorded

from edge_agent.domain import Packet, PacketStream
from edge_agent.sources import GopRing, PacketDrain, PacketTap, TimedPacket

OFFSET_S = 1000.0


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """30 packets at 15 fps, keyframes at 0 and 1 s."""
    found = recorded(tmp_path_factory.mktemp("source"))
    yield found
    found.container.close()


def flow(tap: PacketTap, packets: list[Packet], ring: GopRing | None = None) -> GopRing:
    ring = ring or GopRing()
    for packet in packets:
        ring.add(packet)
        tap.flows(packet, ring, OFFSET_S)
    return ring


def pts(items: list[PacketStream | TimedPacket]) -> list[float]:
    return [round(one.packet.pts_s * 15) for one in items if isinstance(one, TimedPacket)]


@pytest.mark.parametrize(
    ("since_s", "first"), [(OFFSET_S + 1.2, 15), (OFFSET_S + 0.9, 0), (OFFSET_S - 30, 0)]
)
def test_a_drain_begins_with_the_keyframe_before_its_moment(
    source: Recorded, since_s: float, first: int
) -> None:
    tap = PacketTap()
    ring = flow(tap, source.packets[:25])
    drain = tap.open(since_s)
    assert drain.take() == []
    flow(tap, source.packets[25:28], ring)
    items = drain.take()
    assert isinstance(items[0], PacketStream)
    assert (items[0].codec, items[0].time_base) == ("h264", source.stream.time_base)
    assert pts(items) == list(range(first, 28))
    flow(tap, source.packets[28:], ring)
    later = drain.take()
    assert pts(later) == [28, 29]
    assert isinstance(later[0], TimedPacket)
    assert later[0].captured_s == pytest.approx(OFFSET_S + 28 / 15, abs=0.001)


def test_nothing_comes_before_a_keyframe(source: Recorded) -> None:
    tap = PacketTap()
    drain = tap.open(0.0)
    flow(tap, source.packets[5:20])
    assert pts(drain.take()) == [15, 16, 17, 18, 19]


def test_a_new_connection_begins_with_its_own_stream_and_keyframe(source: Recorded) -> None:
    tap = PacketTap()
    drain = tap.open(0.0)
    flow(tap, source.packets[:3])
    flow(tap, source.packets[10:18])
    items = drain.take()
    assert pts(items) == [0, 1, 2, 15, 16, 17]
    kinds = [isinstance(one, PacketStream) for one in items]
    assert [index for index, is_stream in enumerate(kinds) if is_stream] == [0, 4]
    assert items[0] is not items[4]


def test_drains_are_independent_and_end_when_closed(source: Recorded) -> None:
    tap = PacketTap()
    first, second = tap.open(0.0), tap.open(0.0)
    ring = flow(tap, source.packets[:4])
    tap.close(first)
    flow(tap, source.packets[4:6], ring)
    assert pts(first.take()) == [0, 1, 2, 3]
    assert pts(second.take()) == [0, 1, 2, 3, 4, 5]


def test_a_drain_that_nobody_empties_is_shut_at_its_bound(source: Recorded) -> None:
    big = [replace(packet, size_bytes=1000) for packet in source.packets]
    drain, ring = PacketDrain(0.0, max_bytes=5000), GopRing()
    for packet in big[:10]:
        ring.add(packet)
        drain.fill(packet, ring, 0.0, source.stream)
        if len(ring) == 4:
            drain.take()
    assert drain.overflowed
    assert pts(drain.take()) == [4, 5, 6, 7, 8, 9]
    drain.fill(big[10], ring, 0.0, source.stream)
    assert drain.take() == []
