"""What to believe of a box."""

from __future__ import annotations

import pytest

from edge_agent.clock import ClockQuality, ClockReading
from edge_agent.contract import BoxStatus, State, Telemetry
from edge_agent.ward.presence import BoxRecord, after_status, after_telemetry

BOX = "/ward1/box-1"
A, B = "01KAS3V6A1ZZ5Y0T7M2N9R6XBA", "01KAS3V6A1ZZ5Y0T7M2N9R6XBB"
EPOCH = "01KAQZ0000ZZ5Y0T7M2N9R6XBC"


def status(state: State, conn_id: str, last_seq: int = 5) -> BoxStatus:
    return BoxStatus(state, conn_id, EPOCH, 1, last_seq, "1.0", 100.0, 60.0)


def record(state: State, conn_id: str, at_s: float = 0.0) -> BoxRecord:
    made = after_status(None, BOX, status(state, conn_id), at_s)
    assert made is not None
    return made


def test_offline_of_a_connection_that_is_not_current_is_ignored() -> None:
    online = record(State.ONLINE, B)
    assert after_status(online, BOX, status(State.OFFLINE, A), 10.0) is None


def test_offline_of_the_current_connection_is_believed() -> None:
    gone = after_status(record(State.ONLINE, B), BOX, status(State.OFFLINE, B), 10.0)
    assert gone is not None
    assert gone.believed(10.0) is State.OFFLINE


def test_a_new_connection_replaces_the_old_one() -> None:
    online = after_status(record(State.ONLINE, A), BOX, status(State.ONLINE, B), 10.0)
    assert online is not None
    assert online.conn_id == B


@pytest.mark.parametrize(
    ("silent_s", "state"), [(0, State.DEGRADED), (180, State.DEGRADED), (181, State.OFFLINE)]
)
def test_a_box_is_believed_for_three_telemetry_intervals(silent_s: float, state: State) -> None:
    assert record(State.DEGRADED, A).believed(silent_s) is state


def test_telemetry_keeps_a_box_alive_and_says_where_it_stands() -> None:
    reading = ClockReading(500.0, 5.0, ClockQuality.SYNCED, 1, "boot")
    telemetry = Telemetry(reading, "1.0", 9.0, EPOCH, 9, 2)
    box = after_telemetry(record(State.ONLINE, A), telemetry, 500.0)
    assert box.believed(600.0) is State.ONLINE
    assert (box.last_seq, box.backlog) == (9, 2)


def test_a_status_that_is_sent_again_does_not_take_a_number_back() -> None:
    newer = after_status(record(State.ONLINE, A), BOX, status(State.ONLINE, A, 9), 1.0)
    again = after_status(newer, BOX, status(State.ONLINE, A, 7), 2.0)
    assert again is not None
    assert again.last_seq == 9
