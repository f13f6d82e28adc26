"""Weekly times of a zone, as intervals of minutes since Monday 00:00."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.config.schema import Schedule

MINUTES_PER_DAY = 24 * 60
MINUTES_PER_WEEK = 7 * MINUTES_PER_DAY
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class WeekSchedule:
    """When something is watched.

    `intervals` are half-open [from, to) in minutes since Monday 00:00 of the box's time
    zone; one that runs past Sunday midnight ends beyond MINUTES_PER_WEEK. None: always.
    """

    intervals: tuple[tuple[int, int], ...] | None = None

    def active(self, weekminute: int) -> bool:
        if self.intervals is None:
            return True
        minute = weekminute % MINUTES_PER_WEEK
        return any(
            begin <= minute < end or begin <= minute + MINUTES_PER_WEEK < end
            for begin, end in self.intervals
        )


def parse_schedules(schedules: Sequence[Schedule]) -> WeekSchedule:
    """Any of `schedules` makes it active; none at all: always.

    `days` are those on which the time begins: fri 22:00-06:00 ends on Saturday morning.
    Equal times mean a full day. Raises ValueError for a time that is not HH:MM.
    """
    if not schedules:
        return WeekSchedule()
    intervals = []
    for schedule in schedules:
        start, end = _minute(schedule.start), _minute(schedule.end)
        length = end - start if end > start else end - start + MINUTES_PER_DAY
        for day in schedule.days or _DAYS:
            begin = _DAYS.index(day) * MINUTES_PER_DAY + start
            intervals.append((begin, begin + length))
    return WeekSchedule(tuple(sorted(set(intervals))))


def _minute(text: str) -> int:
    """Minutes of HH:MM; 24:00 is the end of the day."""
    hours, colon, minutes = text.partition(":")
    if not (colon and hours.isdigit() and minutes.isdigit()):
        raise ValueError(f"expected a time HH:MM, found {text!r}")
    minute = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or minute > MINUTES_PER_DAY:
        raise ValueError(f"expected a time 00:00 to 24:00, found {text!r}")
    return minute
