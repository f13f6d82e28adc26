"""Events in the journal: a line for each person who comes and goes, none for an update."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from edge_agent.clock import ClockQuality, ManualClock
from edge_agent.domain import CameraId, EndReason, Event, EventId, Health, Label, Phase, Severity
from edge_agent.writer.recent_events import RecentEvents

START = Event(
    event_id=EventId("01KAS6A000ZZ5Y0T7M2N9R6XBJ"),
    camera=CameraId("gate"),
    label=Label.PERSON,
    phase=Phase.START,
    rev=0,
    at_s=10.0,
    start_s=10.0,
    end_s=None,
    score=0.7,
    top_score=0.7,
    bbox=None,
    zones_entered=("yard",),
)
END = replace(
    START, phase=Phase.END, at_s=22.0, end_s=20.0, top_score=0.9, end_reason=EndReason.GONE
)


def said(caplog: pytest.LogCaptureFixture, *events: Event) -> list[tuple[str, str]]:
    caplog.set_level(logging.DEBUG)
    recent = RecentEvents(ManualClock())
    for event in events:
        recent.add(event)
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_a_person_comes_and_goes_in_two_lines(caplog: pytest.LogCaptureFixture) -> None:
    update = replace(START, phase=Phase.UPDATE, rev=1)
    assert said(caplog, START, update, update, END) == [
        ("INFO", "gate: person, score 0.70, in yard"),
        ("INFO", "gate: person gone after 10 s, best score 0.90, in yard"),
    ]


def test_motion_is_no_line(caplog: pytest.LogCaptureFixture) -> None:
    assert said(caplog, replace(START, label=Label.MOTION)) == []


@pytest.mark.parametrize("reason", EndReason)
def test_every_end_has_its_words(reason: EndReason, caplog: pytest.LogCaptureFixture) -> None:
    ((level, words),) = said(caplog, replace(END, end_reason=reason))
    assert level == "INFO"
    assert words != "gate: person ended after 10 s, best score 0.90, in yard"


def test_a_picture_that_is_bad_is_a_warning_and_its_end_is_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    health = Health("blurred", Severity.WARNING)
    bad = replace(START, label=Label.HEALTH, health=health)
    assert said(caplog, bad, replace(bad, phase=Phase.END, end_s=20.0)) == [
        ("WARNING", "gate: blurred begins"),
        ("INFO", "gate: blurred ends"),
    ]


def test_the_newest_five_are_kept() -> None:
    recent = RecentEvents(ManualClock())
    for number in range(8):
        recent.add(replace(START, top_score=number / 10))
    kept = recent.of(CameraId("gate"))
    assert [event.top_score for event in kept] == [0.3, 0.4, 0.5, 0.6, 0.7]
    assert recent.of(CameraId("other")) == ()


def test_what_happened_in_1970_is_dated_once_the_clock_is_set() -> None:
    clock = ManualClock(utc_s=50.0, mono_s=50.0, quality=ClockQuality.UNSET)
    recent = RecentEvents(clock)
    recent.add(START)
    clock.advance(600)
    clock.step_utc(1_800_000_000.0)
    assert [each.utc_s for each in recent.of(START.camera)] == [1_800_000_050.0]
