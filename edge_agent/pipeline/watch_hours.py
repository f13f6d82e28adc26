"""Whole hours that join a zone's schedule, as a person would write them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.config.camera import Schedule
from edge_agent.rules import parse_schedules
from edge_agent.rules.schedule import MINUTES_PER_DAY, MINUTES_PER_WEEK

_HOUR = 60
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def with_hours(schedule: Sequence[Schedule], weekminutes: Sequence[int]) -> tuple[Schedule, ...]:
    """The schedule with the hours of these minutes: of one passage, in order, local time.

    An entry that they touch or overlap grows, on all of its days; else there is one more.
    """
    begin = weekminutes[0] // _HOUR * _HOUR
    length = min(MINUTES_PER_DAY, (weekminutes[-1] // _HOUR + 1) * _HOUR - begin)
    for index, entry in enumerate(schedule):
        wider = _joined(entry, begin, length)
        if wider is not None:
            return (*schedule[:index], wider, *schedule[index + 1 :])
    day, minute = divmod(begin % MINUTES_PER_WEEK, MINUTES_PER_DAY)
    return (*schedule, _entry((_DAYS[day],), minute, length))


def _joined(entry: Schedule, begin: int, length: int) -> Schedule | None:
    """The entry that holds both; None: a gap is between them."""
    for start, end in parse_schedules((entry,)).intervals or ():
        lasts, minute = end - start, start % MINUTES_PER_DAY
        after = (begin - start) % MINUTES_PER_WEEK
        if after <= lasts:
            return _entry(entry.days, minute, max(lasts, after + length))
        before = (start - begin) % MINUTES_PER_WEEK
        if before <= length and before <= minute:  # on the days on which the entry begins
            return _entry(entry.days, minute - before, max(length, before + lasts))
    return None


def _entry(days: Sequence[str], minute: int, length: int) -> Schedule:
    """`minute`: of the day; a full day at most."""
    if length >= MINUTES_PER_DAY:
        return Schedule(days=tuple(days))  # type: ignore[arg-type]
    end = (minute + length) % MINUTES_PER_DAY
    return Schedule(
        days=tuple(days),  # type: ignore[arg-type]
        start=_time(minute),
        end=_time(end) if end else "24:00",
    )


def _time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
