"""The ways to read one path as a start, and an end where it tells one."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from edge_agent.recorders.find.grammar.moments import Atom, Reader, fields_of
from edge_agent.recorders.find.grammar.runs import DigitRuns, runs_of
from edge_agent.recorders.find.name_time import NameTime, name_times

Role = Literal["date", "start", "end"]

#: Of one path; the rest is far-fetched.
MOST_READINGS = 14

#: A time of day without marks, and no date beside it.
_NUMBER = re.compile(r"(?<!%[A-Za-z])(?:%H%M(?:%S)?|%M%S)\Z")

#: A clock that nobody set counts from such a year: the time of day is as wrong.
_UNSET = re.compile(
    r"(?<![0-9])(?:19[789][0-9]|200[0-4])([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12][0-9]|3[01])"
    r"(?![0-9]{1,5}(?![0-9]))"
)

_JOINED = re.compile(r"(?:[D日일]?[ _.,Tt@-]{0,3}| ?at ?|_at_|, )\Z")
_TO = re.compile(r"[^0-9/]{1,5}\Z")
#: A recording with a whole moment at its end; one whose end is a time of day alone.
_LONGEST_S, _LONGEST_TIMED_S = 86_400.0, 7_200.0

_IN_NAME, _DATE_IN_NAME, _ADJACENT, _WITH_END = 4.0, 1.0, 6.0, 3.0
_RUN_BETWEEN, _FOLDER_BETWEEN, _TIME_FIRST = 1.5, 0.5, 3.0
_NO_DAY = 8.0


@dataclass(frozen=True, slots=True)
class Field:
    """A stretch of the path that is a part of its time."""

    begin: int
    end: int
    role: Role
    form: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a path."""

    stem: str
    fields: tuple[Field, ...]  # in the order of the path
    start: NameTime
    end: dt.datetime | None
    weight: float  # how likely, before other files were looked at
    turn: int = 0  # of the moments of one form in this path, which: `exported_<when>_of_<when>`

    @property
    def hour_only(self) -> bool:
        """It tells no minute. A number may look like that and be none of it."""
        return not re.search(r"%-?[MSs]", "".join(field.form for field in self.fields))

    @property
    def in_a_number(self) -> bool:
        """The time of day is one number of four digits or six that stands for itself."""
        return _NUMBER.search(self._last.form) is not None

    @property
    def number(self) -> int:
        """Of `in_a_number`."""
        found = re.search(r"[0-9]+\Z", self.stem[self._last.begin : self._last.end])
        return int(found[0]) if found else 0

    @property
    def short_number(self) -> bool:
        """It has four digits."""
        return self.in_a_number and not self._last.form.endswith("%H%M%S")

    @property
    def _last(self) -> Field:
        """The last field of the start."""
        return next(field for field in reversed(self.fields) if field.role != "end")

    @property
    def key(self) -> tuple[tuple[int, str, str], ...]:
        """The same for paths that are read alike: folders before each field, role, form."""
        at, parts = 0, []
        for field in self.fields:
            depth = self.stem.count("/", at, field.begin)
            parts.append((depth, str(field.role), field.form.replace("%-", "%")))
            at = field.end
        return (*parts, (self.stem.count("/", at), "", str(self.turn)))


def readings_of(relative: str, reader: Reader) -> list[Reading]:
    """The likeliest first; empty: the path tells no time."""
    runs = runs_of(relative)
    times, moments = reader.times(runs), reader.moments(runs)
    found: list[Reading] = []
    starts = list(_starts(runs, reader, times, moments))
    for fields, weight in (*starts, *_halved(runs, starts)):
        ends = _ends(runs, fields, times, moments, reader)
        for more, bonus in (*ends, ((), 0.0)):
            reading = _reading(runs, (*fields, *more), weight + bonus)
            if reading is not None:
                found.append(reading)
    best: dict[object, Reading] = {}
    for reading in _in_turn(found):
        kept = best.get(reading.key)
        if kept is None or kept.weight < reading.weight:
            best[reading.key] = reading
    return sorted(best.values(), key=lambda each: -each.weight)[:MOST_READINGS]


