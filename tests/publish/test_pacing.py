"""Backlog rate, pauses, resends: all on a clock of numbers."""

from __future__ import annotations

import pytest

from edge_agent.publish.pacing import Pause, ResendTimer, TokenBucket


@pytest.mark.parametrize(("per_s", "seconds"), [(5.0, 60.0), (0.1, 200.0), (500.0, 3.0)])
def test_the_backlog_never_drains_faster_than_its_rate(per_s: float, seconds: float) -> None:
    bucket, now_s, taken = TokenBucket(per_s, 0.0), 0.0, 0
    while now_s < seconds:
        taken += bucket.take(now_s)
        now_s += 0.001
    burst = max(1.0, per_s / 4)
    assert per_s * seconds - 1 <= taken <= per_s * seconds + burst


def test_a_long_rest_gives_no_flood() -> None:
    bucket = TokenBucket(5.0, 0.0)
    assert sum(bucket.take(3600.0) for _ in range(100)) == 1


def test_the_wait_for_a_token_is_told() -> None:
    bucket = TokenBucket(5.0, 0.0)
    assert bucket.take(0.0)
    assert bucket.wait_s(0.0) == pytest.approx(0.2)
    assert bucket.wait_s(0.15) == pytest.approx(0.05)


def test_denied_pauses_double_from_one_to_thirty_minutes() -> None:
    pause, now_s, waits = Pause(), 0.0, []
    for _ in range(7):
        assert pause.refused(now_s, denied=True)
        begun_s = now_s
        while pause.active(now_s):
            now_s += 30
        waits.append((now_s - begun_s) / 60)
    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_a_whole_window_of_denials_is_one_pause() -> None:
    pause = Pause()
    assert [pause.refused(0.0, denied=True) for _ in range(20)] == [True] + 19 * [False]


def test_after_a_pause_one_message_probes_until_it_is_taken() -> None:
    pause = Pause()
    pause.refused(0.0, denied=True)
    assert pause.denied
    assert pause.window(20) == 1
    assert not pause.accepted(30.0), "an older message's answer ends nothing"
    assert pause.accepted(61.0)
    assert not pause.denied
    assert pause.window(20) == 20
    assert pause.refused(62.0, denied=True)
    assert not pause.active(62.0 + 60.0), "it starts small again"


def test_busy_pauses_are_short_and_no_denial() -> None:
    pause, now_s, waits = Pause(), 0.0, []
    for _ in range(8):
        pause.refused(now_s, denied=False)
        begun_s = now_s
        while pause.active(now_s):
            now_s += 1
        waits.append(now_s - begun_s)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert not pause.denied


def test_resends_come_after_a_minute_without_progress_and_double_to_ten() -> None:
    timer, due = ResendTimer(), []
    for now_s in range(3600):
        if timer.due(float(now_s), outstanding=True):
            due.append(now_s)
    assert due == [60, 180, 420, 900, 1500, 2100, 2700, 3300]


def test_progress_starts_the_minute_anew() -> None:
    timer = ResendTimer()
    timer.due(0.0, outstanding=True)
    assert timer.due(60.0, outstanding=True)
    timer.progress()
    assert not timer.due(100.0, outstanding=True)
    assert not timer.due(159.0, outstanding=True)
    assert timer.due(160.0, outstanding=True)


def test_nothing_is_resent_while_the_server_lacks_nothing() -> None:
    timer = ResendTimer()
    assert not any(timer.due(float(now_s), outstanding=False) for now_s in range(0, 7200, 10))
    assert not timer.due(7200.0, outstanding=True), "the minute begins when something is owed"
