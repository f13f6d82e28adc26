"""Schedules in minutes of the week, also past midnight and past Sunday."""

from __future__ import annotations

import pytest

from edge_agent.config.schema import Schedule
from edge_agent.rules import parse_schedules

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def minute(text: str) -> int:
    """`fri 22:30` as minutes since Monday 00:00."""
    day, time = text.split()
    hours, minutes = time.split(":")
    return (DAYS.index(day) * 24 + int(hours)) * 60 + int(minutes)


NIGHT = Schedule(start="22:00", end="06:00")
FRIDAY_NIGHT = Schedule(days=("fri",), start="22:00", end="06:00")
SUNDAY_NIGHT = Schedule(days=("sun",), start="23:00", end="01:30")
OFFICE = Schedule(days=("mon", "tue", "wed", "thu", "fri"), start="08:00", end="17:00")
ALL_DAY = Schedule(days=("wed",))
UNTIL_MIDNIGHT = Schedule(days=("wed",), start="20:00", end="00:00")
ROUND_THE_CLOCK = Schedule(days=("wed",), start="12:00", end="12:00")


@pytest.mark.parametrize(
    ("schedules", "at", "active"),
    [
        ((), "tue 03:00", True),
        ((NIGHT,), "tue 21:59", False),
        ((NIGHT,), "tue 22:00", True),
        ((NIGHT,), "wed 05:59", True),
        ((NIGHT,), "wed 06:00", False),
        ((NIGHT,), "mon 00:00", True),
        ((FRIDAY_NIGHT,), "fri 23:00", True),
        ((FRIDAY_NIGHT,), "sat 05:00", True),
        ((FRIDAY_NIGHT,), "fri 05:00", False),
        ((FRIDAY_NIGHT,), "sat 23:00", False),
        ((SUNDAY_NIGHT,), "sun 23:59", True),
        ((SUNDAY_NIGHT,), "mon 01:29", True),
        ((SUNDAY_NIGHT,), "mon 01:30", False),
        ((OFFICE,), "sat 12:00", False),
        ((OFFICE, FRIDAY_NIGHT), "sat 01:00", True),
        ((ALL_DAY,), "wed 23:59", True),
        ((ALL_DAY,), "thu 00:00", False),
        ((UNTIL_MIDNIGHT,), "wed 23:59", True),
        ((UNTIL_MIDNIGHT,), "thu 00:00", False),
        ((ROUND_THE_CLOCK,), "thu 11:59", True),
        ((ROUND_THE_CLOCK,), "thu 12:00", False),
    ],
)
def test_a_schedule_is_active_in_its_times(
    schedules: tuple[Schedule, ...], at: str, active: bool
) -> None:
    assert parse_schedules(schedules).active(minute(at)) is active


def test_minutes_beyond_the_week_wrap() -> None:
    schedule = parse_schedules((SUNDAY_NIGHT,))
    assert schedule.active(minute("mon 01:00") + 7 * 24 * 60)


@pytest.mark.parametrize("time", ["noon", "8", "25:00", "24:01", "12:60", "-1:00"])
def test_a_time_that_is_none_is_refused(time: str) -> None:
    with pytest.raises(ValueError, match="expected a time"):
        parse_schedules((Schedule(start=time),))
