"""Schedules are meant in the household's time."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from edge_agent.pipeline.local_time import weekminute


@pytest.mark.parametrize(
    ("utc", "zone", "expected"),
    [
        ("2026-11-23T00:00:00", "UTC", 0),  # a Monday
        ("2026-11-22T17:00:00", "Asia/Ho_Chi_Minh", 0),  # UTC+7: Monday has begun there
        ("2026-11-22T23:59:59", "UTC", 7 * 24 * 60 - 1),
        ("2026-07-06T22:30:00", "Europe/Berlin", 24 * 60 + 30),  # summer time
    ],
)
def test_weekminute(utc: str, zone: str, expected: int) -> None:
    moment = dt.datetime.fromisoformat(utc).replace(tzinfo=dt.UTC).timestamp()
    assert weekminute(moment, ZoneInfo(zone)) == expected
