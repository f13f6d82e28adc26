"""Which columns beside the time are time as well: the year's folder, the hour, an epoch."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from edge_agent.recorders.find.grammar import words
from edge_agent.recorders.find.grammar.layout import Layout

#: A part that goes with the time does so in nearly all files. Two cameras `14` and `15` that
#: record at two o'clock do not.
_MOST = 0.8
_DAY_S = 86_400.0
#: Digits alone are a part of the time in a name that has no other values there.
_LONG_ENOUGH = 4
#: `14h`, `Ng`: longer words say something else.
_LONGEST_MARK = 2

#: Of a moment, as folders and names repeat it.
_FORMS = (
    *("%Y", "%m", "%d", "%H", "%M", "%Y%m", "%m%d", "%d%m", "%y%m%d", "%H00", "%Y%m%d", "%j"),
    *("%Y%j", "%Y%m%d%H", "%H%M", "%H%M%S", "%Y%m%d%H%M%S", "%d%m%Y"),
)
_BY_THE_END = ("%H", "%H00")
#: Hours that local time may be ahead of UTC.
_ZONES_H = range(-12, 15)
_UNPADDED = ("%m", "%d", "%H")


class Texts(Protocol):
    """A column: one text for each file."""

    @property
    def texts(self) -> tuple[str, ...]: ...
    @property
    def values(self) -> frozenset[str]: ...
    @property
    def in_folder(self) -> bool: ...
    @property
    def interleaved(self) -> bool: ...
    @property
    def parallel(self) -> bool: ...


def is_time(column: Texts, layout: Layout) -> bool:
    if all(words.is_weekday_or_half(text) for text in column.values):
        return True
    alone = len(column.values) == 1
    series = not alone and (column.parallel or column.interleaved)
    if all(words.bears_date(text) for text in column.values):
        if series and not _of_their_days(column, layout):
            return False
        return column.in_folder or not alone
    if all(_is_epoch(text) for text in column.values):
        return not series or _of_their_days(column, layout)
    if alone and not column.in_folder:
        (text,) = column.values
        if not (text.isdecimal() and len(text) >= _LONG_ENOUGH):
            return False
    return _goes_with_time(column, layout)


def _is_epoch(text: str) -> bool:
    return bool(re.fullmatch(r"1[1-9][0-9]{8}(?:[0-9]{3})?", text))


def _of_their_days(column: Texts, layout: Layout) -> bool:
    """Most of the dates, or of the epochs, are those of their files."""
    fit = 0
    for index, text in enumerate(column.texts):
        digits = re.sub(r"[^0-9]", "", text)
        if _is_epoch(text):
            fit += abs(int(text[:10]) - layout.files[index].mtime_s) < _DAY_S
        else:
            fit += any(
                f"{day:%Y%m%d}" in digits or f"{day:%d%m%Y}" in digits
                for _, day in _moments(layout, index)
            )
    return fit >= _MOST * len(column.texts)


def _moments(layout: Layout, index: int) -> list[tuple[str, dt.datetime]]:
    """A file's start; where its name does not tell the day, the days around its upload. Of an
    epoch the local time by each zone, and which: all files must agree on one."""
    start = layout.readings[index].start
    if start.period_s:
        upload = dt.datetime.fromtimestamp(layout.files[index].mtime_s, dt.UTC)
        return [("", upload + dt.timedelta(days=n)) for n in (-1, 0, 1)]
    if start.moment.tzinfo is None:
        return [("", start.moment)]
    return [(f"{h:+}", start.moment + dt.timedelta(hours=h)) for h in _ZONES_H]


def _goes_with_time(column: Texts, layout: Layout) -> bool:
    """Each of its numbers is the same part of the time in nearly all files, one part in all."""
    shared: Counter[tuple[int, str]] = Counter()
    for index, text in enumerate(column.texts):
        told = _parts_told(text, _moments(layout, index))
        if not told:
            return False
        shared.update(told)
    places = {place for place, _ in shared}
    least = _MOST * len(column.texts)
    return all(max(n for (at, _), n in shared.items() if at == place) >= least for place in places)


def _parts_told(text: str, moments: list[tuple[str, dt.datetime]]) -> set[tuple[int, str]]:
    """Place and form of its numbers, `0` of zeros; empty: it says something else, too."""
    numbers = re.findall(r"[0-9]+", text)
    letters = re.sub(r"[\W\d_]", "", text)
    if len(letters) > _LONGEST_MARK and not words.is_time_word(letters):
        return set()
    told: set[tuple[int, str]] = set()
    for place, number in enumerate(numbers):
        forms = set(_forms_of(number, moments, spelt=bool(letters)))
        if not forms and number.strip("0"):
            return set()
        told |= {(place, form) for form in forms or {"0"}}
    return told if any(form != "0" for _, form in told) else set()


def _forms_of(number: str, moments: list[tuple[str, dt.datetime]], *, spelt: bool) -> Iterator[str]:
    for zone, moment in moments:
        later = moment + dt.timedelta(hours=1)
        forms = [form for form in _FORMS if moment.strftime(form) == number]
        forms += [f"to {form}" for form in _BY_THE_END if later.strftime(form) == number]
        if spelt:
            forms += [form for form in _UNPADDED if str(int(moment.strftime(form))) == number]
        yield from (form + zone for form in forms)