def _in_turn(readings: list[Reading]) -> Iterator[Reading]:
    """Each with its number among those of its form that begin elsewhere."""
    begins: dict[object, set[int]] = defaultdict(set)
    for reading in readings:
        begins[reading.key].add(reading.fields[0].begin)
    for reading in readings:
        before = sum(begin < reading.fields[0].begin for begin in begins[reading.key])
        yield replace(reading, turn=before)


def _starts(
    runs: DigitRuns, reader: Reader, times: list[Atom], moments: list[Atom]
) -> Iterator[tuple[tuple[Field, ...], float]]:
    name_at = runs.stem.rfind("/") + 1
    for atom in moments:
        weight = atom.weight + (_IN_NAME + _DATE_IN_NAME) * (atom.begin >= name_at)
        yield (_field(atom, "start"),), weight
    dates, hours = reader.dates(runs), reader.hours(runs)
    for date in dates:
        for parts in _times_of(date, times, hours):
            weight = date.weight + sum(part.weight for part in parts)
            weight += _IN_NAME * (parts[-1].end > name_at) + _DATE_IN_NAME * (date.end > name_at)
            yield from _dated(runs, date, parts, weight)
        yield from _hourly(runs, date, reader)
    told = [date for date in (*dates, *moments) if {"year", "epoch"} & date.units]
    if not _UNSET.search(runs.stem):
        for atom in times:
            if atom.end > name_at and not any(_overlap(atom, date) for date in told):
                yield (_field(atom, "start"),), atom.weight + _IN_NAME - _NO_DAY


def _overlap(one: Atom, other: Atom) -> bool:
    return one.begin < other.end and other.begin < one.end


def _hourly(
    runs: DigitRuns, date: Atom, reader: Reader
) -> Iterator[tuple[tuple[Field, ...], float]]:
    """A recorder that writes a file each hour tells no minutes."""
    if "hour" in date.units:
        if date.end >= len(runs.stem.rstrip("Hh")):
            yield (_field(date, "start"),), date.weight
        return
    hour = reader.last_hour(runs)
    if hour is not None and hour.begin >= date.end:
        yield from _dated(runs, date, (hour,), date.weight)


#: Below a folder of afternoons, an hour of the morning has to be one of twelve.
_NOON, _HALF_TOLD = 12, 3.0
_HALF_FOLDER = re.compile(r"(?<![^/])[AaPp][Mm](?=/)")


def _halved(
    runs: DigitRuns, starts: list[tuple[tuple[Field, ...], float]]
) -> Iterator[tuple[tuple[Field, ...], float]]:
    """A folder that is AM or PM, and hours up to twelve below it."""
    half = _HALF_FOLDER.search(runs.stem)
    if half is None:
        return
    for fields, weight in starts:
        last = fields[-1]
        after = [field for field in fields if field.begin >= half.end()]
        if "%H" not in last.form.replace("%-", "%") or after != [last]:
            continue
        form = last.form.replace("%H", "%I").replace("%-H", "%-I")
        folder = Field(half.start(), half.end(), "start", "%p")
        hour = re.search(r"[0-9]{1,2}", runs.stem[last.begin : last.end])
        told = half[0].casefold() == "pm" and hour is not None and int(hour[0]) < _NOON
        bonus = _HALF_TOLD if told else -1.0
        yield (*fields[:-1], folder, Field(last.begin, last.end, last.role, form)), weight + bonus


def _times_of(date: Atom, times: list[Atom], hours: list[Atom]) -> Iterator[tuple[Atom, ...]]:
    """The times of day that go with a date."""
    free = [atom for atom in times if atom.begin >= date.end or atom.end <= date.begin]
    for atom in free:
        told = atom.units
        timed = bool({"hour", "hour12"} & told)
        if "hour" in date.units:
            if not timed:
                yield (atom,)
        elif timed:
            yield (atom,)
        else:
            for hour in hours:
                if date.end <= hour.begin and hour.end < atom.begin:
                    yield (hour, atom)


