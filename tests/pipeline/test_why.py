"""Why nobody was told: each planted reason is named, and the change that is proposed tells."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from random import Random

import msgspec
import pytest
import recorded
import untold
from recorded import Recording
from untold import REASONS, SEVEN, Walker

from edge_agent.config import CameraConfig
from edge_agent.domain import Label, Lighting, Motion
from edge_agent.geometry import BBox, shows_same_person
from edge_agent.pipeline.change import applied
from edge_agent.pipeline.near_miss import NearMiss
from edge_agent.pipeline.rehearsal import Rehearsal
from edge_agent.pipeline.untold import UntoldBook
from edge_agent.pipeline.why import Why
from edge_agent.tools.tuning.words import reason_text

ROOM = Path(__file__).resolve().parent.parent / "data" / "room_edge_person.jsonl"


def is_told(miss: NearMiss, recording: Recording, camera: CameraConfig) -> bool:
    """Whether a real run with these settings reports somebody where the near miss was seen."""
    places = {sighting.at_s: sighting.bbox for sighting in miss.sightings}
    played = untold.play(recording, camera)
    return any(
        shows_same_person(hit.track.bbox, places[picture.at_s])
        for picture, analysis in zip(recording.pictures, played.analyses, strict=True)
        if picture.at_s in places
        for hit in analysis.hits
    )


def only_why(recording: Recording, camera: CameraConfig) -> Why:
    asked = untold.ask(recording, camera)
    assert asked.told == 0
    (why,) = asked.whys
    return why


PAIRS = list(combinations(SEVEN, 2))


@pytest.mark.parametrize(
    "keys",
    [*((key,) for key in REASONS), *Random(16).sample(PAIRS, 8)],
    ids=" and ".join,
)
def test_planted_reasons_are_named_and_the_change_tells(keys: tuple[str, ...]) -> None:
    for seed in range(2):
        recording, camera = untold.planted(keys, Random(f"{seed} {keys}"))
        why = only_why(recording, camera)
        assert set(why.held_back_by) == set(keys)
        assert is_told(why.miss, recording, applied(camera, why.changes))


@pytest.mark.parametrize("key", SEVEN)
def test_a_smaller_change_would_not_tell(key: str) -> None:
    recording, camera = untold.planted((key,), Random(7))
    why = only_why(recording, camera)
    (change,) = why.changes
    if not isinstance(change.value, float | int) or not isinstance(change.before, float | int):
        return
    # A stay may not hang on whether the last look comes a little sooner (LOOK_AGAIN_S).
    steps = {"person.confirm_looks": 1, "zones[0].dwell_s": 1.4}
    step = steps.get(key, 0.05 * change.before)
    towards = step if change.before > change.value else -step
    assert not is_told(
        why.miss, recording, applied(camera, [replace(change, value=change.value + towards)])
    )


def test_no_suggestion_is_wrong_on_40_random_configurations() -> None:
    suggested = 0
    for seed in range(40):
        rng = Random(seed)
        keys = tuple(rng.sample(list(REASONS), rng.choice((1, 1, 2, 2, 3))))
        scores = sorted((rng.uniform(0.08, 0.9), rng.uniform(0.08, 0.9)))
        walker = Walker(
            height=round(rng.uniform(0.12, 0.6), 2),
            lasts_s=rng.uniform(0.3, 12),
            foot_y=rng.uniform(0.75, 0.97),
            scores=(scores[0], scores[1]),
        )
        recording, camera = untold.planted(keys, rng, walker)
        for why in untold.ask(recording, camera).whys:
            if why.changes:
                suggested += 1
                assert is_told(why.miss, recording, applied(camera, why.changes)), seed
    assert suggested >= 25


def test_nobody_told_is_called_untold() -> None:
    asked = untold.ask(untold.walk(Walker(), Random(1)), untold.CAMERA)
    assert (asked.told, asked.whys) == (1, ())


def test_a_told_visit_of_real_detections_leaves_no_near_miss_behind() -> None:
    asked = untold.ask(recorded.read(ROOM), untold.CAMERA)
    assert (asked.told, asked.whys) == (6, ())


def test_who_scores_below_the_candidates_is_found_by_the_lower_floor() -> None:
    recording = untold.walk(Walker(scores=(0.12, 0.19)), Random(2))
    why = only_why(recording, untold.CAMERA)
    assert why.held_back_by == ("person.candidate_threshold", "person.confirm_threshold")
    assert is_told(why.miss, recording, applied(untold.CAMERA, why.changes))


def test_who_was_sure_outside_and_weak_inside_is_told_by_the_zone_not_by_the_threshold() -> None:
    recording, camera = untold.planted(("zones[0].polygon",), Random(4))
    weak = [p for p in recording.pictures if p.found][-3:]
    edge = weak[0].found[0].bbox.foot[0] - 0.01
    (zone,) = camera.zones
    corners = ((edge, 0.2), (1.0, 0.2), (1.0, 0.95), (edge, 0.95))
    camera = msgspec.structs.replace(
        camera, zones=(msgspec.structs.replace(zone, polygon=corners, confirm_threshold=0.5),)
    )
    pictures = tuple(
        replace(p, found=(replace(p.found[0], score=0.3),))
        if p in weak
        else replace(p, found=tuple(replace(f, score=0.8) for f in p.found))
        for p in recording.pictures
    )
    late = tuple(
        p
        if p.at_s < weak[0].at_s - 1.5 or p in weak or not p.found
        else replace(p, found=(replace(p.found[0], score=0.3),))
        for p in pictures
    )
    why = only_why(replace(recording, pictures=late), camera)
    assert why.held_back_by == ("zones[0].polygon",)


def test_who_never_moves_is_found_by_a_control_look_and_motion_is_named() -> None:
    still = Motion((), 0.0, Lighting.STEADY)
    walked = untold.walk(Walker(), Random(3))
    pictures = tuple(replace(picture, motion=still) for picture in walked.pictures)
    why = only_why(replace(walked, pictures=pictures), untold.CAMERA)
    assert why.changes == ()
    assert why.held_back_by == ("motion.min_area_frac", "motion.sensitivity")
    assert not any(sighting.looked for sighting in why.miss.sightings)


@pytest.mark.parametrize("key", [None, *SEVEN])
def test_events_are_the_same_with_and_without_the_question(key: str | None) -> None:
    recording, camera = untold.planted((key,) if key else (), Random(5))
    if key is None:
        recording = recorded.read(ROOM)
    assert untold.ask(recording, camera).played.events == untold.play(recording, camera).events


def test_motion_events_come_through() -> None:
    recording, camera = untold.planted(("person.confirm_threshold",), Random(5))
    events = untold.ask(recording, camera).played.events
    assert {event.label for event in events} == {Label.MOTION}


def coming_nearer(lasts_s: float = 6.0) -> Recording:
    """Somebody who grows from 0.29 to 0.42 of the picture."""
    walked = untold.walk(Walker(lasts_s=lasts_s), Random(4))
    begin_s = 4.0
    pictures = []
    for picture in walked.pictures:
        found = []
        for each in picture.found:
            high = 0.29 + 0.13 * (picture.at_s - begin_s) / lasts_s
            foot = each.bbox.foot
            wide = 0.3 * high
            bbox = BBox(foot[0] - wide / 2, foot[1] - high, wide, high)
            found.append(replace(each, bbox=bbox, score=0.8))
        pictures.append(replace(picture, found=tuple(found)))
    return replace(walked, pictures=tuple(pictures))


@pytest.mark.parametrize("lasts_s", [6.0, 12.0])
def test_who_comes_nearer_is_told_by_the_largest_height_that_does(lasts_s: float) -> None:
    recording = coming_nearer(lasts_s)
    person = msgspec.structs.replace(untold.CAMERA.person, min_height_frac=0.9)
    camera = msgspec.structs.replace(untold.CAMERA, person=person)
    book = UntoldBook(camera, untold.OWN)
    played = untold.play(recording, camera, watch=book.watch)
    for picture, analysis in zip(recording.pictures, played.analyses, strict=True):
        book.add(picture.at_s, untold.WEEKMINUTE, analysis)
    (why,) = book.close().whys
    (change,) = why.changes
    assert change.key == "person.min_height_frac"
    assert isinstance(change.value, float)
    assert re.search(r"\(0.29 to 0.4[12] high, least 0.9\) -> ", reason_text(why, camera))
    rehearsal = Rehearsal(book.moments, why.miss, untold.OWN)
    assert rehearsal.tells(applied(camera, [change]))
    for step in range(1, 20):
        larger = replace(change, value=change.value + 0.001 * step)
        assert not rehearsal.tells(applied(camera, [larger]))
