"""What to believe of a camera, when it is news, and the order in which cameras are shown."""

from __future__ import annotations

import pytest

from edge_agent.contract import BoxStatus, CameraStatus, State
from edge_agent.domain import Severity
from edge_agent.ward.cameras import (
    Belief,
    CameraRecord,
    CameraState,
    CameraView,
    OpenFault,
    after_camera_status,
    belief,
    worst_first,
)
from edge_agent.ward.presence import BoxRecord, after_status
from edge_agent.ward.vigil import Vigil

BOX = "/ward1/box-1"
CONN, EPOCH = "01KAS3V6A1ZZ5Y0T7M2N9R6XBA", "01KAQZ0000ZZ5Y0T7M2N9R6XBC"
NOW = 1_800_000_000.0


def box(state: State = State.ONLINE, heard_s: float = NOW, told: str = "online") -> BoxRecord:
    return BoxRecord(BOX, str(state), CONN, EPOCH, 5, 0, heard_s, 60.0, told)


def camera(
    state: State = State.ONLINE,
    since_s: float = NOW - 1000,
    told: str = "online",
    heard_s: float = NOW,
) -> CameraRecord:
    return CameraRecord(BOX, "front", str(state), since_s, "", heard_s, told)


def told(record: CameraRecord, of: BoxRecord | None = None, now_s: float = NOW) -> list[str]:
    """States and alarms that the vigil finds."""
    at = of or box()
    turns = Vigil(300.0).cameras([record], {BOX: at}, now_s, 0.0)
    return [
        word
        for turn in turns
        for word in (
            str(getattr(turn.news, "state", "quietly")),
            *([turn.alarm.kind] if turn.alarm else []),
        )
    ]


@pytest.mark.parametrize(
    ("record", "news"),
    [
        (camera(State.OFFLINE, since_s=NOW - 299), []),  # the nightly reboot
        (camera(State.OFFLINE, since_s=NOW - 300), ["offline", "camera_silent"]),
        (camera(State.OFFLINE, since_s=NOW - 9000, told="offline"), []),  # told once
        (camera(State.ONLINE, told="offline"), ["online"]),
        (camera(State.DEGRADED, since_s=NOW), ["degraded"]),  # its picture, not a gap
        (camera(State.ONLINE, told=""), ["quietly"]),
        (camera(heard_s=NOW - 400), ["silent", "camera_silent"]),  # its box forgot it
    ],
)
def test_what_lasts_is_news_once(record: CameraRecord, news: list[str]) -> None:
    assert told(record) == news


def test_cameras_of_a_silent_box_are_one_alarm() -> None:
    gone = box(heard_s=NOW - 400)
    assert told(camera(State.OFFLINE, since_s=NOW - 900), gone) == []
    (turn,) = Vigil(300.0).boxes([gone], NOW, 0.0)
    assert turn.alarm is not None
    assert turn.alarm.kind == "box_silent"
    assert belief(camera(), gone, NOW).state is CameraState.SILENT


@pytest.mark.parametrize(
    ("state", "silent_s", "count"),
    [
        (State.OFFLINE, 299, 0),
        (State.OFFLINE, 300, 1),
        (State.ONLINE, 299, 0),
        (State.ONLINE, 301, 1),
    ],
)
def test_a_box_is_told_after_the_gap(state: State, silent_s: float, count: int) -> None:
    assert len(Vigil(300.0).boxes([box(state, NOW - silent_s)], NOW, 0.0)) == count


def test_nobody_is_silent_while_nobody_listens() -> None:
    """The ward's server was off for a day; nothing is said until it listened long enough."""
    old = box(heard_s=NOW - 86400)
    assert Vigil(300.0).boxes([old], NOW, NOW - 200) == []
    assert belief(camera(heard_s=NOW - 86400), old, NOW, NOW - 100).state is CameraState.ONLINE
    assert len(Vigil(300.0).boxes([old], NOW, NOW - 301)) == 1