def _dated(
    runs: DigitRuns, date: Atom, parts: tuple[Atom, ...], weight: float
) -> Iterator[tuple[tuple[Field, ...], float]]:
    first = parts[0]
    if first.begin >= date.end:
        gap = runs.stem[date.end : first.begin]
        if _JOINED.match(gap) and "%" not in gap:
            form = date.form + gap + first.form
            whole = Field(date.begin, first.end, "start", form)
            rest = tuple(_field(part, "start") for part in parts[1:])
            yield (whole, *rest), weight + _ADJACENT
            return
        between = sum(date.end <= run.begin and run.end <= first.begin for run in runs.digits)
        weight -= between * (_RUN_BETWEEN if "/" not in gap else _FOLDER_BETWEEN)
        yield (_field(date, "date"), *(_field(part, "start") for part in parts)), weight
    elif "/" not in runs.stem[first.end : date.begin]:
        gap = runs.stem[first.end : date.begin]
        if re.fullmatch(r"[ _.,-]{0,3}", gap):
            form = first.form + gap + date.form
            yield (Field(first.begin, date.end, "start", form),), weight + 2
            return
        yield (_field(first, "start"), _field(date, "date")), weight - _TIME_FIRST


def _ends(
    runs: DigitRuns,
    fields: tuple[Field, ...],
    times: list[Atom],
    moments: list[Atom],
    reader: Reader,
) -> Iterator[tuple[tuple[Field, ...], float]]:
    """What may be the end right behind the start."""
    last = fields[-1]
    if last.role != "start":
        return
    near = [atom for atom in (*moments, *times) if _follows(runs, last, atom)]
    same = [atom for atom in near if _alike(atom.form, last.form)]
    for atom in same:
        yield (_field(atom, "end"),), _WITH_END
    whole = re.sub(r"%-", "%", last.form)
    for date in reader.dates(runs):
        if not _follows(runs, last, date):
            continue
        for atom in times:
            gap = runs.stem[date.end : atom.begin]
            form = date.form + gap + atom.form
            if atom.begin >= date.end and _JOINED.match(gap) and _alike(form, whole):
                yield (Field(date.begin, atom.end, "end", form),), _WITH_END
    for atom in near:
        if whole.endswith(atom.form.replace("%-", "%")) and atom.length >= 6:
            yield (_field(atom, "end"),), _WITH_END


def _alike(one: str, other: str) -> bool:
    """The same directives; the marks between them may differ."""
    return re.findall(r"%-?(.)", one) == re.findall(r"%-?(.)", other)


def _follows(runs: DigitRuns, field: Field, atom: Atom) -> bool:
    """With a mark or two between them, and no letter glued to its end (`000001F` is a number)."""
    alone = not runs.stem[atom.end : atom.end + 1].isalpha()
    return atom.begin > field.end and alone and bool(_TO.match(runs.stem[field.end : atom.begin]))


def _field(atom: Atom, role: Role) -> Field:
    return Field(atom.begin, atom.end, role, atom.form)


def _reading(runs: DigitRuns, fields: tuple[Field, ...], weight: float) -> Reading | None:
    values: dict[str, str | None] = {}
    for field in fields:
        read = fields_of(field.form, runs.stem[field.begin : field.end])
        if read is None:
            return None
        values |= {f"{field.role}{unit[4:]}": text for unit, text in read.items()}
    try:
        start, end = name_times(values)
    except (ValueError, OverflowError, TypeError):
        return None
    if start is None:
        return None
    if fields[-1].role == "end":
        bare = not re.search(r"%[Yybs]|[^%A-Za-z]", fields[-1].form.replace("%-", "%"))
        longest_s = _LONGEST_TIMED_S if bare else _LONGEST_S
        if end is None or (end - start.moment).total_seconds() > longest_s:
            return None
    return Reading(runs.stem, fields, start, end, weight)
