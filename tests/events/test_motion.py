"""Motion events: one per camera at a time, coarse and rare."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from edge_agent.config.schema import MotionConfig
from edge_agent.domain import (
    CameraId,
    EndReason,
    Event,
    EventId,
    Label,
    Lighting,
    Motion,
    Phase,
    Region,
)
from edge_agent.events.motion import MotionEvents
from edge_agent.geometry import BBox

SPOT = BBox(0.30, 0.30, 0.05, 0.1)
MOVING = Motion((Region(SPOT),), 0.01, Lighting.STEADY)
STILL = Motion((), 0.0, Lighting.STEADY)
LAMP = Motion((Region(SPOT),), 0.9, Lighting.CHANGED)


def events(**config: float) -> MotionEvents:
    numbers = itertools.count(1)
    return MotionEvents(
        CameraId("front"),
        MotionConfig(**config),  # type: ignore[arg-type]
        lambda *_: EventId(f"event-{next(numbers)}"),
    )


def play(subject: MotionEvents, scenes: Iterable[tuple[Motion, float]]) -> list[Event]:
    """Each motion for so many seconds, at 5 fps, from 0."""
    said: list[Event] = []
    frame = 0
    for motion, seconds in scenes:
        for _ in range(round(seconds * 5)):
            said += subject.update(motion, frame / 5)
            frame += 1
    return said


def test_motion_is_a_start_and_an_end_under_one_id() -> None:
    start, end = play(events(), [(STILL, 1.0), (MOVING, 5.0), (STILL, 12.0)])
    assert (start.phase, start.label, start.start_s) == (Phase.START, Label.MOTION, 1.0)
    assert start.at_s == pytest.approx(2.0)
    assert (end.phase, end.end_reason, end.rev) == (Phase.END, EndReason.GONE, 1)
    assert end.end_s == pytest.approx(5.8)
    assert end.at_s - 5.8 == pytest.approx(10.0, abs=0.21)
    assert start.event_id == end.event_id
    assert (start.count, start.score, start.top_score) == (0, 0.01, 0.01)


@pytest.mark.parametrize(
    ("scenes", "starts"),
    [
        pytest.param([(MOVING, 0.8), (STILL, 5)], 0, id="too short"),
        pytest.param([(MOVING, 0.2), (STILL, 3), (MOVING, 0.2), (STILL, 3)], 0, id="flickers"),
        pytest.param([(MOVING, 0.6), (STILL, 0.6), (MOVING, 0.6)], 1, id="with a short pause"),
        pytest.param([(MOVING, 2), (STILL, 9), (MOVING, 2), (STILL, 20)], 1, id="quiet for 9 s"),
        pytest.param([(MOVING, 2), (STILL, 11), (MOVING, 2), (STILL, 20)], 2, id="for 11 s"),
        pytest.param([(LAMP, 30)], 0, id="a lamp is no motion"),
        pytest.param([(MOVING, 0.6), (LAMP, 0.4), (MOVING, 0.6)], 0, id="nor makes it longer"),
        pytest.param(
            [(Motion(MOVING.regions, 0.1, Lighting.WARMING_UP), 30)], 0, id="nor is warming up"
        ),
    ],
)
def test_what_starts_a_motion_event(scenes: list[tuple[Motion, float]], starts: int) -> None:
    said = play(events(), scenes)
    assert sum(event.phase is Phase.START for event in said) == starts


def test_motion_events_can_be_switched_off() -> None:
    assert play(events(events=False), [(MOVING, 10), (STILL, 30)]) == []


def test_a_lamp_during_motion_lets_the_event_end_quietly() -> None:
    said = play(events(), [(MOVING, 3), (LAMP, 20)])
    assert [(event.phase, event.end_s) for event in said] == [
        (Phase.START, None),
        (Phase.END, pytest.approx(2.8)),
    ]


def test_the_bbox_is_the_union_rounded_outwards_to_sixteenths() -> None:
    elsewhere = Motion((Region(BBox(0.7, 0.6, 0.01, 0.01)),), 0.02, Lighting.STEADY)
    said = play(events(), [(MOVING, 2), (elsewhere, 2), (STILL, 15)])
    assert said[0].bbox == BBox.from_corners(4 / 16, 4 / 16, 6 / 16, 7 / 16)
    assert said[-1].bbox == BBox.from_corners(4 / 16, 4 / 16, 12 / 16, 10 / 16)


def test_motion_that_stays_where_it_is_gives_no_updates() -> None:
    said = play(events(), [(MOVING, 600)])
    assert [event.phase for event in said] == [Phase.START]


def test_growing_motion_is_updated_at_most_every_10_s() -> None:
    subject = events()
    said: list[Event] = []
    for frame in range(5 * 55):
        wide = Motion((Region(BBox(0.0, 0.3, 0.01 + frame / 300, 0.1)),), 0.01, Lighting.STEADY)
        said += subject.update(wide, frame / 5)
    gaps = [after.at_s - before.at_s for before, after in itertools.pairwise(said)]
    assert min(gaps) == pytest.approx(10.0)
    assert [event.rev for event in said] == [0, 1, 2, 3, 4]


def test_motion_for_hours_is_split_every_hour() -> None:
    said = play(events(), [(MOVING, 7300)])
    assert [(e.phase, e.start_s, e.end_reason) for e in said] == [
        (Phase.START, 0.0, None),
        (Phase.END, 0.0, EndReason.SPLIT),
        (Phase.START, 3600.0, None),
        (Phase.END, 3600.0, EndReason.SPLIT),
        (Phase.START, 7200.0, None),
    ]
    assert (said[2].continues, said[4].continues) == (said[0].event_id, said[2].event_id)


def test_closing_ends_the_event_once() -> None:
    subject = events()
    play(subject, [(MOVING, 3)])
    (end,) = subject.close(EndReason.RESTART, 9.0)
    assert (end.end_reason, end.end_s) == (EndReason.RESTART, pytest.approx(2.8))
    assert subject.close(EndReason.RESTART, 9.0) == []
