from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.scenes import activity
from benchmarks.scenes.activity import Plan, Rendering
from benchmarks.scenes.backgrounds import YARD
from benchmarks.scenes.cutouts import Cutout, Walk
from benchmarks.scenes.weather import Planes, Weather

PLAN = Plan("test", YARD, Weather.CALM, (320, 180), 10.0, 60.0, (4.0, 6.0), 4.0)


@pytest.fixture(autouse=True)
def _cast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A white figure on grey instead of real footage."""
    white = Cutout(np.full((60, 24, 3), 255, np.uint8), np.ones((60, 24), np.float32))
    empty = np.full((270, 320), 90, np.uint8)
    empty[180:] = 128
    monkeypatch.setattr(activity, "walks", lambda folder: (Walk("white", (white, white)),))
    monkeypatch.setattr(activity, "empty_i420", lambda folder, place, size: empty)


def test_people_are_where_the_truth_says_and_nowhere_else() -> None:
    rendering = Rendering(PLAN)
    lumas = [Planes(picture).luma.copy() for picture in rendering.pictures()]
    transits = rendering.transits()
    assert len(transits) >= 3
    present = np.zeros(len(lumas), np.bool_)
    for transit in transits:
        first = int(np.ceil(transit.start_s * PLAN.fps))
        for i, (x, y, w, h) in enumerate(transit.boxes):
            present[first + i] = True
            if w * 320 < 4:
                continue
            bright = lumas[first + i] > 160
            rows = slice(round(y * 180), round((y + h) * 180))
            columns = slice(round(x * 320), round((x + w) * 320))
            assert bright[rows, columns].mean() > 0.8
            bright[rows, columns] = False
            assert bright.mean() < 0.001
    assert not any((luma > 160).mean() > 0.001 for luma in np.array(lumas)[~present])


def test_same_plan_gives_the_same_pictures() -> None:
    short = replace(PLAN, seconds=1.0)
    first, second = ([p.copy() for p in Rendering(short).pictures()] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[0], first[1])  # noise is never twice the same


def test_nobody_walks_while_the_lamp_is_switched() -> None:
    plan = replace(PLAN, weather=Weather.LAMP, seconds=300.0)
    rendering = Rendering(plan)
    for course in rendering._courses:
        for change_s in activity.changes_s(plan.weather, plan.seconds):
            assert not course.start_s - 8.0 < change_s < course.end_s + 3.0


def test_infrared_has_no_colour() -> None:
    plan = replace(PLAN, weather=Weather.INFRARED, seconds=10.0)
    planes = [Planes(p) for p in (p.copy() for p in Rendering(plan).pictures())]
    assert (planes[50].u == 128).all()
    assert (planes[50].v == 128).all()
