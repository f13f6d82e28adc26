"""What a running agent keeps of those whom it did not tell of."""

from __future__ import annotations

import struct
from dataclasses import replace
from random import Random

import pytest
import untold
from untold import CAMERA, REASONS, SEVEN, WEEKMINUTE

from edge_agent.config import CameraConfig
from edge_agent.domain import Detection, Lighting, Motion, Region, RuleHit, Track
from edge_agent.geometry import FULL_FRAME, BBox
from edge_agent.pipeline.analysis import Analysis
from edge_agent.pipeline.change import applied
from edge_agent.pipeline.moment_bytes import packed_moment, unpacked_moments
from edge_agent.pipeline.near_miss import FLOOR_FRAC, Faint, NearMissWatch
from edge_agent.pipeline.rehearsal import Moment
from edge_agent.pipeline.stages import thresholds
from edge_agent.pipeline.untold_watch import (
    KeptWindow,
    OwnThresholds,
    UntoldTally,
    UntoldWatch,
    cases_of,
)
from edge_agent.pipeline.why import Why


def kept(recording: untold.Recording, camera: CameraConfig) -> tuple[list[KeptWindow], UntoldTally]:
    """As the analysis of a running agent: only what the pipeline looked at is known."""
    candidate, _ = thresholds(camera.person, untold.OWN)
    watch = NearMissWatch(camera.person, floor=FLOOR_FRAC * candidate, thresholds=(candidate, 0.5))
    watch.look_at = lambda searched, moving, at_s: searched  # type: ignore[method-assign]
    played = untold.play(recording, camera, WEEKMINUTE, watch)
    subject = UntoldWatch(camera, untold.OWN)
    for picture, analysis in zip(recording.pictures, played.analyses, strict=True):
        subject.add(picture.at_s, WEEKMINUTE + int(picture.at_s // 60), analysis)
    subject.close()
    tally, windows = subject.take()
    return windows, tally


def answers(windows: list[KeptWindow]) -> list[Why]:
    return [case.why for each in windows for case in cases_of(each.moments, each.camera, each.own)]


@pytest.mark.parametrize("key", SEVEN)
def test_each_of_the_seven_reasons_is_named_from_the_bytes_and_its_change_tells(key: str) -> None:
    recording, camera = untold.planted((key,), Random(7))
    windows, tally = kept(recording, camera)
    (why,) = answers(windows)
    assert why.held_back_by == (key,)
    assert untold.ask(recording, applied(camera, why.changes)).told == 1
    assert tally.told == 0
    assert tally.looks > 0


@pytest.mark.parametrize(
    ("score", "looks", "kept_windows"),
    [(0.15, 2, 0), (0.15, 3, 1), (0.3, 1, 0), (0.3, 2, 1), (0.6, 1, 1)],
)
def test_weaker_people_must_be_seen_more_often(score: float, looks: int, kept_windows: int) -> None:
    subject = UntoldWatch(CAMERA, untold.OWN)
    still = Motion((), 0.0, Lighting.STEADY)
    everywhere = (Region(FULL_FRAME),)
    for i in range(60):
        found = (Detection(BBox(0.4, 0.3, 0.1, 0.3), score),) if i < looks else ()
        analysis = Analysis(still, everywhere, found, (), (), (), ())
        subject.add(100.0 + i / 5, 0, analysis)
    tally, windows = subject.take()
    assert len(windows) == kept_windows
    assert (tally.pictures, tally.looks, tally.moved, tally.told) == (60, 60, 0, 0)
    assert tally.best_score == score
    for window in windows:
        assert (window.first_s, window.last_s) == (100.0, 100.0 + (looks - 1) / 5)


def test_two_reasons_at_once() -> None:
    for seed in range(6):
        rng = Random(seed)
        keys = tuple(rng.sample([k for k in REASONS if k != "ignore_zones[0]"], 2))
        recording, camera = untold.planted(keys, rng)
        for why in answers(kept(recording, camera)[0]):
            assert untold.ask(recording, applied(camera, why.changes)).told == 1, (seed, keys)


def test_who_was_told_is_not_kept_and_counts() -> None:
    windows, tally = kept(untold.walk(untold.Walker(), Random(1)), CAMERA)
    assert windows == []
    assert tally.told > 0
    assert tally.best_score > 0.5


def test_who_comes_minutes_later_is_somebody_else() -> None:
    first, camera = untold.planted(("person.min_height_frac",), Random(7))
    blank = first.pictures[0]
    end_s = first.pictures[-1].at_s
    pause = [replace(blank, at_s=round(end_s + (i + 1) / untold.FPS, 3)) for i in range(300)]
    later_s = pause[-1].at_s + 1 / untold.FPS
    again = [replace(each, at_s=round(later_s + each.at_s, 3)) for each in first.pictures]
    windows, _ = kept(replace(first, pictures=(*first.pictures, *pause, *again)), camera)
    assert len(windows) == 2
    assert windows[0].last_s < end_s < later_s < windows[1].first_s


def test_other_settings_close_what_was_seen_under_the_old_ones() -> None:
    recording, camera = untold.planted(("person.confirm_threshold",), Random(3))
    played = untold.play(recording, camera)
    subject = UntoldWatch(camera, untold.OWN)
    for picture, analysis in zip(recording.pictures[:35], played.analyses, strict=False):
        subject.add(picture.at_s, 0, analysis)
    subject.apply(CAMERA, untold.OWN)
    _, windows = subject.take()
    assert [window.camera for window in windows] == [camera]


def test_somebody_who_stays_for_ever_is_in_windows_of_bounded_bytes() -> None:
    walker = untold.Walker(scores=(0.3, 0.4), lasts_s=400.0)
    windows, _ = kept(untold.walk(walker, Random(2)), CAMERA)
    assert len(windows) > 5
    assert all(len(window.moments) < 30_000 for window in windows)
    assert {why.held_back_by for why in answers(windows)} == {("person.confirm_threshold",)}


def test_who_is_told_a_little_later_leaves_no_window() -> None:
    for seed in range(20):
        windows, _ = kept(untold.walk(untold.Walker(scores=(0.3, 0.9)), Random(seed)), CAMERA)
        assert answers(windows) == [], seed


def test_numbers_survive_their_bytes() -> None:
    rng = Random(11)
    for _ in range(200):
        boxes = [BBox(rng.uniform(-0.4, 1), rng.uniform(-0.4, 1), rng.random(), rng.random())]
        boxes.append(FULL_FRAME)
        found = tuple(Detection(box, rng.random()) for box in boxes)
        regions = tuple(map(Region, boxes))
        motion = Motion(regions, 0.25, rng.choice(list(Lighting)))
        hits = (RuleHit(Track(0, boxes[0], 1.0, 1.0, 1.0, 2.5, 3.0, 1), 2.5, (), ()),)
        moment = Moment(
            rng.random() * 1e6, rng.randrange(10080), motion, Faint(regions, found), True
        )
        (back,) = unpacked_moments(packed_moment(moment, hits))
        again = back.moment
        assert (len(back.hits), back.hits[0].since_s) == (1, 2.5)
        assert (again.at_s, again.weekminute, again.blind) == (moment.at_s, moment.weekminute, True)
        assert again.motion.lighting is motion.lighting
        for one, other in zip(again.faint.detections, found, strict=True):
            assert 0 <= other.score - one.score < 2e-5
            for name in ("x", "y", "w", "h"):
                assert getattr(one.bbox, name) == pytest.approx(getattr(other.bbox, name), abs=2e-5)


def test_bytes_that_are_none_are_refused() -> None:
    rng = Random(4)
    for _ in range(300):
        data = rng.randbytes(rng.randrange(1, 200))
        try:
            list(cases_of(data, CAMERA, OwnThresholds(0.2, 0.5)))
        except (ValueError, struct.error):
            continue
