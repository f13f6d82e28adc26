"""Polygons are redrawn so that the feet are on the right side, on 200 random ones."""

from __future__ import annotations

import math
from random import Random

import pytest

from edge_agent.geometry import Polygon
from edge_agent.pipeline.outline import Points, distance, grown, inside, without


def star(rng: Random) -> Points:
    """A random polygon, often with notches."""
    x, y, corners = rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7), rng.randint(3, 9)
    turns = [2 * math.pi * (i + 0.8 * rng.random()) / corners for i in range(corners)]
    reach = [rng.uniform(0.05, 0.28) for _ in turns]
    return tuple(
        (x + r * math.cos(t), y + r * math.sin(t)) for t, r in zip(turns, reach, strict=True)
    )


def test_all_feet_are_inside_afterwards() -> None:
    for seed in range(200):
        rng = Random(seed)
        feet = [
            (rng.uniform(0.02, 0.98), rng.uniform(0.02, 0.98)) for _ in range(rng.randint(1, 6))
        ]
        zone = star(rng)
        drawn = grown(zone, feet)
        assert all(inside(drawn, foot) for foot in feet), seed
        assert len(drawn) <= len(zone) + 2 * len(feet), seed
        assert all(round(value, 2) == value for point in drawn for value in point)
        assert all(0 <= value <= 1 for point in drawn for value in point)


def test_all_feet_are_outside_afterwards_and_most_of_the_zone_stays() -> None:
    for seed in range(200):
        rng = Random(seed)
        zone = star(rng)
        foot = (rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9))
        cut = without(zone, [foot])
        if cut:
            assert not inside(cut, foot), seed
            assert Polygon(cut).area_frac <= Polygon(zone).area_frac + 1e-3


SQUARE = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))


@pytest.mark.parametrize("foot", [(0.5, 0.78), (0.5, 0.22), (0.78, 0.5), (0.22, 0.5)])
def test_a_zone_that_holds_the_foot_at_its_border_is_cut_a_hundredth_beside_it(
    foot: tuple[float, float],
) -> None:
    cut = without(SQUARE, [foot])
    assert Polygon(cut).area_frac == pytest.approx(0.6 * 0.57, abs=1e-6)
    assert not inside(cut, foot)


def test_a_corner_is_cut_off_across() -> None:
    cut = without(SQUARE, [(0.78, 0.78)])
    assert Polygon(cut).area_frac == pytest.approx(0.36 - 0.0015, abs=5e-4)


def test_a_zone_of_nothing_but_the_feet_is_nothing() -> None:
    assert without(SQUARE, [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)]) == ()


@pytest.mark.parametrize(
    ("point", "far"),
    [
        ((0.5, 0.1), 0.1),
        ((0.5, 0.9), 0.1),
        ((0.1, 0.5), 0.1),
        ((0.9, 0.5), 0.1),
        ((0.3, 0.6), 0.1),
        ((0.17, 0.16), 0.05),
        ((0.83, 0.84), 0.05),
        ((0.2, 0.8), 0.0),
    ],
)
def test_a_distance_is_that_to_the_nearest_edge_or_corner(
    point: tuple[float, float], far: float
) -> None:
    assert distance(SQUARE, point) == pytest.approx(far)
    assert distance((*SQUARE, SQUARE[-1]), point) == pytest.approx(far), "an edge of no length"


@pytest.mark.parametrize(
    "foot", [(0.9, 0.5), (0.5, 0.9), (0.1, 0.5), (0.5, 0.1), (0.9, 0.9), (0.003, 0.5)]
)
def test_who_draws_leaves_a_little_room_around_feet_and_no_more(foot: tuple[float, float]) -> None:
    drawn = grown(SQUARE, [foot])
    assert inside(drawn, foot)
    for dx, dy in ((-0.009, -0.009), (0.009, 0.009), (-0.009, 0.009), (0.009, -0.009)):
        corner = (foot[0] + dx, foot[1] + dy)
        assert inside(drawn, corner) or not min(corner) > 0
    assert all(inside(drawn, (0.5 + 0.99 * (x - 0.5), 0.5 + 0.99 * (y - 0.5))) for x, y in SQUARE)
    most = max(max(abs(x - 0.5), abs(y - 0.5)) for x, y in drawn)
    assert most <= max(abs(foot[0] - 0.5), abs(foot[1] - 0.5)) + 0.031


def test_a_zone_grown_over_a_path_is_what_a_person_would_draw() -> None:
    door = ((0.7, 0.3), (1.0, 0.3), (1.0, 1.0), (0.7, 1.0))
    path = [(0.4 + 0.01 * i, 0.8 + 0.001 * i) for i in range(30)]
    drawn = grown(door, path)
    assert set(door) <= set(drawn)
    assert len(drawn) <= 6
    left = [y for x, y in drawn if x == 0.38]
    assert max(left) - min(left) > 0.03  # no spike
    assert Polygon(drawn).area_frac < Polygon(door).area_frac + 0.16
