"""Mailboxes are bounded, and keep the order."""

from __future__ import annotations

import threading
import time

import pytest

from edge_agent.runtime import Mailbox, StopToken


def test_what_was_put_comes_out_in_order_and_once() -> None:
    box: Mailbox[int] = Mailbox(3)
    assert [box.put(n, 0) for n in range(3)] == [True, True, True]
    assert len(box) == 3
    assert (box.get_all(0), box.get_all(0), len(box)) == ([0, 1, 2], [], 0)


def test_put_waits_for_room_and_gives_up_in_time() -> None:
    box: Mailbox[int] = Mailbox(1)
    assert box.put(1, 0)
    assert not box.put(2, 0.01)
    taker = threading.Timer(0.02, lambda: box.get_all(0))
    taker.start()
    assert box.put(3, 2.0)
    taker.join()
    assert box.get_all(0) == [3]


def test_get_all_waits_for_the_first_item() -> None:
    box: Mailbox[int] = Mailbox(1)
    giver = threading.Timer(0.02, lambda: box.put(1, 0))
    giver.start()
    assert box.get_all(2.0) == [1]
    giver.join()
    assert box.get_all(0.01) == []


def test_who_waits_for_an_item_is_woken_by_the_stop_once() -> None:
    box: Mailbox[int] = Mailbox(1)
    stop = StopToken()
    for _ in range(2):
        stop.wakes(box.wake)
    begun_s = time.monotonic()
    stopper = threading.Timer(0.02, stop.stop)
    stopper.start()
    assert box.get_all(30.0) == []
    assert time.monotonic() - begun_s < 20.0
    stopper.join()
    assert box.get_all(0.01) == []
    assert box.put(1, 0)
    assert box.get_all(0) == [1]


def test_a_mailbox_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Mailbox[int](0)
