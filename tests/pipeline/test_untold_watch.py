"""What a running agent keeps of those whom it did not tell of."""

from __future__ import annotations

import struct
from random import Random

import pytest
import untold
from untold import CAMERA, REASONS, SEVEN, WEEKMINUTE

from edge_agent.config import CameraConfig
from edge_agent.domain import Detection, Lighting, Motion, Region
from edge_agent.geometry import FULL_FRAME, BBox
from edge_agent.pipeline.change import applied
from edge_agent.pipeline.moment_bytes import (
    packed_moment,
    packed_sightings,
    unpacked_miss,
    unpacked_moments,
)
from edge_agent.pipeline.near_miss import FLOOR_FRAC, Faint, NearMissWatch, Sighting
from edge_agent.pipeline.rehearsal import Moment
from edge_agent.pipeline.stages import thresholds
from edge_agent.pipeline.untold_watch import KeptMiss, Tally, UntoldWatch
from edge_agent.pipeline.why import Why, why_untold


def kept(recording: untold.Recording, camera: CameraConfig) -> tuple[list[KeptMiss], Tally]:
    """As the analysis of a running agent: only what the pipeline looked at is known."""
    candidate, _ = thresholds(camera.person, untold.OWN)
    watch = NearMissWatch(camera.person, floor=FLOOR_FRAC * candidate, thresholds=(candidate, 0.5))
    watch.look_at = lambda searched, moving, at_s: searched  # type: ignore[method-assign]
    played = untold.play(recording, camera, WEEKMINUTE, watch)
    subject = UntoldWatch(camera, untold.OWN)
    for picture, analysis in zip(recording.pictures, played.analyses, strict=True):
        subject.add(picture.at_s, WEEKMINUTE + int(picture.at_s // 60), analysis)
    subject.close()
    tally, misses = subject.take()
    return misses, tally


def answer(miss: KeptMiss) -> Why:
    floor = FLOOR_FRAC * thresholds(miss.camera.person, miss.own)[0]
    moments = tuple(unpacked_moments(miss.moments))
    return why_untold(unpacked_miss(miss.sightings), moments, miss.camera, miss.own, floor)


@pytest.mark.parametrize("key", SEVEN)
def test_each_of_the_seven_reasons_is_named_from_the_bytes_and_its_change_tells(key: str) -> None:
    recording, camera = untold.planted((key,), Random(7))
    misses, tally = kept(recording, camera)
    (why,) = map(answer, misses)
    assert why.held_back_by == (key,)
    assert untold.ask(recording, applied(camera, why.changes)).told == 1
    assert tally.told == 0
    assert tally.looks > 0


def test_two_reasons_at_once() -> None:
    for seed in range(6):
        rng = Random(seed)
        keys = tuple(rng.sample([k for k in REASONS if k != "ignore_zones[0]"], 2))
        recording, camera = untold.planted(keys, rng)
        for why in map(answer, kept(recording, camera)[0]):
            assert untold.ask(recording, applied(camera, why.changes)).told == 1, (seed, keys)


def test_who_was_told_is_not_kept_and_counts() -> None:
    misses, tally = kept(untold.walk(untold.Walker(), Random(1)), CAMERA)
    assert misses == []
    assert tally.told > 0
    assert tally.best_score > 0.5


def test_other_settings_close_what_was_seen_under_the_old_ones() -> None:
    recording, camera = untold.planted(("person.confirm_threshold",), Random(3))
    played = untold.play(recording, camera)
    subject = UntoldWatch(camera, untold.OWN)
    for picture, analysis in zip(recording.pictures[:35], played.analyses, strict=False):
        subject.add(picture.at_s, 0, analysis)
    subject.apply(CAMERA, untold.OWN)
    _, misses = subject.take()
    assert [miss.camera for miss in misses] == [camera]


def test_somebody_who_stays_for_ever_takes_bounded_bytes() -> None:
    walker = untold.Walker(scores=(0.3, 0.4), lasts_s=400.0)
    (miss, *_), _ = kept(untold.walk(walker, Random(2)), CAMERA)
    assert len(miss.moments) + len(miss.sightings) < 40_000
    assert answer(miss).held_back_by == ("person.confirm_threshold",)


def test_numbers_survive_their_bytes() -> None:
    rng = Random(11)
    for _ in range(200):
        boxes = [BBox(rng.uniform(-0.4, 1), rng.uniform(-0.4, 1), rng.random(), rng.random())]
        boxes.append(FULL_FRAME)
        found = tuple(Detection(box, rng.random()) for box in boxes)
        regions = tuple(map(Region, boxes))
        motion = Motion(regions, 0.25, rng.choice(list(Lighting)))
        moment = Moment(
            rng.random() * 1e6, rng.randrange(10080), motion, Faint(regions, found), True
        )
        (again,) = unpacked_moments(packed_moment(moment))
        assert (again.at_s, again.weekminute, again.blind) == (moment.at_s, moment.weekminute, True)
        assert again.motion.lighting is motion.lighting
        for one, other in zip(again.faint.detections, found, strict=True):
            assert 0 <= other.score - one.score < 2e-5
            for name in ("x", "y", "w", "h"):
                assert getattr(one.bbox, name) == pytest.approx(getattr(other.bbox, name), abs=2e-5)
        seen = Sighting(moment.at_s, 5, boxes[0], 0.5, looked=False)
        (back,) = unpacked_miss(packed_sightings([seen])).sightings
        assert (back.at_s, back.weekminute, back.looked) == (seen.at_s, 5, False)


def test_bytes_that_are_none_are_refused() -> None:
    rng = Random(4)
    for _ in range(300):
        data = rng.randbytes(rng.randrange(1, 200))
        for read in (lambda d: list(unpacked_moments(d)), unpacked_miss):
            try:
                read(data)
            except (ValueError, IndexError, struct.error):
                continue
