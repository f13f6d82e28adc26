"""Recorded numbers, decided upon again: as the pipeline itself, and with a planted change."""

from __future__ import annotations

from random import Random

import pytest
import untold

from edge_agent.config import CameraConfig
from edge_agent.domain import Label, Region
from edge_agent.geometry import FULL_FRAME, FrameSize
from edge_agent.tools.tuning.candidates import with_changes
from edge_agent.tools.tuning.comparison import Side, compared, paired
from edge_agent.tools.tuning.decision import (
    Decided,
    Decisions,
    RecordedFrame,
    ToldEvent,
    decide,
    decided,
)
from edge_agent.tools.tuning.people import dividing_gap, people_of

SIZE = FrameSize(16, 9)


def looks_of(recording: untold.Recording) -> list[RecordedFrame]:
    """As if the whole of each picture had been looked at in which anything moves."""
    everywhere = (Region(FULL_FRAME),)
    return [
        RecordedFrame(p.at_s, untold.WEEKMINUTE, p.motion, everywhere, p.found)
        for p in recording.pictures
    ]


def side(recording: untold.Recording, camera: CameraConfig) -> Side:
    looks = looks_of(recording)
    return Side(camera, looks, decide(looks, camera, untold.OWN, SIZE))


@pytest.mark.parametrize("key", untold.SEVEN)
def test_a_planted_change_shows_exactly_its_lost_event_and_its_reason(key: str) -> None:
    recording, camera = untold.planted((key,), Random(7))
    a, b = side(recording, untold.CAMERA), side(recording, camera)
    found = compared(a, b, untold.OWN)
    (lost,) = found.lost
    assert lost.why is not None
    assert lost.why.held_back_by == (key,)
    assert (found.gained, found.same) == ((), ())
    back = compared(b, a, untold.OWN)
    assert (len(back.gained), back.lost) == (1, ())
    assert back.gained[0].why is not None


def test_decided_again_is_what_the_pipeline_told() -> None:
    for seed in range(8):
        recording = untold.walk(untold.Walker(scores=(0.4, 0.9)), Random(seed))
        played = untold.play(recording, untold.CAMERA)
        again = decide(looks_of(recording), untold.CAMERA, untold.OWN, SIZE)
        assert again.told == decided(played.events, 0).told
        assert again.motions == len({e.event_id for e in played.events if e.label is Label.MOTION})


def test_where_nobody_looked_nobody_is_missed() -> None:
    recording = untold.walk(untold.Walker(), Random(1))
    every_other = [
        look if i % 2 else RecordedFrame(look.at_s, look.weekminute, look.motion, (), ())
        for i, look in enumerate(looks_of(recording))
    ]
    assert len(decide(every_other, untold.CAMERA, untold.OWN, SIZE).told) == 1


def told(start_s: float, end_s: float) -> ToldEvent:
    return ToldEvent(start_s, start_s, end_s, 0.9, (), None)


def test_events_are_paired_by_the_time_they_share() -> None:
    a, b = [told(0, 10), told(20, 30)], [told(0.5, 9), told(9.5, 29), told(50, 60)]
    assert paired(a, b) == [(a[0], b[0]), (a[1], b[1])]
    found = compared(
        Side(untold.CAMERA, [], Decided(tuple(a), 0, 0)),
        Side(untold.CAMERA, [], Decided(tuple(b), 0, 0)),
        None,
    )
    assert [each.told for each in found.gained] == [b[2]]
    assert found.lost == ()


def test_people_and_the_scores_that_decide() -> None:
    recording = untold.walk(untold.Walker(scores=(0.6, 0.8)), Random(3))
    found = side(recording, untold.CAMERA)
    (person,) = people_of(found.looks, found.decided, untold.CAMERA, untold.OWN)
    assert person.told
    best = sorted((score for _, score, _ in person.looks), reverse=True)
    assert best[2] >= person.deciding_score(3, 2.0) >= 0.6
    assert person.deciding_score(500, 2.0) == 0


def test_the_suggested_threshold_never_costs_somebody_to_save_a_smaller_gap() -> None:
    gap = dividing_gap([(0.2, False), (0.3, False), (0.62, True), (0.9, True)], 0.1)
    assert gap is not None
    assert (gap.low, gap.high, gap.threshold) == (0.3, 0.62, 0.46)
    assert dividing_gap([(0.2, False)] * 9, 0.1) is None
    assert dividing_gap([(0.7, True)] * 3, 0.1) is None
    mixed = dividing_gap([(0.2, True), (0.5, False), (0.6, True), (0.7, True), (0.8, True)], 0.1)
    assert mixed is not None
    assert mixed.threshold in (0.15, 0.55)


def test_following_people_once_for_all_settings_changes_nothing() -> None:
    rng = Random(9)
    recording = untold.walk(untold.Walker(scores=(0.35, 0.9)), rng)
    looks, decisions = looks_of(recording), Decisions(untold.OWN, SIZE)
    cameras = [
        with_changes(untold.CAMERA, [change]).camera
        for change in (
            "person.confirm_threshold=0.5",
            "person.min_height_frac=0.9",
            "person.confirm_looks=4",
            "person.confirm_threshold=0.7",
            "person.max_height_frac=0.95",
            "person.cooldown_s=9",
            "person.lost_after_s=2",
        )
    ]
    for camera in [*cameras, *cameras[::-1]]:
        assert decisions.decide(looks, camera) == decide(looks, camera, untold.OWN, SIZE)
