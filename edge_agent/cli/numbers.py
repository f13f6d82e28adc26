"""Numbers on the command line: within their range, and refused in words of their own."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from edge_agent.geometry import FrameSize


def number(low: float, high: float, unit: str = "") -> Callable[[str], float]:
    """For argparse's `type`: a decimal number from `low` to `high`, both allowed."""
    wanted = f"needs a number from {low:g} to {high:g}{' ' if unit else ''}{unit}"

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        # "nan" is a float too, and within no range.
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{wanted}, not {text!r}")
        return value

    return parse


def port(text: str) -> int:
    """For argparse's `type`: a TCP port."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 65535):
        raise argparse.ArgumentTypeError(f"needs a port from 1 to 65535, not {text!r}")
    return int(text)


def whole(low: int, high: int) -> Callable[[str], int]:
    """For argparse's `type`: a whole number from `low` to `high`, both allowed."""

    def parse(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f"needs a whole number from {low} to {high}, not {text!r}"
            )
        return value

    return parse


def picture_size(text: str) -> FrameSize:
    """For argparse's `type`: WIDTHxHEIGHT in pixels."""
    width, _, height = text.lower().partition("x")
    sides = [int(side) for side in (width, height) if side.isascii() and side.isdigit()]
    if len(sides) != 2 or not all(32 <= side <= 16384 for side in sides):
        raise argparse.ArgumentTypeError(f"needs WIDTHxHEIGHT in pixels, 320x192, not {text!r}")
    return FrameSize(*sides)
