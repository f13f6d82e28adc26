"""What is wrong with a polygon as a whole: pixels, percent, a flat list, text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from edge_agent.config.words import number

#: Pictures that cameras make (width, height), the smallest first.
_SIZES = (
    *((320, 240), (352, 288), (640, 360), (640, 480), (704, 576), (800, 448), (960, 540)),
    *((1280, 720), (1280, 960), (1920, 1080), (2304, 1296), (2560, 1440), (2592, 1944)),
    *((2688, 1520), (2880, 1620), (3840, 2160)),
)
#: Larger coordinates are no fractions that somebody rounded badly.
_SURELY_NO_FRACTION = 1.5
_PERCENT = (100, 100)
_MOST_SHOWN = 12

Points = Sequence[tuple[float, float]]


def polygon_problem(value: object) -> tuple[str, str] | None:
    """(found, fix) in one message, or None when each point is to be looked at by itself."""
    if isinstance(value, str):
        return _of_text(value)
    return _of_list(value) if isinstance(value, list) and value else None


def _of_list(value: list[Any]) -> tuple[str, str] | None:
    if all(_is_number(each) for each in value) and len(value) >= 6 and len(value) % 2 == 0:
        points = list(zip(value[::2], value[1::2], strict=True))
        return f"is a list of {len(value)} numbers", f"write pairs: {_text(_fractions(points)[0])}"
    if all(_is_xy(each) for each in value):
        points = [(each["x"], each["y"]) for each in value]
        return "is a list of tables", f"write pairs: {_text(_fractions(points)[0])}"
    if all(_is_quoted_pair(each) for each in value):
        points = [(float(x), float(y)) for x, y in value]
        return "has its numbers in quotes", f"write them bare: {_text(_fractions(points)[0])}"
    if not all(_is_pair(each) for each in value):
        return None
    points = [(x, y) for x, y in value]
    largest = max(max(point) for point in points)
    if min(min(point) for point in points) < 0 or largest <= _SURELY_NO_FRACTION:
        return None
    return _of_pixels(points)


def _of_pixels(points: Points) -> tuple[str, str]:
    small = [c for point in points for c in point if 0 < c < 1]
    if small:
        largest = max(max(point) for point in points)
        found = f"mixes fractions and pixels: {number(small[0])} and {number(largest)}"
        return found, "write every corner as fractions of the frame, 0 to 1"
    fractions, size = _fractions(points)
    kind = "percent" if size == _PERCENT else "pixels"
    example = ", ".join(number(c) for c in points[0])
    fix = f"write fractions of the frame, 0 to 1; {_of_size(size)}: {_text(fractions)}"
    if len(points) < 3:
        points_word = "point" if len(points) == 1 else "points"
        return f"is in {kind}, and has {len(points)} {points_word}", f"needs at least 3; {fix}"
    return f"is in {kind}, as [{example}]", fix


def _of_text(value: str) -> tuple[str, str] | None:
    """Frigate writes "0.1,0.2,0.3,..."."""
    numbers = [float(each) for each in re.findall(r"\d+(?:\.\d+)?", value)]
    if len(numbers) < 6 or len(numbers) % 2 or re.search(r"[A-Za-z]", value):
        return None
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    return "is text", f"write a list of pairs, without quotes: {_text(_fractions(points)[0])}"


def _fractions(points: Points) -> tuple[Points, tuple[int, int]]:
    """The points as fractions, and the size of the frame that they were probably drawn in."""
    wide, high = max(x for x, _ in points), max(y for _, y in points)
    if max(wide, high) <= 1:
        return points, (1, 1)
    size = _frame_of(wide, high)
    return [(min(1.0, x / size[0]), min(1.0, y / size[1])) for x, y in points], size


def _frame_of(wide: float, high: float) -> tuple[int, int]:
    if max(wide, high) <= _PERCENT[0]:
        return _PERCENT
    holding = [size for size in _SIZES if wide <= size[0] and high <= size[1]]
    touched = [s for s in holding if wide >= s[0] - 1 or high >= s[1] - 1]
    both = [s for s in touched if wide >= s[0] - 1 and high >= s[1] - 1]
    chosen = [*both, *touched, *holding]
    return chosen[0] if chosen else (int(wide), int(high))


def _of_size(size: tuple[int, int]) -> str:
    if size == _PERCENT:
        return "divided by 100"
    return f"in a picture of {size[0]}x{size[1]}"


def _text(points: Points) -> str:
    pairs = [f"[{number(round(x, 3))}, {number(round(y, 3))}]" for x, y in points[:_MOST_SHOWN]]
    more = ", ..." if len(points) > _MOST_SHOWN else ""
    return f"[{', '.join(pairs)}{more}]"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _is_quoted_pair(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(c, str) and re.fullmatch(r"\d+(\.\d+)?", c.strip()) for c in value)
    )


def _is_xy(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and {"x", "y"} == set(value)
        and all(map(_is_number, value.values()))
    )
