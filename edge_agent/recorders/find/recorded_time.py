"""When a clip was recorded: its name, else its container, else the moment its upload ended.

What can be wrong, and what is done about it:
- Names are the recorder's local time: the time zone is given, never guessed. In the hour that
  comes twice when summer time ends, the reading nearer to the mtime counts; an hour that does
  not exist is read as if summer time had not begun yet (PEP 495), as such a recorder does.
- Containers hold 1904 (QuickTime's zero) or 1970, or local time marked as UTC. Of the two
  readings, the one nearer to the name counts, or to the mtime where the name has no time.
  Where the file was copied days later and its name has no time, nothing tells the two readings
  apart: the time is disputed, by as much as they differ.
- Some names leave out the day, or the day and the hour: the upload tells which one.
- Bare streams (.h264) have no times: their length is only assumed from a rate.
- A recorder's clock runs wrong for months. `RecorderClock` compares the ends that names state
  with the mtimes that this box (or its file server) gave.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections import deque
from dataclasses import dataclass

from edge_agent.recorders.find.clip import DISPUTED_S, ClipSpan
from edge_agent.recorders.find.template import PathFacts

#: No recorder that uploads by FTP or SMB is older; 1904 and 1970 are "not set".
EARLIEST_S = dt.datetime(2001, 1, 1, tzinfo=dt.UTC).timestamp()

#: A container's time may lie in the future only by as much as clocks differ.
FUTURE_S = 86_400.0

#: A name has whole seconds, and recorders cut within the second.
NAME_ERR_S = 1.0

#: How long before the mtime a clip ended, where nothing else says it: an upload takes that.
UPLOAD_ERR_S = 60.0

#: How far the start of a bare stream may be off that only its upload dates: its length is a guess.
BARE_ERR_S = 600.0

#: The recorder's clock is estimated from this many clips.
CLIPS_COMPARED = 64
CLIPS_NEEDED = 3

#: So many uploads, this near to each other and this far from the rest: the clock was set.
SET_SPREAD_S = 30.0
SET_STEP_S = 60.0

#: Uploads are only ever late, so the early ones tell the clock; the very earliest may be a fluke.
EARLY_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class ClipTimes:
    """All that is known of one clip's time."""

    named: PathFacts | None
    created_utc_s: float | None  # the container's, as if it were UTC
    duration_s: float | None
    mtime_s: float
    rate_assumed: bool = False  # a bare stream: `duration_s` is a guess


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """How far a recorder's clock is ahead of ours."""

    offset_s: float
    err_s: float
    clips: int


class RecorderClock:
    """One recorder's clock against this box's, from its recent uploads. One owner."""

    def __init__(self) -> None:
        self._late_s: deque[float] = deque(maxlen=CLIPS_COMPARED)

    def uploaded(self, end_utc_s: float, mtime_s: float) -> None:
        """A clip that its name says ended at `end_utc_s` was complete here at `mtime_s`."""
        self._late_s.append(mtime_s - end_utc_s)
        newest = list(self._late_s)[-CLIPS_NEEDED:]
        before = list(self._late_s)[:-CLIPS_NEEDED]
        if not before or max(newest) - min(newest) > SET_SPREAD_S:
            return
        if abs(statistics.median(newest) - statistics.median(before)) > SET_STEP_S:
            # Several in a row that agree with each other and not with those before.
            self._late_s.clear()
            self._late_s.extend(newest)

    def offset(self) -> ClockOffset | None:
        """None while too few clips were seen."""
        if len(self._late_s) < CLIPS_NEEDED:
            return None
        late_s = sorted(self._late_s)
        early_s = late_s[int(EARLY_SHARE * len(late_s))]
        spread_s = statistics.median(late_s) - early_s
        return ClockOffset(0.0 - early_s, max(NAME_ERR_S, spread_s), len(late_s))


def span_of(times: ClipTimes, zone: dt.tzinfo, recorder: ClockOffset | None = None) -> ClipSpan:
    """The clip's place in time by the recorder's clock; see ClipSpan for what is corrected."""
    if times.named is not None and times.named.start is not None:
        return _named_span(times.named, times.named.start, times, zone, recorder)
    uploaded_s = times.mtime_s - (times.duration_s or 0.0)
    created_s = container_utc_s(times.created_utc_s, uploaded_s, times.mtime_s, zone)
    if created_s is not None:
        offset_s, err_s = _clock_err(created_s + (times.duration_s or 0.0), times, recorder)
        disputed = abs(created_s - uploaded_s) > DISPUTED_S
        if disputed:
            err_s = max(err_s, readings_apart_s(times.created_utc_s, zone))
        return ClipSpan(created_s, None, "container", offset_s, err_s, disputed)
    if times.rate_assumed:
        err_s = max(BARE_ERR_S, times.duration_s or 0.0)
        return ClipSpan(uploaded_s, times.mtime_s, "mtime", 0.0, err_s, disputed=True)
    return ClipSpan(uploaded_s, times.mtime_s, "mtime", 0.0, UPLOAD_ERR_S, disputed=False)


