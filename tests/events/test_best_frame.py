"""What makes a better picture of a person."""

from __future__ import annotations

import pytest

from edge_agent.events.best_frame import picture_quality
from edge_agent.geometry import BBox

GOOD = (BBox(0.4, 0.2, 0.15, 0.5), 0.8)


@pytest.mark.parametrize(
    ("bbox", "score"),
    [
        pytest.param(GOOD[0], 0.6, id="less sure"),
        pytest.param(BBox(0.4, 0.4, 0.08, 0.25), 0.8, id="smaller"),
        pytest.param(BBox(0.0, 0.2, 0.15, 0.5), 0.8, id="cut at the left"),
        pytest.param(BBox(0.85, 0.2, 0.15, 0.5), 0.8, id="cut at the right"),
        pytest.param(BBox(0.4, 0.0, 0.15, 0.5), 0.8, id="head cut off"),
        pytest.param(BBox(0.4, 0.5, 0.15, 0.5), 0.8, id="feet cut off"),
    ],
)
def test_a_worse_picture_has_a_lower_quality(bbox: BBox, score: float) -> None:
    assert picture_quality(bbox, score) < picture_quality(*GOOD)


def test_cut_off_feet_are_better_than_a_cut_off_head() -> None:
    feet, head = BBox(0.4, 0.5, 0.15, 0.5), BBox(0.4, 0.0, 0.15, 0.5)
    assert picture_quality(feet, 0.8) > picture_quality(head, 0.8)
