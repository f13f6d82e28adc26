"""Confirmation, sizes, ignore zones, zones with dwell and schedule."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import pytest

from edge_agent.config.schema import IgnoreZoneConfig, PersonConfig, Schedule, ZoneConfig
from edge_agent.domain import RuleHit, Track
from edge_agent.geometry import BBox
from edge_agent.rules import LEAVE_S, ZONE_INERTIA_S, RuleEngine

LEFT = ((0.0, 0.0), (0.3, 0.0), (0.3, 1.0), (0.0, 1.0))
MIDDLE = ((0.3, 0.0), (0.7, 0.0), (0.7, 1.0), (0.3, 1.0))
RIGHT = ((0.7, 0.0), (1.0, 0.0), (1.0, 1.0), (0.7, 1.0))
STREET, YARD, DOOR = 0.15, 0.5, 0.85  # x of feet in them
MONDAY_NOON = 12 * 60


def at(x: float, at_s: float, confidence: float = 0.9, height: float = 0.4) -> Track:
    """Somebody whose feet are at x; first seen at 0."""
    bbox = BBox(x - 0.05, 0.9 - height, 0.1, height)
    return Track(1, bbox, confidence, confidence, confidence, 0.0, at_s, 5)


def engine(
    zones: Iterable[ZoneConfig] = (),
    ignore: Iterable[IgnoreZoneConfig] = (),
    **person: float,
) -> RuleEngine:
    config = PersonConfig(**person)  # type: ignore[arg-type]
    return RuleEngine(config, tuple(zones), tuple(ignore), confirm_threshold=0.5)


def play(
    subject: RuleEngine, way: Iterable[tuple[float, float]], weekminute: int = MONDAY_NOON
) -> list[RuleHit | None]:
    """Walk through (moment, x of the feet); the hit of each moment."""
    hits = []
    for at_s, x in way:
        found = subject.update([at(x, at_s)], at_s, weekminute)
        hits.append(found[0] if found else None)
    return hits


def stay(x: float, begin_s: float, end_s: float, step_s: float = 0.2) -> list[tuple[float, float]]:
    return [(begin_s + i * step_s, x) for i in range(round((end_s - begin_s) / step_s))]


def test_a_person_is_reported_from_the_confirmation_on_until_the_track_ends() -> None:
    subject = engine()
    reported = []
    for index, confidence in enumerate([0.0, 0.4, 0.5, 0.2, 0.0]):
        hits = subject.update([at(YARD, index / 5, confidence)], index / 5, MONDAY_NOON)
        reported.append(bool(hits))
    assert reported == [False, False, True, True, True]
    assert subject.update([], 1.0, MONDAY_NOON) == []


def test_the_hit_begins_when_the_person_was_first_seen() -> None:
    subject = engine([ZoneConfig(name="door", polygon=RIGHT)])
    hits = play(subject, [*stay(STREET, 0.0, 10.0), *stay(DOOR, 10.0, 11.0)])
    assert hits[49] is None
    assert hits[50] is not None
    assert hits[50].since_s == 0.0


def test_the_tracker_may_learn_later_that_the_person_was_here_before() -> None:
    subject = engine()
    hits = []
    for at_s in (10.0, 10.2, 10.4):
        first_s, confidence = (10.0, 0.0) if at_s == 10.0 else (7.4, 0.9)  # told later
        track = dataclasses.replace(at(YARD, at_s, confidence), first_s=first_s)
        hits += subject.update([track], at_s, MONDAY_NOON)
    assert hits[-1].since_s == 7.4


@pytest.mark.parametrize(
    ("height", "counts"),
    [(0.09, False), (0.1, True), (0.5, True), (0.8, True), (0.81, False)],
)
def test_only_people_of_the_configured_size_count(height: float, counts: bool) -> None:
    subject = engine(min_height_frac=0.1, max_height_frac=0.8)
    hits = subject.update([at(YARD, 0.0, height=height)], 0.0, MONDAY_NOON)
    assert bool(hits) is counts


def test_somebody_in_an_ignore_zone_does_not_count_until_they_leave_it() -> None:
    subject = engine(ignore=[IgnoreZoneConfig(name="street", polygon=LEFT)])
    hits = play(subject, [*stay(STREET, 0.0, 5.0), *stay(YARD, 5.0, 6.0)])
    assert [hit is not None for hit in hits] == [False] * 25 + [True] * 5


def test_stepping_into_an_ignore_zone_for_a_moment_ends_nothing() -> None:
    subject = engine(ignore=[IgnoreZoneConfig(name="street", polygon=LEFT)])
    way = [*stay(YARD, 0, 2), *stay(STREET, 2, 1.8 + LEAVE_S), *stay(YARD, 1.8 + LEAVE_S, 6)]
    assert all(play(subject, way))


def test_staying_in_an_ignore_zone_ends_the_report_and_coming_back_begins_another() -> None:
    subject = engine(ignore=[IgnoreZoneConfig(name="street", polygon=LEFT)])
    hits = play(subject, [*stay(YARD, 0, 2), *stay(STREET, 2, 10), *stay(YARD, 10, 12)])
    gone = [index for index, hit in enumerate(hits) if hit is None]
    assert gone == list(range(gone[0], 50))
    assert gone[0] / 5 == pytest.approx(1.8 + LEAVE_S, abs=0.41)
    assert hits[-1] is not None
    assert hits[-1].since_s == pytest.approx(10.0)


def test_without_zones_hits_name_none() -> None:
    (hit,) = engine().update([at(YARD, 0.0)], 0.0, MONDAY_NOON)
    assert (hit.zones_current, hit.zones_entered) == ((), ())


def test_with_zones_only_people_in_one_are_reported() -> None:
    subject = engine([ZoneConfig(name="door", polygon=RIGHT)])
    assert not any(play(subject, stay(YARD, 0.0, 60.0)))


def test_zones_are_told_in_the_order_of_entry() -> None:
    everywhere = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    subject = engine(
        [
            ZoneConfig(name="door", polygon=RIGHT),
            ZoneConfig(name="ground", polygon=everywhere),
            ZoneConfig(name="yard", polygon=MIDDLE),
        ]
    )
    hits = play(subject, [*stay(YARD, 0.0, 3.0), *stay(DOOR, 3.0, 6.0)])
    assert hits[0] is not None
    assert hits[-1] is not None
    assert hits[0].zones_current == ("ground", "yard")
    assert hits[-1].zones_current == ("door", "ground")
    assert hits[-1].zones_entered == ("ground", "yard", "door")


def test_a_zone_with_dwell_counts_after_that_time() -> None:
    subject = engine([ZoneConfig(name="door", polygon=RIGHT, dwell_s=5.0)])
    hits = play(subject, stay(DOOR, 0.0, 8.0))
    first = next(index for index, hit in enumerate(hits) if hit is not None)
    assert first / 5 == pytest.approx(5.0, abs=0.21)


@pytest.mark.parametrize(
    ("away_s", "reported"),
    [(ZONE_INERTIA_S - 0.2, True), (ZONE_INERTIA_S + 0.4, False)],
)
def test_feet_that_flicker_over_the_border_do_not_restart_the_dwell(
    away_s: float, reported: bool
) -> None:
    subject = engine([ZoneConfig(name="door", polygon=RIGHT, dwell_s=5.0)])
    way = [*stay(DOOR, 0, 3), *stay(YARD, 3, 3 + away_s), *stay(DOOR, 3 + away_s, 6)]
    assert (play(subject, way)[-1] is not None) is reported


def test_whoever_left_all_zones_stays_reported_for_a_moment_without_a_zone() -> None:
    subject = engine([ZoneConfig(name="door", polygon=RIGHT)])
    hits = play(subject, [*stay(DOOR, 0, 2), *stay(YARD, 2, 10)])
    zones = [hit.zones_current if hit else None for hit in hits]
    assert zones[9] == ("door",)
    assert zones[19] == ()
    assert zones[30] is None
    entered = [hit.zones_entered for hit in hits if hit]
    assert set(entered) == {("door",)}


def test_coming_back_later_begins_with_the_return_and_fresh_zones() -> None:
    zones = [ZoneConfig(name="door", polygon=RIGHT), ZoneConfig(name="street", polygon=LEFT)]
    hits = play(engine(zones), [*stay(DOOR, 0, 2), *stay(YARD, 2, 20), *stay(STREET, 20, 22)])
    assert hits[-1] is not None
    assert hits[-1].since_s == pytest.approx(20.0)
    assert hits[-1].zones_entered == ("street",)


@pytest.mark.parametrize(
    ("zone_threshold", "confidence", "reported"),
    [("auto", 0.5, True), ("auto", 0.49, False), (0.3, 0.3, True), (0.8, 0.7, False)],
)
def test_a_zone_may_have_its_own_threshold(
    zone_threshold: float, confidence: float, reported: bool
) -> None:
    zone = ZoneConfig(name="door", polygon=RIGHT, confirm_threshold=zone_threshold)
    hits = engine([zone]).update([at(DOOR, 0.0, confidence)], 0.0, MONDAY_NOON)
    assert bool(hits) is reported


@pytest.mark.parametrize(
    ("zone_thresholds", "lowest"), [([], 0.5), (["auto"], 0.5), ([0.8], 0.8), ([0.3, "auto"], 0.3)]
)
def test_the_lowest_threshold_is_what_tracks_may_begin_with(
    zone_thresholds: list[float], lowest: float
) -> None:
    zones = [
        ZoneConfig(name=f"z{number}", polygon=LEFT, confirm_threshold=threshold)
        for number, threshold in enumerate(zone_thresholds)
    ]
    assert engine(zones).lowest_threshold == lowest


def test_confirmation_in_a_zone_lasts() -> None:
    subject = engine([ZoneConfig(name="door", polygon=RIGHT)])
    assert subject.update([at(DOOR, 0.0, 0.6)], 0.0, MONDAY_NOON)
    assert subject.update([at(DOOR, 10.0, 0.1)], 10.0, MONDAY_NOON)


def test_a_zone_counts_only_in_its_schedule() -> None:
    night = Schedule(days=("mon",), start="22:00", end="06:00")
    subject = engine([ZoneConfig(name="door", polygon=RIGHT, schedule=(night,))])
    assert not any(play(subject, stay(DOOR, 0, 5), weekminute=21 * 60 + 59))
    assert all(play(subject, stay(DOOR, 5, 10), weekminute=22 * 60))
    assert all(play(subject, stay(DOOR, 10, 15), weekminute=(24 + 5) * 60 + 59))
    hits = play(subject, stay(DOOR, 15, 25), weekminute=(24 + 6) * 60)
    assert hits[0] is not None
    assert hits[0].zones_current == ()
    assert hits[-1] is None


def test_an_expected_bbox_enters_no_zone() -> None:
    subject = engine([ZoneConfig(name="door", polygon=RIGHT)])
    subject.update([at(YARD, 0.0)], 0.0, MONDAY_NOON)
    drifted = at(DOOR, 0.0)  # not seen since 0.0
    assert subject.update([drifted], 1.0, MONDAY_NOON) == []


def test_people_are_judged_one_by_one() -> None:
    subject = engine([ZoneConfig(name="door", polygon=RIGHT)])
    one, other = at(DOOR, 0.0), at(YARD, 0.0)
    other = Track(2, other.bbox, 0.9, 0.9, 0.9, 0.0, 0.0, 5)
    assert [h.track.track_id for h in subject.update([one, other], 0.0, MONDAY_NOON)] == [1]
