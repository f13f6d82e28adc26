"""The times in a name: strftime's directives as patterns, and what the matched texts say.

    %Y %y %m %d %H %M %S %f   as everywhere; %-m %-d %-H %-I take one digit or two
    %I with %p                12 hours; AM, PM, and as Vietnamese and Chinese people write them
    %b                        the name of a month, in eight languages, short or whole
    %s                        seconds since 1970, ten digits; `%s%f` with milliseconds
    %z                        Z, UTC, GMT, GMT+7 or +07:00

A name that leaves out the day, or the day and the hour, takes them from the upload: see
`NameTime.period_s`.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

#: Names of the months, by their first letters: what a recorder writes as short is no longer.
_MONTHS: tuple[tuple[str, ...], ...] = (
    ("january", "januar", "janvier", "enero", "janeiro", "gennaio", "styczen", "января"),
    ("february", "februar", "fevrier", "febrero", "fevereiro", "febbraio", "luty", "февраля"),
    ("march", "marz", "maerz", "mars", "marzo", "marco", "maart", "марта"),
    ("april", "avril", "abril", "aprile", "kwiecien", "апреля"),
    ("may", "mai", "mayo", "maio", "maggio", "mei", "мая"),
    ("june", "juni", "juin", "junio", "junho", "giugno", "июня"),
    ("july", "juli", "juillet", "julio", "julho", "luglio", "июля"),
    ("august", "aout", "agosto", "augustus", "августа"),
    ("september", "septembre", "septiembre", "setembro", "settembre", "сентября"),
    ("october", "oktober", "octobre", "octubre", "outubro", "ottobre", "октября"),
    ("november", "novembre", "noviembre", "novembro", "ноября"),
    ("december", "dezember", "decembre", "diciembre", "dezembro", "dicembre", "декабря"),
)
_SHORTEST = 3

_DAY_S, _HALF_DAY_S, _HOUR_S = 86_400.0, 43_200.0, 3_600.0

_UTC_MARK = r"Z|UTC|GMT"
_OFFSET = r"(?:UTC|GMT)[+-][0-9]{1,2}(?::?[0-9]{2})?|[+-][0-9]{2}:?[0-9]{2}"

#: Vietnamese people name the part of the day instead.
PARTS_OF_DAY = "sáng|sang|trưa|trua|chiều|chieu|tối|toi|đêm|dem"

#: Latin digits only: `\d` would also match those of other scripts.
DIRECTIVES: Mapping[str, tuple[str, str]] = {
    "Y": ("year", r"19[7-9][0-9]|20[0-9]{2}"),
    "y": ("shortyear", r"[0-9]{2}"),
    "m": ("month", r"0[1-9]|1[0-2]"),
    "-m": ("month", r"1[0-2]|0?[1-9]"),
    "b": ("monthname", r"[^\W\d_]{3,10}\.?"),
    "d": ("day", r"0[1-9]|[12][0-9]|3[01]"),
    "-d": ("day", r"[12][0-9]|3[01]|0?[1-9]"),
    "H": ("hour", r"[01][0-9]|2[0-4]"),
    "-H": ("hour", r"1[0-9]|2[0-4]|0?[0-9]"),
    "I": ("hour12", r"0[1-9]|1[0-2]"),
    "-I": ("hour12", r"1[0-2]|0?[1-9]"),
    "p": ("half", rf"[ap]\.?m\.?|sa|ch|上午|下午|오전|오후|{PARTS_OF_DAY}"),
    "M": ("minute", r"[0-5][0-9]"),
    "-M": ("minute", r"[0-5]?[0-9]"),
    "S": ("second", r"[0-5][0-9]|60"),
    "-S": ("second", r"[0-5]?[0-9]|60"),
    "f": ("fraction", r"[0-9]{1,6}"),
    "s": ("epoch", r"[0-9]{10}"),
    "z": ("zone", f"{_OFFSET}|{_UTC_MARK}"),
}

DIRECTIVE = re.compile(r"%-?.?|[^%]+")

_AFTERNOON = ("p", "ch", "下", "오후", "t")  # `trưa` and `tối`, too
#: Eleven at noon is in the morning; at night, an hour up to this is after midnight.
_NOONS, _BEFORE_NOON, _NIGHTS, _SMALL_HOURS = ("tr",), (10, 11), ("đ", "d"), 6


@dataclass(frozen=True, slots=True)
class NameTime:
    """A moment as a name tells it."""

    moment: dt.datetime  # the recorder's local time without a zone, or aware where the name says
    #: 0: the name says all. Else it tells the moment only within a day, half a day or an hour,
    #: and the upload tells which one.
    period_s: float


def month_number(word: str) -> int | None:
    """By three letters or more of its name, whatever the case and the accents."""
    plain = unicodedata.normalize("NFKD", word.casefold().rstrip("."))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    if len(plain) < _SHORTEST:
        return None
    for number, names in enumerate(_MONTHS, 1):
        if any(name.startswith(plain) for name in names):
            return number
    return None


def time_pieces(name: str, form: str, groups: set[str]) -> Iterator[str]:
    """The pattern of `{name:form}` in pieces; a unit's second mention must read the same.

    Raises KeyError with a directive that is not known.
    """
    for piece in DIRECTIVE.findall(form):
        if piece[0] != "%":
            yield re.escape(piece)
            continue
        unit, pattern = DIRECTIVES[piece[1:]]
        group = f"{name}_{unit}"
        if group in groups:
            yield f"(?P={group})"
            continue
        groups.add(group)
        yield f"(?P<{group}>{pattern})"


def name_times(fields: Mapping[str, str | None]) -> tuple[NameTime | None, dt.datetime | None]:
    """(start, end) of what was matched. Raises ValueError for a day that does not exist."""
    date = {unit: fields[f"date_{unit}"] for unit in _UNITS if fields.get(f"date_{unit}")}
    start = {unit: fields[f"start_{unit}"] for unit in _UNITS if fields.get(f"start_{unit}")}
    end = {unit: fields[f"end_{unit}"] for unit in _UNITS if fields.get(f"end_{unit}")}
    if not start and "hour" not in date:
        return None, None
    begin = _name_time({**date, **start})
    if not end:
        return begin, None
    own_day = bool(_DAY_UNITS & set(end)) or "epoch" in end
    last = _name_time({**date, **start, **end}).moment
    if last < begin.moment and not own_day:
        last += dt.timedelta(days=1) if "hour" in end or "hour12" in end else dt.timedelta(hours=1)
    return begin, last if last >= begin.moment else None


_UNITS = (
    *("year", "shortyear", "month", "monthname", "day", "hour", "hour12", "half"),
    *("minute", "second", "fraction", "epoch", "zone"),
)
_DAY_UNITS = {"year", "shortyear", "month", "monthname", "day"}


def _name_time(texts: Mapping[str, str | None]) -> NameTime:
    known = {unit: text for unit, text in texts.items() if text is not None}
    micros = int(known.get("fraction", "").ljust(6, "0"))
    if "epoch" in known:
        whole = dt.datetime.fromtimestamp(int(known["epoch"]), dt.UTC)
        return NameTime(whole + dt.timedelta(microseconds=micros), 0.0)
    hour, period_s = _hour(known)
    day = _day(known)
    if day is None:
        day, period_s = dt.date(2000, 1, 1), max(period_s, _DAY_S if hour is not None else 0.0)
    minute, second = int(known.get("minute", 0)), int(known.get("second", 0))
    # 24:00:00 is how Dahua ends a day; a second of 60 is a leap second.
    elapsed = dt.timedelta(hours=hour or 0, minutes=minute, seconds=second, microseconds=micros)
    if elapsed > dt.timedelta(days=1):
        raise ValueError("after the end of the day")
    moment = dt.datetime.combine(day, dt.time()) + elapsed
    if "zone" in known:
        moment = moment.replace(tzinfo=_zone(known["zone"]))
    return NameTime(moment, period_s)


def _hour(known: Mapping[str, str]) -> tuple[int | None, float]:
    """The hour of the day, and what the name leaves open."""
    if "hour" in known:
        return int(known["hour"]), 0.0
    if "hour12" not in known:
        return None, _HOUR_S
    hour = int(known["hour12"]) % 12
    if "half" not in known:
        return hour, _HALF_DAY_S
    half = known["half"].casefold()
    late = half.startswith(_AFTERNOON)
    if half.startswith(_NOONS):
        late = hour not in _BEFORE_NOON
    elif half.startswith(_NIGHTS):
        late = hour >= _SMALL_HOURS
    return hour + (12 if late else 0), 0.0


def _day(known: Mapping[str, str]) -> dt.date | None:
    year = known.get("year") or known.get("shortyear")
    month = known.get("month") or known.get("monthname")
    if year is None or month is None or "day" not in known:
        return None
    number = int(month) if month.isdecimal() else month_number(month)
    if number is None:
        raise ValueError(f"no month {month}")
    return dt.date(int(year) + (2000 if len(year) == 2 else 0), number, int(known["day"]))


def _zone(text: str) -> dt.tzinfo:
    offset = text.upper().removeprefix("UTC").removeprefix("GMT")
    if offset[:1] not in ("+", "-"):
        return dt.UTC
    digits = offset[1:].replace(":", "")
    hours, minutes = (digits, "0") if len(digits) <= 2 else (digits[:-2], digits[-2:])
    ahead = dt.timedelta(hours=int(hours), minutes=int(minutes))
    return dt.timezone(-ahead if offset[0] == "-" else ahead)
