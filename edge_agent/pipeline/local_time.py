"""Minutes of the week where the box stands: what zone schedules are written in."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

from edge_agent.domain import Frame


def weekminute(utc_s: float, zone: ZoneInfo) -> int:
    """Minutes since Monday 00:00 of the local week, 0..10079."""
    local = dt.datetime.fromtimestamp(utc_s, tz=zone)
    return local.weekday() * 24 * 60 + local.hour * 60 + local.minute


def dated(frame: Frame, utc_s: float, zone: ZoneInfo) -> Frame:
    """The frame with the minute of the week in which it was taken."""
    return replace(frame, weekminute=weekminute(utc_s, zone))
