"""When two boxes show one person, and how far apart two people are."""

from __future__ import annotations

import pytest

from edge_agent.geometry import BBox, heights_apart, is_part_of, shows_same_person

WHOLE = BBox(0.4, 0.2, 0.1, 0.4)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(WHOLE, True, id="the same box"),
        pytest.param(BBox(0.405, 0.21, 0.1, 0.4), True, id="a double from another crop"),
        pytest.param(BBox(0.4, 0.4, 0.1, 0.2), True, id="legs alone"),
        pytest.param(BBox(0.4, 0.2, 0.1, 0.15), True, id="head and shoulders"),
        pytest.param(BBox(0.4, 0.2, 0.04, 0.4), True, id="cut by the crop's side"),
        pytest.param(BBox(0.43, 0.4, 0.05, 0.2), False, id="a child in front"),
        pytest.param(BBox(0.46, 0.2, 0.1, 0.4), False, id="a second person half hidden"),
        pytest.param(BBox(0.7, 0.2, 0.1, 0.4), False, id="elsewhere"),
    ],
)
def test_same_person_needs_a_double_or_a_part_of_the_whole(other: BBox, same: bool) -> None:
    assert shows_same_person(WHOLE, other) is same
    assert shows_same_person(other, WHOLE) is same


def test_the_whole_is_no_part_of_its_piece() -> None:
    legs = BBox(0.4, 0.4, 0.1, 0.2)
    assert is_part_of(legs, WHOLE)
    assert not is_part_of(WHOLE, legs)


@pytest.mark.parametrize(
    ("other", "heights"),
    [
        (BBox(0.5, 0.2, 0.1, 0.4), 0.4),  # one width aside
        (BBox(0.4, 0.6, 0.1, 0.4), 1.0),  # one height below
        (WHOLE, 0.0),
    ],
)
def test_distance_is_counted_in_heights_of_a_person(other: BBox, heights: float) -> None:
    assert heights_apart(WHOLE, other) == pytest.approx(heights)
