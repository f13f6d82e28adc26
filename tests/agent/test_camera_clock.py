"""How far a camera's clock is off, over connections and steps of the box's own clock."""

from __future__ import annotations

import logging

import pytest

from edge_agent.agent.camera_clock import CameraClock
from edge_agent.clock import ClockQuality, ManualClock
from edge_agent.domain import CameraId

NOW_S = 1_795_414_323.0


def heard(clock: CameraClock, box: ManualClock, offset_s: float | None) -> float | None:
    now = box.read()
    ahead_s = None if offset_s is None else now.utc_s + offset_s - now.mono_s
    clock.heard(ahead_s, now)
    return clock.offset_s


def test_the_offset_is_told_and_a_jump_is_flagged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    box, clock = ManualClock(utc_s=NOW_S), CameraClock(CameraId("gate"))
    offsets = [heard(clock, box, each) for each in (None, 0.5, 1.5, None, -3600.0, -3600.0)]
    assert offsets == [None, 0.5, 1.5, 1.5, -3600.0, -3600.0]
    assert clock.jumps == 1
    assert [record.getMessage() for record in caplog.records] == [
        "gate: its clock jumped by -3601.5 s"
    ]
    assert clock.remark == "the camera's own clock is 60 min behind; give it a time server"


def test_a_step_of_the_boxs_clock_is_no_jump_of_the_camera() -> None:
    box = ManualClock(utc_s=50.0, quality=ClockQuality.UNSET)
    clock = CameraClock(CameraId("gate"))
    clock.heard(NOW_S, box.read())
    assert clock.offset_s is None, "there is nothing to compare with"
    box.step_utc(NOW_S - 50.0)
    box.quality = ClockQuality.SYNCED
    clock.heard(NOW_S, box.read())
    assert (clock.offset_s, clock.jumps, clock.remark) == (0.0, 0, "")


def test_only_what_changed_is_news() -> None:
    box, clock = ManualClock(utc_s=NOW_S), CameraClock(CameraId("gate"))
    news = []
    for offset_s in (None, 1.0, 2.0, 4.0, 7.0, 8.0):
        heard(clock, box, offset_s)
        news.append(clock.take_news())
    assert news == [False, True, False, False, True, False]


@pytest.mark.parametrize(
    ("offset_s", "words"),
    [
        (59.0, ""),
        (90.0, "2 min ahead"),
        (9000.0, "2 h ahead"),
        (-30 * 86400.0, "30 days behind"),
        (-NOW_S + 400.0, "is not set"),  # 1970
        (-NOW_S - 2_208_988_000.0, ""),  # counts from 1900: no clock at all
    ],
)
def test_words_for_a_technician(offset_s: float, words: str) -> None:
    box, clock = ManualClock(utc_s=NOW_S), CameraClock(CameraId("gate"))
    heard(clock, box, offset_s)
    assert words in clock.remark
    assert bool(clock.remark) == bool(words)
