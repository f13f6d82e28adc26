"""The filter predicts in seconds, whatever the frame rate."""

from __future__ import annotations

import itertools

import pytest

from edge_agent.geometry import BBox
from edge_agent.track.box_filter import BoxFilter


def walked(fps: float, seconds: float, speed: float) -> BoxFilter:
    """A filter that followed a walker going right with `speed` (frame widths per second)."""
    track = BoxFilter(BBox(0.1, 0.3, 0.05, 0.3), 0.0)
    for index in range(1, round(seconds * fps) + 1):
        at_s = index / fps
        track.correct(BBox(0.1 + speed * at_s, 0.3, 0.05, 0.3), at_s)
    return track


@pytest.mark.parametrize("fps", [2.0, 5.0, 10.0, 25.0])
def test_a_walker_is_expected_further_on(fps: float) -> None:
    track = walked(fps, 3.0, 0.1)
    assert track.predicted(3.0).x == pytest.approx(0.4, abs=0.01)
    assert track.predicted(3.5).x == pytest.approx(0.45, abs=0.012)


def test_speed_fades_when_nobody_is_seen() -> None:
    track = walked(5.0, 3.0, 0.1)
    steps = [track.predicted(at_s).x for at_s in (3.0, 4.0, 5.0, 6.0)]
    gains = [after - before for before, after in itertools.pairwise(steps)]
    assert gains[0] > gains[1] > gains[2] > 0


def test_asking_for_a_prediction_changes_nothing() -> None:
    track = walked(5.0, 1.0, 0.1)
    before = track.predicted(1.2)
    track.predicted(60.0)
    assert track.predicted(1.2) == before


def test_a_standing_person_does_not_drift() -> None:
    track = walked(1.25, 300.0, 0.0)
    bbox = track.predicted(300.8)
    assert bbox.iou(BBox(0.1, 0.3, 0.05, 0.3)) > 0.99


def test_the_expected_centre_stays_in_the_frame() -> None:
    track = walked(5.0, 8.0, 0.12)
    x, y = track.predicted(20.0).center
    assert 0 <= x <= 1
    assert 0 <= y <= 1


def test_an_empty_bbox_is_survived() -> None:
    track = BoxFilter(BBox(0.5, 0.5, 0.0, 0.0), 0.0)
    track.correct(BBox(0.5, 0.5, 0.0, 0.0), 0.2)
    assert track.predicted(0.4).area_frac > 0
