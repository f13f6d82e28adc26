"""Mailboxes are bounded and say what they dropped."""

from __future__ import annotations

import threading

import pytest

from edge_agent.runtime import Mailbox


def test_offer_drops_the_oldest_and_counts_it() -> None:
    box: Mailbox[int] = Mailbox(2)
    assert [box.offer(n) for n in range(4)] == [True, True, False, False]
    assert (box.get_all(0), box.dropped) == ([2, 3], 2)


def test_put_waits_for_room_and_gives_up_in_time() -> None:
    box: Mailbox[int] = Mailbox(1)
    assert box.put(1, 0)
    assert not box.put(2, 0.01)
    taker = threading.Timer(0.02, lambda: box.get(0))
    taker.start()
    assert box.put(3, 2.0)
    taker.join()
    assert box.get(0) == 3


def test_get_returns_none_when_nothing_comes() -> None:
    assert Mailbox[int](1).get(0.01) is None


def test_a_closed_mailbox_refuses_but_drains() -> None:
    box: Mailbox[int] = Mailbox(3)
    box.offer(1)
    box.close()
    assert not box.offer(2)
    assert not box.put(2, 0)
    assert (box.get(0), box.get(0)) == (1, None)


def test_a_mailbox_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Mailbox[int](0)
