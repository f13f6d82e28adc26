"""Live before backlog, promotion, resends: on an outbox in a list."""

from __future__ import annotations

from shelf import EPOCH, Shelf

from edge_agent.contract import Position
from edge_agent.publish.lanes import Lanes
from edge_agent.publish.pacing import TokenBucket


def lanes_of(shelf: Shelf, *, wait_s: float = 0.0, per_s: float = 1e6) -> Lanes:
    return Lanes(shelf, shelf.head(), TokenBucket(per_s, 0.0), backlog_from_s=wait_s)


def live(lanes: Lanes) -> list[int]:
    taken = []
    while (row := lanes.next_live()) is not None:
        taken.append(row.row_id)
    return taken


def backlog(lanes: Lanes, now_s: float = 1.0) -> list[int]:
    taken = []
    while (row := lanes.next_backlog(now_s)) is not None:
        taken.append(row.row_id)
    return taken


def test_what_is_committed_after_the_connection_goes_before_the_backlog() -> None:
    shelf = Shelf()
    shelf.put("a", "b", "c")
    lanes = lanes_of(shelf)
    shelf.put("d", "e")
    lanes.committed()
    assert live(lanes) == [4, 5]
    assert backlog(lanes) == [1, 2, 3]


def test_older_unsent_rows_of_a_live_event_are_promoted_with_it_and_sent_once() -> None:
    shelf = Shelf()
    shelf.put("a", "b", "a", "c")
    lanes = lanes_of(shelf, wait_s=30.0)
    shelf.put("a", "c")
    lanes.committed()
    assert live(lanes) == [1, 3, 5, 4, 6]
    assert backlog(lanes, 29.9) == []
    assert backlog(lanes, 30.1) == [2]


def test_an_event_that_was_sent_is_not_promoted() -> None:
    shelf = Shelf()
    shelf.put("a")
    shelf.note_sent([1])
    lanes = lanes_of(shelf)
    shelf.put("a")
    lanes.committed()
    assert live(lanes) == [2]


def test_nothing_is_looked_up_until_something_was_committed() -> None:
    shelf = Shelf()
    lanes = lanes_of(shelf)
    shelf.put("a")
    assert live(lanes) == []
    lanes.committed()
    assert live(lanes) == [1]


def test_more_live_rows_than_a_batch_all_come() -> None:
    shelf = Shelf()
    lanes = lanes_of(shelf)
    shelf.put(*(str(number) for number in range(100)))
    lanes.committed()
    assert live(lanes) == list(range(1, 101))


def test_the_backlog_obeys_its_rate() -> None:
    shelf = Shelf()
    shelf.put(*(str(number) for number in range(20)))
    lanes = lanes_of(shelf, per_s=5.0)
    assert backlog(lanes, 0.0) == [1]
    assert backlog(lanes, 0.1) == []
    assert lanes.wait_s(0.1) == 0.1
    assert backlog(lanes, 0.2) == [2]


def test_without_an_ackpos_only_what_was_never_sent_goes_out() -> None:
    shelf = Shelf()
    shelf.put("a", "b", "c")
    shelf.note_sent([1, 2])
    assert backlog(lanes_of(shelf)) == [3]


def test_with_an_ackpos_everything_above_it_is_sent_again_on_a_new_connection() -> None:
    shelf = Shelf(watermark=1)
    shelf.put("a", "b", "c")
    shelf.note_sent([1, 2])
    assert backlog(lanes_of(shelf)) == [2, 3]


def test_the_first_ackpos_of_an_epoch_starts_the_resend() -> None:
    shelf = Shelf()
    shelf.put("a", "b", "c", "d")
    shelf.note_sent([1, 2, 3])
    lanes = lanes_of(shelf)
    assert backlog(lanes) == [4]
    lanes.settled(4)
    shelf.note_sent([4])
    lanes.acknowledged(Position(EPOCH, 2))
    assert backlog(lanes) == [3, 4]
    lanes.acknowledged(Position(EPOCH, 3))
    assert backlog(lanes) == []


def test_a_resend_takes_in_what_was_sent_live_but_not_what_is_in_flight() -> None:
    shelf = Shelf(watermark=0)
    lanes = lanes_of(shelf)
    shelf.put("a", "b", "c")
    lanes.committed()
    assert live(lanes) == [1, 2, 3]
    lanes.settled(1)
    lanes.settled(2)
    lanes.send_again(0.0)
    assert backlog(lanes) == [1, 2]


def test_what_was_acknowledged_meanwhile_is_not_sent_again() -> None:
    shelf = Shelf(watermark=0)
    shelf.put("a", "b", "c")
    lanes = lanes_of(shelf)
    lanes.acknowledged(Position(EPOCH, 2))
    assert backlog(lanes) == [3]


def test_a_row_that_was_given_up_does_not_come_again() -> None:
    shelf = Shelf()
    shelf.put("a", "b")
    lanes = lanes_of(shelf)
    assert backlog(lanes) == [1, 2]
    for row_id in (1, 2):
        lanes.settled(row_id)
    lanes.give_up(1)
    lanes.send_again(0.0)
    assert backlog(lanes) == [2]


def test_a_denied_row_comes_again_after_the_pause() -> None:
    shelf = Shelf()
    lanes = lanes_of(shelf)
    shelf.put("a")
    lanes.committed()
    assert live(lanes) == [1]
    lanes.settled(1)
    lanes.send_again(60.0)
    assert backlog(lanes, 59.0) == []
    assert backlog(lanes, 61.0) == [1]


def test_the_backlog_runs_until_its_last_row_was_taken() -> None:
    shelf = Shelf()
    shelf.put("a", "b")
    lanes = lanes_of(shelf, per_s=1.0)
    assert lanes.backlog_runs
    assert backlog(lanes, 0.0) == [1]
    assert lanes.backlog_runs
    assert backlog(lanes, 1.0) == [2]
    assert not lanes.backlog_runs
    lanes.send_again(1.0)
    assert lanes.backlog_runs


def test_an_end_never_overtakes_the_start_that_the_broker_had_no_room_for() -> None:
    shelf = Shelf()
    lanes = lanes_of(shelf)
    shelf.put("visit")
    lanes.committed()
    assert live(lanes) == [1]
    lanes.settled(1)
    lanes.send_again(1.0)  # refused: after a pause
    shelf.put("visit", "other")
    lanes.committed()
    assert live(lanes) == [1, 2, 3]
    assert backlog(lanes, 2.0) == [], "and not once more"


def test_what_was_passed_over_is_tried_again() -> None:
    shelf = Shelf()
    shelf.put("a", "b")
    lanes = lanes_of(shelf)
    lanes.give_up(1)
    assert backlog(lanes) == [2]
    lanes.settled(2)
    shelf.note_sent([2])
    lanes.try_again()
    lanes.send_again(1.0)
    assert backlog(lanes, 2.0) == [1]
