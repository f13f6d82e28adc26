"""Steps of the clock are flagged, once, in words and figures."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from edge_agent.agent.clock_watch import ClockWatch
from edge_agent.clock import ClockQuality, ClockReading, ManualClock


class Away(ManualClock):
    """Not followed: the machine's own clock stands elsewhere."""

    away_s = 0.0

    def read(self) -> ClockReading:
        now = super().read()
        return ClockReading(
            now.utc_s, now.mono_s, ClockQuality.HOLDOVER, 500, now.boot_id, self.away_s
        )


def test_a_step_is_logged_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    watch = ClockWatch(tmp_path, clock)
    for step_s in (0.0, 0.1, 3600.0, 0.0, -90.0):
        clock.advance(0.5)
        clock.step_utc(step_s)
        watch.poll()
    assert watch.figures == {"clock_steps": 2, "clock_step_s": -90.0}
    told = [record.message for record in caplog.records]
    assert [words.split(":")[0] for words in told] == [
        "the clock was set forward by 60 min",
        "the clock was set back by 90.0 s",
    ]


def test_a_step_that_is_not_followed_is_a_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    clock = Away()
    watch = ClockWatch(tmp_path, clock)
    watch.poll()
    assert watch.reasons == ()
    clock.away_s = -3600.0
    for _ in range(3):
        watch.poll()
    assert watch.reasons == ("clock: set back by 60 min by no time server; not followed",)
    assert len(caplog.records) == 1
    clock.away_s = 0.0
    watch.poll()
    assert watch.reasons == ()
