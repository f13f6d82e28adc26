"""A clip's time: name, then container, then mtime; zones, wrong clocks, disagreement."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from edge_agent.recorders.find.recorded_time import (
    ClipTimes,
    ClockOffset,
    RecorderClock,
    container_utc_s,
    span_of,
    utc_s,
)
from edge_agent.recorders.find.template import PathFacts

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")


def s(text: str) -> float:
    moment = dt.datetime.fromisoformat(text)
    assert moment.tzinfo is not None
    return moment.timestamp()


def named(start: str | None, end: str | None = None) -> PathFacts:
    times = [dt.datetime.fromisoformat(t) if t else None for t in (start, end)]
    return PathFacts("yard", times[0], times[1])


def test_name_beats_container_and_mtime() -> None:
    times = ClipTimes(
        named("2026-11-24T14:05:06", "2026-11-24T14:06:06"),
        created_utc_s=s("2026-11-24T07:05:09Z"),
        duration_s=60.0,
        mtime_s=s("2026-11-24T14:06:10+07:00"),
    )
    span = span_of(times, HANOI)
    assert span.source == "template"
    assert span.start_utc_s == s("2026-11-24T14:05:06+07:00")
    assert span.end_utc_s == s("2026-11-24T14:06:06+07:00")
    assert (span.offset_s, span.err_s, span.disputed) == (0.0, 4.0, False)


@pytest.mark.parametrize(
    ("created", "zone", "expected"),
    [
        ("2026-11-24T07:05:06Z", HANOI, "2026-11-24T07:05:06Z"),
        # local time written as Z
        ("2026-11-24T14:05:06Z", HANOI, "2026-11-24T07:05:06Z"),
        ("2026-11-24T02:05:06Z", NEW_YORK, "2026-11-24T07:05:06Z"),
        ("1904-01-01T00:00:00Z", HANOI, None),
        ("1970-01-01T00:00:00Z", HANOI, None),
        ("1970-01-01T08:00:00Z", HANOI, None),
        ("2036-02-07T06:28:16Z", HANOI, None),
    ],
)
def test_container_time_is_read_as_what_fits(
    created: str, zone: ZoneInfo, expected: str | None
) -> None:
    mtime_s = s("2026-11-24T07:06:09Z")
    found = container_utc_s(s(created), mtime_s - 60.0, mtime_s, zone)
    assert found == (s(expected) if expected else None)


@pytest.mark.parametrize("created", ["2026-11-24T07:05:06Z", "2026-11-24T14:05:06Z"])
def test_container_gives_the_time_where_the_name_has_none(created: str) -> None:
    times = ClipTimes(named(None), s(created), 60.0, s("2026-11-24T07:06:09Z"))
    span = span_of(times, HANOI)
    assert (span.source, span.start_utc_s) == ("container", s("2026-11-24T07:05:06Z"))
    assert not span.disputed


def test_mtime_is_when_the_upload_ended() -> None:
    times = ClipTimes(None, s("1970-01-01T00:00:00Z"), 60.0, s("2026-11-24T07:06:09Z"))
    span = span_of(times, HANOI)
    assert (span.source, span.start_utc_s) == ("mtime", s("2026-11-24T07:05:09Z"))
    assert span.end_utc_s == s("2026-11-24T07:06:09Z")
    assert span.err_s >= 30.0


@pytest.mark.parametrize(
    ("created", "mtime", "disputed"),
    [
        (None, "2026-11-24T14:11:05+07:00", False),
        (None, "2026-11-24T14:11:10+07:00", True),  # the clock is slow, or the upload was late
        (None, "2026-11-24T14:01:00+07:00", True),  # complete before it was recorded
        ("2026-11-24T14:05:10Z", "2026-11-24T14:06:10+07:00", False),
        ("2026-11-24T14:06:06Z", "2026-11-24T14:06:10+07:00", False),  # written when it closed
        ("2026-11-24T13:00:00Z", "2026-11-24T14:06:10+07:00", True),
        ("1904-01-01T00:00:00Z", "2026-11-24T14:06:10+07:00", False),
    ],
)
def test_more_than_five_minutes_apart_is_disputed(
    created: str | None, mtime: str, disputed: bool
) -> None:
    name = named("2026-11-24T14:05:06", "2026-11-24T14:06:06")
    times = ClipTimes(name, s(created) if created else None, 60.0, s(mtime))
    assert span_of(times, HANOI).disputed is disputed


@pytest.mark.parametrize(
    ("local", "near", "expected"),
    [
        # 25 October 2026, 03:00 -> 02:00: half past two comes twice
        ("2026-10-25T02:30:00", "2026-10-25T00:31:00Z", "2026-10-25T00:30:00Z"),
        ("2026-10-25T02:30:00", "2026-10-25T01:31:00Z", "2026-10-25T01:30:00Z"),
        # 29 March 2026, 02:00 -> 03:00: half past two does not exist
        ("2026-03-29T02:30:00", "2026-03-29T01:31:00Z", "2026-03-29T01:30:00Z"),
        ("2026-03-29T02:30:00", "2026-03-29T00:31:00Z", "2026-03-29T01:30:00Z"),
        ("2026-07-01T12:00:00", "2026-07-01T12:00:00Z", "2026-07-01T10:00:00Z"),
    ],
)
def test_hours_that_come_twice_or_never(local: str, near: str, expected: str) -> None:
    moment = dt.datetime.fromisoformat(local)
    assert utc_s(moment, BERLIN, near_s=s(near)) == s(expected)


def test_clip_over_the_end_of_summer_time_keeps_its_length() -> None:
    name = named("2026-10-25T02:59:30", "2026-10-25T03:00:30")
    times = ClipTimes(name, None, 60.0, s("2026-10-25T02:00:31+01:00"))
    span = span_of(times, BERLIN)
    assert span.start_utc_s == s("2026-10-25T00:59:30Z")
    assert span.end_utc_s == s("2026-10-25T01:00:30Z")


def test_recorder_clock_is_estimated_from_its_uploads() -> None:
    clock = RecorderClock()
    assert clock.offset() is None
    # An hour fast; uploads take 2..6 s, one came a day late, one has a wrong mtime.
    for index in range(40):
        clock.uploaded(3600.0 + 60 * index, 60 * index + 2.0 + index % 5)
    clock.uploaded(0.0, 86_400.0)
    clock.uploaded(9000.0, 0.0)
    found = clock.offset()
    assert found is not None
    assert found.offset_s == pytest.approx(3598.0, abs=1.0)
    assert 1.0 <= found.err_s <= 4.0


def test_recorder_clock_that_was_set_right_is_followed() -> None:
    clock = RecorderClock()
    for index in range(64):
        clock.uploaded(60.0 * index + 3600.0, 60.0 * index)
    for index in range(64, 68):
        clock.uploaded(60.0 * index, 60.0 * index + 1.0)
    found = clock.offset()
    assert found is not None
    assert found.offset_s == pytest.approx(-1.0, abs=1.0)


def test_span_says_the_offset_without_applying_it() -> None:
    name = named("2026-11-24T14:05:06", "2026-11-24T14:06:06")
    times = ClipTimes(name, None, 60.0, s("2026-11-24T13:06:08+07:00"))
    span = span_of(times, HANOI, ClockOffset(3598.0, 2.0, 40))
    assert span.start_utc_s == s("2026-11-24T14:05:06+07:00")
    assert (span.offset_s, span.err_s) == (3598.0, 3.0)
    assert span.disputed
