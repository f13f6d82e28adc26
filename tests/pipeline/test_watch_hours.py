"""The hours in which nobody watched join a zone's schedule."""

from __future__ import annotations

import pytest

from edge_agent.config.camera import Schedule
from edge_agent.pipeline.watch_hours import with_hours
from edge_agent.rules import parse_schedules

THU = 3 * 1440
NIGHT = Schedule(start="22:00", end="06:00")
WORK = Schedule(days=("mon", "tue", "wed", "thu"), start="08:00", end="17:00")


def at(*times: str) -> list[int]:
    """Minutes of that Thursday; beyond 24:00 of the next day."""
    return [THU + int(time[:2]) * 60 + int(time[3:]) for time in times]


@pytest.mark.parametrize(
    ("schedule", "minutes", "expected"),
    [
        ((NIGHT,), at("21:14", "21:16"), (Schedule(start="21:00", end="06:00"),)),
        ((NIGHT,), at("06:00"), (Schedule(start="22:00", end="07:00"),)),
        ((NIGHT,), at("14:20"), (NIGHT, Schedule(days=("thu",), start="14:00", end="15:00"))),
        ((WORK,), at("17:59", "18:01"), (Schedule(days=WORK.days, start="08:00", end="19:00"),)),
        ((WORK,), at("23:59"), (WORK, Schedule(days=("thu",), start="23:00", end="24:00"))),
        (
            (WORK,),
            at("23:59", "24:01"),
            (WORK, Schedule(days=("thu",), start="23:00", end="01:00")),
        ),
        # Not on Friday, although its times touch.
        ((WORK,), at("41:30"), (WORK, Schedule(days=("fri",), start="17:00", end="18:00"))),
        ((Schedule(start="00:00", end="23:30"),), at("23:40"), (Schedule(),)),
    ],
)
def test_whole_hours_join_what_they_touch(
    schedule: tuple[Schedule, ...], minutes: list[int], expected: tuple[Schedule, ...]
) -> None:
    found = with_hours(schedule, minutes)
    assert found == expected
    watched, before = parse_schedules(found), parse_schedules(schedule)
    assert all(watched.active(minute) for minute in minutes)
    assert all(watched.active(m) for m in range(7 * 1440) if before.active(m))


def test_sunday_night_goes_on_on_monday() -> None:
    late = 6 * 1440 + 23 * 60 + 30
    found = with_hours((NIGHT.__class__(days=("wed",)),), [late, late + 45])
    assert found[1] == Schedule(days=("sun",), start="23:00", end="01:00")
    watched = parse_schedules(found)
    assert watched.active(late)
    assert watched.active(15)
