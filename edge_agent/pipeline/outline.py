"""Redraws a zone's polygon as a person would. Pure; fractions of the frame."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edge_agent.geometry import Polygon

Point = tuple[float, float]
Points = tuple[Point, ...]

#: Feet are not put onto the border, where a rounded corner decides.
_MARGIN = 0.01
#: Somebody who draws a zone leaves so much room around feet.
_ROOM = 0.02
_DRAWN_DIGITS = 2
_DIGITS = 3
_DIRECTIONS = 24


def inside(points: Points, point: Point) -> bool:
    return Polygon.of(points).contains(point)


def distance(points: Points, point: Point) -> float:
    """From the point to the nearest edge."""
    return min(math.dist(point, _nearest(a, b, point)) for a, b in _edges(points))


def grown(points: Points, feet: Sequence[Point]) -> Points:
    """The zone as somebody draws it who wants these feet inside: a hull with few corners.

    Corners are rounded to hundredths, away from the feet; a corner without which everything stays
    inside is left out. Notches are filled.
    """
    around = [corner for foot in feet for corner in _around(foot)]
    own = [(round(x, _DRAWN_DIGITS), round(y, _DRAWN_DIGITS)) for x, y in points]
    hull = _hull([*own, *around])
    for corner in hull:
        fewer = tuple(each for each in hull if each != corner)
        if corner not in own and all(inside(fewer, foot) for foot in feet):
            hull = fewer
    return hull


def without(points: Points, feet: Sequence[Point]) -> Points:
    """The polygon cut along a line so that these points are outside; empty: nothing is left."""
    best: Points = ()
    for k in range(_DIRECTIONS):
        angle = 2 * math.pi * k / _DIRECTIONS
        normal = (math.cos(angle), math.sin(angle))
        limit = min(_along(foot, normal) for foot in feet) - _MARGIN
        cut = _clipped(points, normal, limit)
        if len(cut) >= 3 and _area(cut) > _area(best):
            best = cut
    return best


def _edges(points: Points) -> list[tuple[Point, Point]]:
    """Edge i ends at corner i."""
    return [(points[i - 1], points[i]) for i in range(len(points))]


def _nearest(a: Point, b: Point, point: Point) -> Point:
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = dx * dx + dy * dy
    along = ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / length if length else 0.0
    share = min(1.0, max(0.0, along))
    return a[0] + share * dx, a[1] + share * dy


def _around(foot: Point) -> list[Point]:
    """The corners of a square around it, rounded outwards."""
    scale = 10**_DRAWN_DIGITS
    xs, ys = (
        (math.floor((at - _ROOM) * scale) / scale, math.ceil((at + _ROOM) * scale) / scale)
        for at in foot
    )
    return [_inside_frame((x, y)) for x in xs for y in ys]


def _inside_frame(point: Point) -> Point:
    return round(min(1.0, max(0.0, point[0])), _DIGITS), round(
        min(1.0, max(0.0, point[1])), _DIGITS
    )


def _hull(points: Sequence[Point]) -> Points:
    """Andrew's monotone chain."""
    ordered = sorted(set(points))

    def chain(along: Sequence[Point]) -> list[Point]:
        kept: list[Point] = []
        for p in along:
            while len(kept) >= 2 and _turn(kept[-2], kept[-1], p) <= 0:
                kept.pop()
            kept.append(p)
        return kept[:-1]

    return (*chain(ordered), *chain(ordered[::-1]))


def _turn(o: Point, a: Point, b: Point) -> float:
    return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])


def _along(point: Point, normal: Point) -> float:
    return point[0] * normal[0] + point[1] * normal[1]


def _clipped(points: Points, normal: Point, limit: float) -> Points:
    """Sutherland and Hodgman: the part before the line."""
    kept: list[Point] = []
    for a, b in _edges(points):
        before, after = _along(a, normal) - limit, _along(b, normal) - limit
        if (before <= 0) != (after <= 0):
            share = before / (before - after)
            kept.append(_inside_frame((a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]))))
        if after <= 0:
            kept.append(b)
    return tuple(dict.fromkeys(kept))


def _area(points: Points) -> float:
    return Polygon(points).area_frac if len(points) >= 3 else 0.0
