"""Polygons are redrawn so that the feet are on the right side, on 200 random ones."""

from __future__ import annotations

import math
from random import Random

from edge_agent.geometry import Polygon
from edge_agent.pipeline.outline import Points, grown, inside, without


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


def test_a_zone_that_holds_the_foot_at_its_border_loses_little() -> None:
    square = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))
    cut = without(square, [(0.5, 0.78)])
    assert Polygon(cut).area_frac > 0.9 * Polygon(square).area_frac


def test_a_zone_grown_over_a_path_is_what_a_person_would_draw() -> None:
    door = ((0.7, 0.3), (1.0, 0.3), (1.0, 1.0), (0.7, 1.0))
    path = [(0.4 + 0.01 * i, 0.8 + 0.001 * i) for i in range(30)]
    drawn = grown(door, path)
    assert set(door) <= set(drawn)
    assert len(drawn) <= 6
    assert min(x for x, _ in drawn) == 0.38  # no spike: two corners, some hundredths apart
    assert Polygon(drawn).area_frac < Polygon(door).area_frac + 0.16
