"""The lines a technician reads."""

from __future__ import annotations

import datetime as dt

import pytest

from edge_agent.clock import ClockQuality, ClockReading, ManualClock
from edge_agent.contract import (
    Envelope,
    EventHeader,
    EventMessage,
    Gap,
    GapRange,
    Position,
    State,
    Unsequenced,
)
from edge_agent.domain import CameraId, EndReason, Event, EventId, Health, Label, Phase, Severity
from edge_agent.ward import BoxChanged, NewEvent, Printer
from edge_agent.ward.printing import box_line, event_line, gap_line

HANOI = dt.timezone(dt.timedelta(hours=7))
NOON_UTC_S = dt.datetime(2026, 11, 23, 5, 0, 0, tzinfo=dt.UTC).timestamp()
EVENT_ID = EventId("01KAS3V6A1ZZ5Y0T7M2N9R6XBC")
SOURCE = "/ward1/box-1"


def message(
    label: Label = Label.PERSON,
    phase: Phase = Phase.END,
    quality: ClockQuality = ClockQuality.SYNCED,
    health: Health | None = None,
    zone: str = "gate",
) -> EventMessage:
    ended = phase is Phase.END
    event = Event(
        event_id=EVENT_ID,
        camera=CameraId("front"),
        label=label,
        phase=phase,
        rev=0,
        at_s=20.0,
        start_s=10.0,
        end_s=22.4 if ended else None,
        score=0.8,
        top_score=0.934,
        bbox=None,
        zones_current=(zone,),
        end_reason=EndReason.GONE if ended else None,
        health=health,
    )
    clock = ClockReading(NOON_UTC_S, 20.0, quality, None, "boot")
    envelope = Envelope("ward1", "box-1", EVENT_ID, EVENT_ID, 1, clock, NOON_UTC_S, NOON_UTC_S - 10)
    return EventMessage(event, envelope)


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (
            message(),
            "2026-11-23 12:00:00  box-1/front  person end     gate  score 0.93  12.4 s (gone)",
        ),
        (
            message(Label.MOTION, Phase.START),
            "2026-11-23 12:00:00  box-1/front  motion start   gate",
        ),
        (
            message(Label.PERSON, Phase.START, ClockQuality.UNSET),
            (
                "2026-11-23 12:00:00  box-1/front  person start   gate  score 0.93  "
                "! the box's clock is not set"
            ),
        ),
        (
            message(Label.HEALTH, Phase.START, health=Health("blocked", Severity.CRITICAL)),
            "2026-11-23 12:00:00  box-1/front  health start   gate  blocked (critical)",
        ),
        (
            message(
                Label.HEALTH,
                Phase.START,
                health=Health("storm", Severity.WARNING, {"count": 31, "budget": 120}),
            ),
            "2026-11-23 12:00:00  box-1/front  health start   gate  storm (warning, 31 people)",
        ),
    ],
)
def test_an_event_is_a_line(made: EventMessage, line: str) -> None:
    assert event_line(SOURCE, made, HANOI) == line


def test_losses_and_boxes_are_lines() -> None:
    gap = Gap(EVENT_ID, "quota", (GapRange(2, 2), GapRange(5, 9), GapRange(12, None)))
    assert gap_line(SOURCE, gap, NOON_UTC_S, HANOI) == (
        "2026-11-23 12:00:00  box-1  lost: messages 2, 5-9, 12 and all after (quota)"
    )
    unnumbered = Gap(EVENT_ID, "storage", unsequenced=Unsequenced(3, 1.0, 2.0))
    assert gap_line(SOURCE, unnumbered, NOON_UTC_S, HANOI).endswith(
        "lost: 3 unnumbered messages (storage)"
    )
    assert box_line(SOURCE, State.OFFLINE, NOON_UTC_S, HANOI).endswith("box-1  is offline")


def test_nothing_from_a_box_commands_the_terminal() -> None:
    lines: list[str] = []
    printer = Printer(lines.append, ManualClock(), as_json=False)
    header = EventHeader(SOURCE, EVENT_ID, Position(EVENT_ID, 1))
    printer.emit([NewEvent(header, message(zone="\x1b[2Jgate\n"), b"{}")])
    printer.emit([BoxChanged(SOURCE, State.ONLINE)])
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
    assert "gate" in lines[0]
