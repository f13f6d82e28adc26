"""Minutes of the week where the box stands: what zone schedules are written in."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo


def weekminute(utc_s: float, zone: ZoneInfo) -> int:
    """Minutes since Monday 00:00 of the local week, 0..10079."""
    local = dt.datetime.fromtimestamp(utc_s, tz=zone)
    return local.weekday() * 24 * 60 + local.hour * 60 + local.minute
