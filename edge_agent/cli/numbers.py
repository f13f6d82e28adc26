"""Numbers on the command line: within their range, and refused in words of their own."""

from __future__ import annotations

import argparse
from collections.abc import Callable


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
