"""The last minute of a camera's analysis: rates, best score, motion."""

from __future__ import annotations

import pytest

from edge_agent.analysis.sights import MINUTE_S, Sights
from edge_agent.clock import ManualClock
from edge_agent.domain import Detection, Lighting, Motion, Region
from edge_agent.geometry import FULL_FRAME, BBox
from edge_agent.pipeline import Analysis

BOX = BBox(0.1, 0.1, 0.2, 0.4)


def analysis(*scores: float, changed_frac: float = 0.0, moving: bool = False) -> Analysis:
    regions = (Region(FULL_FRAME),) if moving else ()
    motion = Motion(regions, changed_frac, Lighting.STEADY)
    found = tuple(Detection(BOX, score) for score in scores)
    return Analysis(motion, (), found, (), (), (), ())


def test_nothing_seen_is_no_score() -> None:
    seen = Sights(ManualClock()).last_minute()
    assert (seen.best_score, seen.fps, seen.moving) == (None, 0.0, False)


def test_the_best_score_of_a_minute_is_forgotten_after_it() -> None:
    clock = ManualClock()
    sights = Sights(clock)
    sights.add(analysis(0.4, 0.8))
    for _ in range(5):
        clock.advance(10.0)
        sights.add(analysis(0.3))
    assert sights.last_minute().best_score == 0.8
    clock.advance(MINUTE_S - 45.0)
    assert sights.last_minute().best_score == 0.3


def test_pictures_a_second_and_motion_now_and_before() -> None:
    clock = ManualClock()
    sights = Sights(clock)
    for turn in range(200):
        clock.advance(0.2)
        sights.add(analysis(changed_frac=0.5 if turn == 20 else 0.001, moving=turn == 199))
    seen = sights.last_minute()
    assert seen.fps == pytest.approx(5.0, rel=0.05)
    assert (seen.changed_now_frac, seen.changed_frac, seen.moving) == (0.001, 0.5, True)
    clock.advance(15.0)
    later = sights.last_minute()
    assert (later.changed_now_frac, later.moving) == (0.0, False)
