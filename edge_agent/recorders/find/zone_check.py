"""Which time zone makes the times in names agree with the uploads: the given one, or UTC."""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.recorders.find.clip import DISPUTED_S
from edge_agent.recorders.find.recorded_time import ClipTimes, utc_s

#: Of the files looked at, so many must agree with one zone, and so few with the other.
_MOST, _FEW = 0.8, 0.2
#: Zones lie quarters of an hour apart; uploads that lie closer to one than this tell it.
_QUARTER_S, _NEAR_S = 900.0, 300.0
_FARTHEST_S = 14 * 3600.0


@dataclass(frozen=True, slots=True)
class ZoneVerdict:
    """The zone to configure, and why."""

    name: str
    zone: dt.tzinfo
    reason: str
    doubt: str  # what else it may be; empty: nothing


def zone_verdict(times: Sequence[ClipTimes], name: str, zone: dt.tzinfo) -> ZoneVerdict:
    """`times` of opened files."""
    late = [pair for pair in (_late_s(one, zone) for one in times) if pair is not None]
    if not late:
        told = any(one.named and one.named.start for one in times)
        reason = "the names say it themselves" if told else "no name tells a time"
        return ZoneVerdict(name, zone, reason, "")
    as_local, as_utc = (
        sum(abs(pair[n]) <= DISPUTED_S for pair in late) / len(late) for n in (0, 1)
    )
    apart = any(abs(local - utc) > DISPUTED_S for local, utc in late)
    if not apart or as_local >= _MOST:
        reason = f"names and uploads agree in {as_local:.0%} of {len(late)} files"
        return ZoneVerdict(name, zone, reason, "" if as_local >= _MOST else _far(late, name))
    if as_utc >= _MOST and as_local <= _FEW:
        reason = f"names and uploads agree in UTC, not in {name}"
        return ZoneVerdict("UTC", dt.UTC, reason, "")
    return ZoneVerdict(name, zone, "names and uploads agree in no zone", _far(late, name))


def _late_s(times: ClipTimes, zone: dt.tzinfo) -> tuple[float, float] | None:
    """How long after its recording a file was complete, by the zone and by UTC."""
    named = times.named
    if named is None or named.start is None or named.period_s or named.start.tzinfo is not None:
        return None
    end = named.end or named.start + dt.timedelta(seconds=times.duration_s or 0.0)
    local_s, as_utc_s = (utc_s(end, each, near_s=times.mtime_s) for each in (zone, dt.UTC))
    return times.mtime_s - local_s, times.mtime_s - as_utc_s


def _far(late: Sequence[tuple[float, float]], name: str) -> str:
    """What the uploads would say of another zone."""
    utc_late_s = [pair[1] for pair in late]
    middle_s = statistics.median(utc_late_s)
    quarters_s = round(middle_s / _QUARTER_S) * _QUARTER_S
    close = sum(abs(each - quarters_s) <= _NEAR_S for each in utc_late_s) / len(utc_late_s)
    if abs(quarters_s) <= _FARTHEST_S and close >= _MOST:
        sign = "-" if quarters_s > 0 else "+"
        hours, minutes = divmod(int(abs(quarters_s)) // 60, 60)
        return (
            f"names and uploads would agree in a zone of UTC{sign}{hours:02}:{minutes:02}: is "
            f"{name} the recorder's, and is its clock right?"
        )
    return (
        "the files were written long after what their names say: were they copied here later, or "
        f"is the recorder's clock wrong? Their times are read in {name}"
    )
