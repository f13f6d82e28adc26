"""Which messages a broker does not take, and for how long: on rows without a broker."""

from __future__ import annotations

from shelf import EPOCH, ShelfRow

from edge_agent.contract import MAX_MESSAGE_BYTES, Gap, GapRange, Position, encode_gap
from edge_agent.domain import Label
from edge_agent.publish.fitting import fitting
from edge_agent.publish.held import SizeLimit, packet_bytes


def row(number: int, size: int = 900) -> ShelfRow:
    return ShelfRow(number, number, str(number), Position(EPOCH, number), "t", bytes(size))


def test_a_limit_below_the_contract_holds_and_one_of_the_contract_does_not() -> None:
    sizes = SizeLimit()
    sizes.begin(700, 0.0)
    assert sizes.fits(700)
    assert not sizes.fits(701)
    assert not sizes.is_as_agreed
    assert sizes.hold(row(7))
    assert not sizes.hold(row(5))
    holding = sizes.holding()
    assert holding is not None
    assert (holding.rows, holding.lowest_seq, holding.limit_bytes) == (2, 5, 700)
    sizes.begin(MAX_MESSAGE_BYTES, 1.0)
    assert sizes.holding() is None
    assert sizes.is_as_agreed


def test_several_under_way_are_taken_one_at_a_time_until_it_is_known_which_one_breaks() -> None:
    sizes = SizeLimit()
    assert sizes.broke([row(1), row(2)], 0.0) is None
    assert sizes.window(20) == 1
    for number in range(2, 22):
        sizes.taken(row(number))
    assert sizes.window(20) == 20


def test_three_breaks_in_a_row_hold_what_is_as_large_and_one_more_after_the_pause() -> None:
    sizes = SizeLimit()
    large = row(1)
    size_bytes = packet_bytes(large.topic, large.payload)
    assert [sizes.broke([large], 0.0) for _ in range(3)] == [None, None, large]
    assert not sizes.fits(size_bytes)
    assert sizes.fits(size_bytes - 1)
    sizes.begin(None, 59.0)
    assert not sizes.expired(59.0)
    assert not sizes.fits(size_bytes)
    assert sizes.expired(60.0)
    assert sizes.fits(size_bytes)
    assert sizes.broke([large], 61.0) is large, "one try"
    assert not sizes.expired(61.0 + 119.0), "twice as long"
    assert sizes.expired(61.0 + 120.0)


def test_breaks_over_different_messages_are_the_lines_fault() -> None:
    sizes = SizeLimit()
    assert [sizes.broke([row(number % 2)], 0.0) for number in range(10)] == [None] * 10
    assert [sizes.broke([], 0.0) for _ in range(10)] == [None] * 10
    assert sizes.most_bytes is None


def test_a_message_that_was_taken_is_no_suspect() -> None:
    sizes = SizeLimit()
    for _ in range(5):
        assert sizes.broke([row(1)], 0.0) is None
        assert sizes.broke([row(1)], 0.0) is None
        sizes.taken(row(1))


def test_a_gap_is_divided_until_its_parts_fit() -> None:
    ranges = tuple(GapRange(2 * n, 2 * n) for n in range(1, 101))
    gap = Gap(EPOCH, "quota", ranges, ((Label.MOTION, 100),))
    parts = list(fitting(gap, 600, "topic"))
    assert all(packet_bytes("topic", encode_gap(part)) <= 600 for part in parts)
    assert [span for part in parts for span in part.ranges] == list(ranges)
    assert [part.counts for part in parts if part.counts] == [gap.counts]
    assert list(fitting(gap, None, "topic")) == [gap]
    assert len(list(fitting(gap, 10, "topic"))) == 100, "not for ever"