def readings_apart_s(created_s: float | None, zone: dt.tzinfo) -> float:
    """How far a container's time, read as UTC and as local time, lies apart."""
    if created_s is None:
        return 0.0
    local = dt.datetime.fromtimestamp(created_s, dt.UTC).replace(tzinfo=None)
    return abs(utc_s(local, zone, near_s=created_s) - created_s)


def _named_span(
    named: PathFacts,
    start: dt.datetime,
    times: ClipTimes,
    zone: dt.tzinfo,
    recorder: ClockOffset | None,
) -> ClipSpan:
    length_s = (named.end - start).total_seconds() if named.end else times.duration_s or 0.0
    start_s = start_utc_s(named, zone, near_s=times.mtime_s - length_s)
    end_s = start_s + length_s if named.end else None
    disputed = abs(times.mtime_s - (start_s + length_s)) > DISPUTED_S
    created_s = container_utc_s(times.created_utc_s, start_s, times.mtime_s, zone)
    if created_s is not None:
        # Some write the container's time when they close it.
        apart_s = min(abs(created_s - start_s), abs(created_s - start_s - length_s))
        disputed = disputed or apart_s > DISPUTED_S
    offset_s, err_s = _clock_err(start_s + length_s, times, recorder)
    return ClipSpan(start_s, end_s, "template", offset_s, err_s, disputed)


def _clock_err(end_s: float, times: ClipTimes, recorder: ClockOffset | None) -> tuple[float, float]:
    """The recorder's offset and its error; without an estimate, this clip's own difference."""
    if recorder is not None:
        return recorder.offset_s, recorder.err_s + NAME_ERR_S
    return 0.0, max(NAME_ERR_S, abs(times.mtime_s - end_s))


def start_utc_s(named: PathFacts, zone: dt.tzinfo, *, near_s: float) -> float:
    """The start that a name tells, on UTC; what it leaves out is as near to `near_s` as can be."""
    start = named.start
    if start is None:
        return near_s
    if not named.period_s or start.tzinfo is not None:
        return utc_s(start, zone, near_s=near_s)
    near = dt.datetime.fromtimestamp(near_s, zone).replace(tzinfo=None)
    period = dt.timedelta(seconds=named.period_s)
    midnight = dt.datetime.combine(near, dt.time())
    within = (start - dt.datetime.combine(start, dt.time())) % period
    first = midnight + (near - midnight) // period * period + within
    return min(
        (utc_s(first + step * period, zone, near_s=near_s) for step in (-1, 0, 1)),
        key=lambda reading_s: abs(reading_s - near_s),
    )


def utc_s(local: dt.datetime, zone: dt.tzinfo, *, near_s: float) -> float:
    """A recorder's local time on UTC; of two readings, the one nearer to `near_s`."""
    if local.tzinfo is not None:  # the name itself says which
        return local.timestamp()
    readings = {
        local.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC).timestamp() for fold in (0, 1)
    }
    if _exists(local, zone):
        return min(readings, key=lambda reading_s: abs(reading_s - near_s))
    return local.replace(tzinfo=zone, fold=0).astimezone(dt.UTC).timestamp()


def _exists(local: dt.datetime, zone: dt.tzinfo) -> bool:
    there = local.replace(tzinfo=zone, fold=0).astimezone(dt.UTC).astimezone(zone)
    return there.replace(tzinfo=None) == local


def container_utc_s(
    created_s: float | None, near_s: float, mtime_s: float, zone: dt.tzinfo
) -> float | None:
    """The container's time on UTC; None where it has none, or one that cannot be.

    `created_s` is what the container says, read as UTC.
    """
    if created_s is None or created_s < EARLIEST_S or created_s > mtime_s + FUTURE_S:
        return None
    local = dt.datetime.fromtimestamp(created_s, dt.UTC).replace(tzinfo=None)
    as_local_s = utc_s(local, zone, near_s=near_s)
    return min((created_s, as_local_s), key=lambda reading_s: abs(reading_s - near_s))
