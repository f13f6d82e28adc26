"""Values as people write them: numbers with units, times of day, words for yes and no."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

BOOLEANS = {
    **dict.fromkeys(["true", "yes", "on", "y", "enabled", "ja", "an", "có", "đúng", "bật"], True),
    **dict.fromkeys(
        ["false", "no", "off", "n", "disabled", "nein", "aus", "không", "sai", "tắt"], False
    ),
}
NOTHING = frozenset({"", "null", "none", "nil", "~", "undefined", "n/a", "-"})

#: Units in words, in each of the two that keys are given in: seconds and days, MB.
_SECONDS = {"ms": 0.001, "msec": 0.001, "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1}
_SECONDS |= {"giây": 1, "sek": 1, "sekunden": 1, "m": 60, "min": 60, "mins": 60, "minute": 60}
_SECONDS |= {"minutes": 60, "phút": 60, "h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600}
_SECONDS |= {"hours": 3600, "giờ": 3600, "std": 3600, "d": 86400, "day": 86400, "days": 86400}
_SECONDS |= {"ngày": 86400, "tage": 86400, "w": 604800, "week": 604800, "weeks": 604800}
_MEGABYTES = {"kb": 1e-3, "k": 1e-3, "kib": 1e-3, "mb": 1, "mib": 1, "m": 1, "gb": 1e3}
_MEGABYTES |= {"g": 1e3, "gib": 1024, "tb": 1e6}
_SHARES = {"%": 0.01, "percent": 0.01, "prozent": 0.01, "phần trăm": 0.01}
#: The end of a key says its unit (style: units in names).
_ENDINGS = {
    "_s": ("seconds", 1.0, _SECONDS),
    "_h": ("hours", 3600.0, _SECONDS),
    "_days": ("days", 86400.0, _SECONDS),
    "_mb": ("MB", 1.0, _MEGABYTES),
    "_frac": ("a share, 0 to 1", 1.0, _SHARES),
    "_threshold": ("a score, 0 to 1", 1.0, _SHARES),
}
_WITH_UNIT = re.compile(r"^([+-]?\d+(?:[.,]\d+)?)\s*(%|[^\W\d_]+(?: [^\W\d_]+)?)(?:/[^\W\d_]+)?$")
_TIME = re.compile(
    r"^\s*(\d{1,2})(?:\s*(?:[:.h]|giờ|g)\s*(\d{2})?)?(?::\d{2})?\s*(am|pm|uhr|giờ|sáng|chiều|tối)?$",
    re.IGNORECASE,
)

#: Forms of numbers that TOML refuses, and what each means.
_ODD_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = (
    (re.compile(r"^[+-]?0+\d+(\.\d+)?$"), lambda text: re.sub(r"^([+-]?)0+(?=\d)", r"\1", text)),
    (re.compile(r"^[+-]?\.\d+$"), lambda text: text.replace(".", "0.")),
    (re.compile(r"^[+-]?\d+\.$"), lambda text: f"{text}0"),
    (re.compile(r"^\d{1,3}(?:[ ']\d{3})+$|^\d+ \d+$"), lambda text: re.sub(r"[ ']", "", text)),
    (
        re.compile(r"^\d{1,3}(?:\.\d{3})+,\d+$"),
        lambda text: text.replace(".", "").replace(",", "."),
    ),
    (re.compile(r"^\d{1,3}(?:,\d{3})+\.\d+$"), lambda text: text.replace(",", "")),
)


class Scaled(NamedTuple):
    """A number in the unit of its key, as TOML writes it, and why."""

    text: str
    fix: str


def split_unit(text: str) -> tuple[float, str] | None:
    """`30 s` -> (30, "s"); None when it is no number with a word behind it."""
    match = _WITH_UNIT.match(text.strip())
    return (float(match[1].replace(",", ".")), match[2].casefold()) if match else None


def scaled(key: str, value: float, unit: str) -> Scaled:
    """What to write for `value unit` at this key."""
    for ending, (words, size, units) in _ENDINGS.items():
        if key.endswith(ending) and unit in units:
            meant = f"{round(value * units[unit] / size, 6):.15g}"
            return Scaled(meant, f"write the number alone: {meant} ({words})")
        if key.endswith(ending):
            bare = f"{value:.15g}"
            return Scaled(bare, f"write the number alone, without {unit}: {words}")
    if unit in _SHARES:
        meant = f"{value / 100:.15g}"
        return Scaled(meant, f"write it as a share: {meant}")
    bare = f"{value:.15g}"
    return Scaled(bare, f"write the number alone: {bare}")


def plain_number(text: str) -> str | None:
    """A number that TOML would not read: 03, .5, 5., 1 000, 1.000,5, +.5; None: no such one."""
    for pattern, mend in _ODD_NUMBERS:
        if pattern.match(text):
            return mend(text)
    return None


def clock_time(text: str) -> str | None:
    """`7h`, `9pm`, `6:00`, `22.30 Uhr` as HH:MM; None when it is no time of day."""
    match = _TIME.match(text.strip().strip("\"'"))
    if not match:
        return None
    hour, minute, half = int(match[1]), int(match[2] or 0), (match[3] or "").casefold()
    if half in ("pm", "chiều", "tối") and hour < 12:
        hour += 12
    if half in ("am", "sáng") and hour == 12:
        hour = 0
    return f"{hour:02}:{minute:02}" if hour <= 24 and minute < 60 else None
