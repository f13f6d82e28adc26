"""What to write instead of a value of the wrong type or range."""

from __future__ import annotations

import datetime as dt
import difflib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import inspect

from edge_agent.config.repairs import unaccented
from edge_agent.config.values import BOOLEANS, clock_time, scaled, split_unit
from edge_agent.config.words import LARGEST_INTEGER, choices, expected, limits, number, unwrapped

#: How the days of the week are called, without marks and dots.
_DAYS: Mapping[str, str] = {
    **dict.fromkeys(("t2", "thu2", "thuhai", "mo", "montag", "1"), "mon"),
    **dict.fromkeys(("t3", "thu3", "thuba", "di", "dienstag", "2"), "tue"),
    **dict.fromkeys(("t4", "thu4", "thutu", "mi", "mittwoch", "3"), "wed"),
    **dict.fromkeys(("t5", "thu5", "thunam", "do", "donnerstag", "4"), "thu"),
    **dict.fromkeys(("t6", "thu6", "thusau", "fr", "freitag", "5"), "fri"),
    **dict.fromkeys(("t7", "thu7", "thubay", "sa", "samstag", "6"), "sat"),
    **dict.fromkeys(("cn", "chunhat", "so", "sonntag", "7", "0"), "sun"),
}
_SLUG_LENGTH = 32
_FULL_HD_PX = 1920 * 1080


def scalar_fix(value: object, kind: inspect.Type, extra: Mapping[str, Any], key: str) -> str:
    """What to write instead, or nothing when the value is fine. `key` is the last of its path."""
    match kind:
        case inspect.LiteralType():
            return "" if _is_choice(value, kind) else one_of(choices(kind), value)
        case inspect.IntType() | inspect.FloatType():
            return _number_fix(value, kind, key)
        case inspect.StrType(pattern=pattern):
            sound = isinstance(value, str) and (not pattern or re.fullmatch(pattern, value))
            return "" if sound else _text_fix(value, extra)
        case inspect.BoolType():
            return "" if isinstance(value, bool) else _truth_fix(value)
        case _:
            raise NotImplementedError(f"no check for {kind}")


def _is_choice(value: object, kind: inspect.LiteralType) -> bool:
    """Of the same type, too: to Python 90.0 is 90, and true is 1."""
    return any(value == each and type(value) is type(each) for each in kind.values)


def number_hint(value: object, key: str) -> str:
    """What a number in another unit is in this key's: `50 % is 0.5`; or nothing."""
    if isinstance(value, str):
        parts = split_unit(value)
        point = value.strip().replace(",", ".")
        comma = "," in value and re.fullmatch(r"[+-]?\d+\.\d+", point)
        return scaled(key, *parts).text if parts else point if comma else ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _in_unit_of(key, value)
    return ""


def _in_unit_of(key: str, value: float) -> str:
    """Of a number that is probably in another unit than the key's."""
    if key == "min_area_frac" and value > 100:
        share = number(round(value / _FULL_HD_PX, 5))
        return f"it is a share of the frame; {number(value)} of 1920x1080 pixels are {share}"
    if key.endswith(("_frac", "_threshold")) and 1 < value <= 100:
        return f"{number(value)} % is {number(value / 100)}"
    if key.endswith("_s") and 100 <= value <= 1e6:
        return f"it is in seconds; {number(value)} ms are {number(value / 1000)}"
    return ""


def _number_fix(value: object, kind: inspect.IntType | inspect.FloatType, key: str) -> str:
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return f"use {expected(kind)}"  # no float, and no text, is so long
    hint = number_hint(value, key)
    if isinstance(value, str):
        unit = " and unit" if hint and split_unit(value) else ""
        return f"write {expected(kind)}, without quotes{unit}" + (f": {hint}" if hint else "")
    allowed = int if isinstance(kind, inspect.IntType) else int | float
    if isinstance(value, bool) or not isinstance(value, allowed) or not math.isfinite(value):
        return f"use {expected(kind)}"
    below = kind.ge is not None and value < kind.ge
    above = kind.le is not None and value > kind.le
    if not (below or above):
        return ""
    fits = hint and above and key.endswith("_s") and value / 1000 >= (kind.ge or 0)
    shown = fits or (hint and not key.endswith("_s"))
    return f"use {limits(kind)}" + (f"; {hint}" if shown else "")


def _truth_fix(value: object) -> str:
    meant = BOOLEANS.get(value.strip().casefold()) if isinstance(value, str) else None
    if meant is None or str(value) in ("true", "false"):
        return "write true or false, without quotes"
    return f"write {'true' if meant else 'false'}, without quotes"


def _text_fix(value: object, extra: Mapping[str, Any]) -> str:
    words = str(extra.get("words", "text in quotes"))
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return f"use {words}"  # Python writes no number of thousands of digits
    if words.startswith("a time"):
        text = f"{value:%H:%M}" if isinstance(value, dt.time) else str(value)
        time = clock_time(text) if text.strip() and not isinstance(value, bool) else None
        # A bare number may be an hour or a mistake: only said when it is written like a time.
        if time and not re.fullmatch(r"\s*\d{1,2}\s*", text):
            return f'use {words}: "{time}"'
    elif isinstance(value, str) and words.startswith("1 to 32"):
        slug = re.sub(r"[^a-z0-9_-]+", "-", unaccented(value).lower()).strip("-_")[:_SLUG_LENGTH]
        if slug:
            return f'use {words}: "{slug}"'
    elif (
        not isinstance(value, str) and isinstance(value, int | float) and words == "text in quotes"
    ):
        return f'write it in quotes: "{str(value).lower()}"'
    return f"use {words}"


def list_fix(value: object, kind: inspect.VarTupleType | inspect.TupleType, path: str) -> str:
    """What to write where a list is wanted and `value` is none."""
    bare = re.sub(r"\[\d+\]", "", path)
    item = unwrapped(kind.item_type)[0] if isinstance(kind, inspect.VarTupleType) else None
    if isinstance(value, Mapping):
        return f"write [[{bare}]] with two brackets, once for each"
    if isinstance(item, inspect.StructType):
        return f"write [[{bare}]], and its keys below it"
    if isinstance(item, inspect.LiteralType) and isinstance(value, str):
        parts = [part for part in re.split(r"[\s,;]+", value) if part]
        meant = [one_of(choices(item), part) for part in parts]
        words = [re.search(r'did you mean ("\w+")', each) for each in meant]
        if parts and all(words):
            shown = ", ".join(word[1] for word in words if word)
            return f"write a list: [{shown}]"
    return f"use {expected(kind)}"


def either(values: Sequence[str]) -> str:
    return " or ".join(f'"{value}"' for value in values)


def one_of(values: Sequence[str], found: object) -> str:
    """The value that was probably meant, or all of them."""
    if not isinstance(found, str):
        return f"use {either(values)}"
    folded = found.strip().casefold()
    if "mon" in values:
        if re.search(r"[a-z]\s*[-–]\s*[a-z]", folded):
            return f"write each day by itself: use {either(values)}"
        plain = re.sub(r"[^a-z0-9]", "", unaccented(folded))
        if day := _DAYS.get(plain) or next((v for v in values if plain.startswith(v)), None):
            return f'did you mean "{day}"?'
    close = difflib.get_close_matches(folded, values, n=1)
    return f'did you mean "{close[0]}"?' if close else f"use {either(values)}"