def test_who_was_away_before_is_not_back_because_we_listen_again() -> None:
    gone = box(heard_s=NOW - 5000, told="offline")
    assert Vigil(300.0).boxes([gone], NOW, NOW - 5) == []
    assert belief(camera(heard_s=NOW - 5000), gone, NOW, NOW - 5).state is CameraState.SILENT
    heard = box(heard_s=NOW - 1, told="offline")
    (turn,) = Vigil(300.0).boxes([heard], NOW, NOW - 5)
    assert turn.alarm is None


def test_what_the_broker_kept_proves_no_life() -> None:
    old = box(heard_s=NOW - 5000)
    status = BoxStatus(State.ONLINE, CONN, EPOCH, 1, 5, "1", NOW - 5000, 60.0)
    again = after_status(old, BOX, status, NOW, retained=True)
    assert again is not None
    assert again.heard_utc_s == NOW - 5000
    live = after_status(old, BOX, status, NOW)
    assert live is not None
    assert live.heard_utc_s == NOW


@pytest.mark.parametrize(
    ("said_s", "retained", "since_s"),
    [
        (NOW - 7200, True, NOW - 7200),  # while we were away: the box's word
        (NOW - 7200, False, NOW),  # a box an hour behind is no camera that is off for an hour
        (12.0, True, NOW),  # of 1970
        (NOW + 7200, True, NOW),
    ],
)
def test_since_when_is_by_our_clock(said_s: float, retained: bool, since_s: float) -> None:
    status = CameraStatus("front", State.OFFLINE, said_s, "no packet for 5 s")
    for old in (None, camera(State.ONLINE)):
        record = after_camera_status(old, BOX, status, NOW, retained=retained)
        assert record.since_utc_s == since_s
        assert record.reason == "no packet for 5 s"


def test_another_reason_is_no_other_state() -> None:
    old = camera(State.OFFLINE, since_s=NOW - 500, told="offline")
    status = CameraStatus("front", State.OFFLINE, NOW, "refused")
    record = after_camera_status(old, BOX, status, NOW, retained=False)
    assert (record.since_utc_s, record.reason) == (NOW - 500, "refused")
    assert told(record) == []


@pytest.mark.parametrize(
    ("said_s", "retained", "since_s"),
    [
        (NOW - 600, False, NOW - 600),  # the box was off, and plays it again since its start
        (NOW - 600, True, NOW - 600),
        (NOW - 90_000, False, NOW - 90_000),  # only the network was away: it played all the time
        (NOW + 7200, False, NOW - 90_000),  # a clock ahead of ours proves nothing
        (12.0, False, NOW),  # off, and without a clock
        (12.0, True, NOW - 90_000),  # that may be from before the outage
    ],
)
def test_the_same_state_after_an_outage_began_anew(
    said_s: float, retained: bool, since_s: float
) -> None:
    old = camera(since_s=NOW - 90_000, heard_s=NOW - 7200)
    status = CameraStatus("front", State.ONLINE, said_s, "")
    assert after_camera_status(old, BOX, status, NOW, retained=retained).since_utc_s == since_s


def test_a_word_within_the_ignored_gap_is_of_the_same_time_without_a_clock() -> None:
    old = camera(since_s=NOW - 90_000, heard_s=NOW - 300)
    status = CameraStatus("front", State.ONLINE, 12.0, "")
    assert after_camera_status(old, BOX, status, NOW, retained=False).since_utc_s == NOW - 90_000


def test_the_worst_comes_first() -> None:
    def view(name: str, state: CameraState, since_s: float, *faults: Severity) -> CameraView:
        open_faults = tuple(OpenFault("blocked", each, NOW) for each in faults)
        return CameraView(BOX, name, Belief(state, since_s, ""), None, open_faults)

    views = [
        view("g", CameraState.ONLINE, 1.0),
        view("f", CameraState.PAUSED, 1.0),
        view("e", CameraState.ONLINE, 1.0, Severity.WARNING),
        view("d", CameraState.DEGRADED, 2.0, Severity.CRITICAL),
        view("c", CameraState.OFFLINE, 9.0),
        view("b", CameraState.OFFLINE, 5.0),
        view("a", CameraState.SILENT, 9.0),
    ]
    assert "".join(each.camera for each in worst_first(views)) == "abcdefg"
