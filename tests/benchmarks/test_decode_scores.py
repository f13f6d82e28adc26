from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks._decode_scores import (
    decoded_frac,
    false_bursts,
    false_wakes,
    long_enough,
    quantile,
    sightings,
)
from benchmarks.scenes.activity import Transit
from benchmarks.scenes.encode import Clip

FPS = 10.0
WALKED = tuple((0.1 + 0.02 * i, 0.5, 0.05, 0.2) for i in range(20))
VISIT = Transit(20.0, 22.0, 0.2, "walk", WALKED)
#: On the person in the fifth picture of the visit, and nowhere near.
ON, OFF = (0.2, 0.55, 0.04, 0.1), (0.8, 0.1, 0.05, 0.05)


def clip(*transits: Transit, changes_s: tuple[float, ...] = ()) -> Clip:
    return Clip("c", Path("c"), "c", "calm", (640, 360), FPS, 60.0, 2.0, changes_s, transits)


def look(at_s: float, known_s: float, *moving: tuple[float, ...]) -> dict[str, Any]:
    return {"at_s": at_s, "known_s": known_s, "moving": list(moving), "people": []}


def run(**parts: Any) -> dict[str, Any]:
    return {"looks": [], "motion_starts": [], "person_starts": [], "tallies": [], **parts}


def tally(known_s: float, wakes: int = 0, decoded: int = 0, packets: int = 0) -> dict[str, Any]:
    return {"known_s": known_s, "wakes": wakes, "decoded": decoded, "packets": packets}


@pytest.mark.parametrize(
    ("looks", "delay_s"),
    [
        ([], None),
        ([look(20.5, 21.5, OFF)], None),
        ([look(30.5, 30.5, ON)], None),
        ([look(20.5, 21.5, ON)], 1.5),
        ([look(20.5, 21.5, ON), look(20.6, 20.9, OFF, ON)], 0.9),
    ],
)
def test_visit_is_seen_where_and_when_the_person_is(
    looks: list[dict[str, Any]], delay_s: float | None
) -> None:
    (found,) = sightings(clip(VISIT), run(looks=looks))
    assert found.delay_s == (None if delay_s is None else pytest.approx(delay_s))


def test_track_counts_like_motion() -> None:
    seen = look(20.5, 20.5)
    seen["people"] = [ON]
    (found,) = sightings(clip(VISIT), run(looks=[seen]))
    assert found.seen


def test_start_error_is_of_the_first_event_that_tells_of_the_visit() -> None:
    earlier = Transit(5.0, 8.0, 0.2, "walk", WALKED)
    starts = run(motion_starts=[(5.1, 6.0), (20.3, 22.0)], person_starts=[(20.2, 21.0)])
    errors = [found.start_error_s for found in sightings(clip(earlier, VISIT), starts)]
    assert errors == [pytest.approx(0.1), pytest.approx(0.2)]


def test_wakes_are_false_unless_something_was_planted() -> None:
    tallies = [tally(10.0, 1), tally(20.5, 2), tally(23.0, 3), tally(41.0, 4), tally(55.0, 5)]
    assert false_wakes(clip(VISIT, changes_s=(40.0,)), run(tallies=tallies)) == 1
    assert false_wakes(clip(changes_s=()), run(tallies=tallies)) == 5


def test_motion_without_pause_is_one_false_alarm() -> None:
    looks = [look(at_s, at_s, OFF) for at_s in (1.0, 2.0, 5.0, 12.0, 21.0)]
    assert false_bursts(clip(VISIT), run(looks=looks)) == 2


def test_decoded_share_counts_from_the_moment_given() -> None:
    tallies = [tally(0, 0, 0, 0), tally(10, 0, 100, 100), tally(20, 0, 110, 200)]
    assert decoded_frac(run(tallies=tallies)) == pytest.approx(0.55)
    assert decoded_frac(run(tallies=tallies), 5.0) == pytest.approx(0.1)


def test_a_visit_must_outlast_the_gop_to_be_surely_on_a_keyframe() -> None:
    found = sightings(clip(VISIT), run())
    assert long_enough(found, 1.0) == found
    assert long_enough(found, 2.0) == []


@pytest.mark.parametrize(("part", "value"), [(0.5, 2.0), (0.95, 4.0), (0.25, 1.0)])
def test_quantile_is_a_value_that_occurred(part: float, value: float) -> None:
    assert quantile([4.0, 1.0, 3.0, 2.0], part) == value
