"""One value of a key for several who were not told: it tells each of them."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
import untold
from untold import CAMERA, WEEKMINUTE, Walker

from edge_agent.config import CameraConfig, IgnoreZoneConfig, ZoneConfig
from edge_agent.config.camera import Schedule
from edge_agent.pipeline.outline import inside
from edge_agent.pipeline.rehearsal import Rehearsal
from edge_agent.pipeline.together import Case, together
from edge_agent.pipeline.untold import UntoldBook
from edge_agent.rules import parse_schedules

RIGHT = ((0.7, 0.3), (0.98, 0.3), (0.98, 0.95), (0.7, 0.95))
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
STREET = ((0.05, 0.6), (0.95, 0.6), (0.95, 0.95), (0.05, 0.95))


def case(camera: CameraConfig, walker: Walker | None = None, weekminute: int = WEEKMINUTE) -> Case:
    """Of somebody whom these settings hide."""
    recording, book = untold.walk(walker or Walker(), Random(3)), UntoldBook(camera, untold.OWN)
    played = untold.play(recording, camera, weekminute, book.watch)
    for picture, analysis in zip(recording.pictures, played.analyses, strict=True):
        book.add(picture.at_s, weekminute + int(picture.at_s // 60), analysis)
    (why,) = book.close().whys
    return Case(why, camera, Rehearsal(book.moments, why.miss, untold.OWN))


def person(**values: float) -> CameraConfig:
    return msgspec.structs.replace(CAMERA, person=msgspec.structs.replace(CAMERA.person, **values))


def zoned(polygon=WHOLE, **values: object) -> CameraConfig:
    zone = ZoneConfig(name="gate", polygon=polygon, **values)  # type: ignore[arg-type]
    return msgspec.structs.replace(CAMERA, zones=(zone,))


@pytest.mark.parametrize(
    ("key", "hidden", "heights", "picked"),
    [
        ("person.min_height_frac", {"min_height_frac": 0.6}, (0.3, 0.4), min),
        ("person.max_height_frac", {"max_height_frac": 0.2}, (0.3, 0.4), max),
    ],
)
def test_of_heights_the_one_that_tells_both(key: str, hidden, heights, picked) -> None:
    cases = [case(person(**hidden), Walker(height=height)) for height in heights]
    (found,) = together(cases)
    assert (found.change.key, found.asked, found.told) == (key, 2, 2)
    assert found.change.value == picked(each.why.changes[0].value for each in cases)


def test_a_schedule_has_the_hours_of_all() -> None:
    night = zoned(schedule=(Schedule(start="22:00", end="06:00"),))
    minutes = (WEEKMINUTE, WEEKMINUTE + 240, WEEKMINUTE + 20)
    (found,) = together([case(night, weekminute=minute) for minute in minutes])
    assert (found.change.key, found.asked, found.told) == ("zones[0].schedule", 3, 3)
    watched = parse_schedules(found.change.value)  # type: ignore[arg-type]
    assert all(watched.active(minute) for minute in minutes)
    assert not watched.active(WEEKMINUTE + 120)


def test_a_zone_is_grown_over_the_ways_of_all() -> None:
    ways = (Walker(first_x=0.3, last_x=0.6), Walker(first_x=0.1, last_x=0.4, foot_y=0.6))
    cases = [case(zoned(RIGHT), way) for way in ways]
    (found,) = together(cases)
    assert (found.change.key, found.told) == ("zones[0].polygon", 2)
    feet = [sighting.bbox.foot for each in cases for sighting in each.why.miss.sightings]
    assert all(inside(found.change.value, foot) for foot in feet)  # type: ignore[arg-type]


def test_an_ignore_zone_is_cut_for_all_or_goes_where_one_needs_that() -> None:
    street = IgnoreZoneConfig(name="street", polygon=STREET)
    camera = msgspec.structs.replace(CAMERA, ignore_zones=(street,))
    ways = (Walker(foot_y=0.64), Walker(foot_y=0.91))
    cases = [case(camera, way) for way in ways]
    (found,) = together(cases)
    assert (found.change.key, found.asked, found.told) == ("ignore_zones[0]", 2, 2)
    wanted = [each.why.changes[0].value for each in cases]
    assert (found.change.value is None) == (None in wanted)


def test_a_value_that_all_have_is_not_said_again() -> None:
    assert together([case(person(min_height_frac=0.6))] * 2) == []
