"""Waits grow to a minute, are jittered, and begin small again after a healthy time."""

from __future__ import annotations

import pytest

from edge_agent.sources import Backoff


def test_waits_grow_to_a_minute() -> None:
    backoff = Backoff(draw=lambda _low, high: high)
    assert [backoff.delay_s(0.0) for _ in range(8)] == [2, 4, 8, 16, 32, 60, 60, 60]


def test_full_jitter_draws_from_one_second_up() -> None:
    lows = []
    backoff = Backoff(draw=lambda low, _high: lows.append(low) or low)
    assert {backoff.delay_s(0.0) for _ in range(5)} == {1.0}
    waits = [Backoff().delay_s(0.0) for _ in range(200)]
    assert 1.0 <= min(waits) < 1.2
    assert 1.8 < max(waits) <= 2.0


@pytest.mark.parametrize(("streamed_s", "wait_s"), [(29.9, 60.0), (30.0, 2.0)])
def test_healthy_half_minute_forgets_old_failures(streamed_s: float, wait_s: float) -> None:
    backoff = Backoff(draw=lambda _low, high: high)
    for _ in range(10):
        backoff.delay_s(0.0)
    assert backoff.delay_s(streamed_s) == wait_s
