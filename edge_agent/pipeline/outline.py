"""Redraws a zone's polygon by as little as will do. Pure; fractions of the frame."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edge_agent.geometry import Polygon

Point = tuple[float, float]
Points = tuple[Point, ...]

#: Feet are not put onto the border, where a rounded corner decides.
_MARGIN = 0.01
_DIGITS = 3
_DIRECTIONS = 24


def inside(points: Points, point: Point) -> bool:
    return Polygon.of(points).contains(point)


def distance(points: Points, point: Point) -> float:
    """From the point to the nearest edge."""
    return min(math.dist(point, _nearest(a, b, point)) for a, b in _edges(points))


def including(points: Points, feet: Sequence[Point]) -> Points:
    """The polygon with these points inside, by a new corner beyond each that is not."""
    for foot in feet:
        if inside(points, foot):
            continue
        edges = _edges(points)
        index = min(range(len(edges)), key=lambda i: math.dist(foot, _nearest(*edges[i], foot)))
        corner = _beyond(_nearest(*edges[index], foot), foot)
        drawn = (*points[:index], corner, *points[index:])
        # Across a notch the new corner may cut off what was inside: then the hull of all.
        kept = all(inside(drawn, each) for each in (foot, *(f for f in feet if inside(points, f))))
        points = drawn if kept else _hull([*points, corner, *_around(foot)])
    return points


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


def _beyond(start: Point, foot: Point) -> Point:
    """On the line from `start` through `foot`, a little further."""
    far = math.dist(start, foot)
    scale = (far + 2 * _MARGIN) / far if far else 1.0
    return _inside_frame(
        (start[0] + (foot[0] - start[0]) * scale, start[1] + (foot[1] - start[1]) * scale)
    )


def _around(foot: Point) -> list[Point]:
    return [
        _inside_frame((foot[0] + dx, foot[1] + dy))
        for dx in (-_MARGIN, _MARGIN)
        for dy in (-_MARGIN, _MARGIN)
    ]


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
