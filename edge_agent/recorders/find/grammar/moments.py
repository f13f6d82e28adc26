"""What runs of digits may mean: a date, a time of day, or both. Plausible ones only."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edge_agent.recorders.find.grammar.runs import DigitRun, DigitRuns
from edge_agent.recorders.find.name_time import DIRECTIVE, DIRECTIVES, PARTS_OF_DAY, name_times

#: No recorder that uploads is older. What lies beyond next year is no year.
EARLIEST_YEAR = 2005


@dataclass(frozen=True, slots=True)
class Atom:
    """A stretch of the path that reads as a part of a moment."""

    begin: int
    end: int
    form: str  # in strftime's directives; reads exactly this stretch
    text: str
    weight: float  # how often recorders write so

    @property
    def length(self) -> int:
        return self.end - self.begin

    @property
    def units(self) -> frozenset[str]:
        return frozenset(
            DIRECTIVES[piece[1:]][0] for piece in DIRECTIVE.findall(self.form) if piece[0] == "%"
        )


#: One run of digits that is a date, by its length.
_DATES = {
    8: (("%Y%m%d", 12.0), ("%d%m%Y", 6.0), ("%m%d%Y", 5.0)),
    6: (("%y%m%d", 4.0), ("%d%m%y", 2.0)),
    10: (("%Y%m%d%H", 12.0),),
}
#: Three runs: a year of four digits, or of two.
_LONG_TRIPLES: Mapping[tuple[int, ...], tuple[tuple[str, str, str, float], ...]] = {
    (4, 2, 2): (("%Y", "%m", "%d", 12.0), ("%Y", "%d", "%m", 6.0)),
    (2, 4, 2): (("%m", "%Y", "%d", 7.0),),
    (2, 2, 4): (("%d", "%m", "%Y", 8.0), ("%m", "%d", "%Y", 7.5)),
    (2, 2, 2): (("%y", "%m", "%d", 4.0), ("%d", "%m", "%y", 3.5), ("%m", "%d", "%y", 2.5)),
}
_MONTH_TRIPLES = (("%d", "%b", "%Y", 12.0), ("%b", "%d", "%Y", 12.0), ("%Y", "%b", "%d", 12.0))
_TIMES = {
    6: (("%H%M%S", 9.0),),
    9: (("%H%M%S%f", 8.0),),
    8: (("%H%M%S%f", 4.0),),
    10: (("%H%M%S%f", 5.0),),
    12: (("%H%M%S%f", 4.0),),
    4: (("%H%M", 4.0), ("%M%S", 3.0)),
}
_MOMENTS = {
    14: (
        *(("%Y%m%d%H%M%S", 26.0), ("%d%m%Y%H%M%S", 16.0), ("%m%d%Y%H%M%S", 13.0)),
        *(("%y%m%d%H%M%S%f", 9.0), ("%H%M%S%d%m%Y", 9.0), ("%H%M%S%Y%m%d", 8.0)),
    ),
    17: (("%Y%m%d%H%M%S%f", 26.0), ("%d%m%Y%H%M%S%f", 13.0)),
    16: (("%Y%m%d%H%M%S%f", 20.0), ("%s%f", 12.0)),
    18: (("%Y%m%d%H%M%S%f", 20.0),),
    20: (("%Y%m%d%H%M%S%f", 20.0),),
    12: (
        *(("%Y%m%d%H%M", 12.0), ("%y%m%d%H%M%S", 10.0), ("%d%m%y%H%M%S", 7.5)),
        ("%d%m%Y%H%M", 7.0),
    ),
    13: (("%s%f", 17.0),),
    10: (("%s", 16.0),),
}

#: Between the parts of a date, of a time: a mark or two, a letter that names the part, or a folder.
_WORD = r"[^\W\d_]{0,8}[ ._-]{0,2}"
_SAID = r" ?(?:tháng|thang|năm|nam|de|of) ?"
_DATE_GAP = re.compile(rf"(?:[ ._-]{{1,2}}|, ?|年|月|년|월|[YMym]|{_SAID}|{_WORD}/{_WORD})\Z")
_TIME_GAP = re.compile(
    r"(?:[ ._:;-]|[HhMmGgp]|[hmgp] ?|时|時|点|點|分|시 ?|분 ?|[Hh]?/|[HhMm][ _-]"
    r"|[ _]?(?:giờ|gio|phút|phut|hours?|min)[ _]?)\Z"
)
_HOUR_AFTER = re.compile(r"(?P<gap>[D日일]? ?)(?P<hour>[0-2][0-9])(?:H|h|时|時|시)(?![^\W_])")
_HALF_AFTER = re.compile(
    r"(?P<gap>(?: ?(?:[SsMmp]|giây|giay|phút|phut))?[ ._-]?)"
    rf"(?:[AaPp]\.?[Mm]\.?|SA|CH|上午|下午|오전|오후|{PARTS_OF_DAY})(?![^\W_])"
)
#: `02.05.06.123 PM`
_FRACTION = re.compile(r"[._,][0-9]{3}(?=[ ._-]?(?:[AaPp]\.?[Mm]|SA|CH)(?![^\W_]))")
_HALF_BEFORE = re.compile(r"(?<![^\W_])(?:[AaPp]\.?[Mm]\.?|SA|CH|上午|下午|오전|오후)[ ._-]?\Z")
_ZONE_AFTER = re.compile(
    r"[ _-]?(?:(?:UTC|GMT)[+-][0-9]{1,2}(?::?[0-9]{2})?(?![0-9])|(?:Z|UTC|GMT)(?![^\W_]))"
    r"|\+[0-9]{2}:?[0-9]{2}(?![0-9])"
)

_HOURS_FOLDER = re.compile(
    r"(?<![^/])([0-2][0-9])(?:[Hh]|[._h-]?00){0,2} ?[-_~] ?([0-2][0-9])(?:[Hh]|[._h-]?00){0,2}/"
)

#: An hour that nothing follows but its mark, behind a mark or a folder.
_HOUR_ALONE = re.compile(r"[Hh时時点點]?\Z")
_HOUR_MARKED = re.compile(r"(?:^|[ ._/,@-]|[0-9][T日일])\Z")
_LAST_HOUR = 23

#: `cam01_05_06`: the first number is most likely the camera's.
_WORD_BEFORE = re.compile(r"[^\W\d_]{2,}\Z")
_GLUED = 5.0


class Reader:
    """Reads paths; knows what year it is."""

    def __init__(self, latest_year: int) -> None:
        self._latest_year = latest_year

    def dates(self, runs: DigitRuns) -> list[Atom]:
        """Also those with an hour (`%Y%m%d%H`)."""
        found = []
        for index, run in enumerate(runs.digits):
            if run.month is None:
                for form, weight in _DATES.get(run.length, ()):
                    found.append(_atom(runs, run.begin, run.end, form, weight))
            found += list(_triples(runs, index))
            found += list(_pairs(runs, index))
        return [atom for atom in found if self.plausible(atom)]

    def moments(self, runs: DigitRuns) -> list[Atom]:
        """Date and time in one run of digits."""
        found = []
        for run in runs.digits:
            if run.month is not None:
                continue
            for form, weight in _MOMENTS.get(run.length, ()):
                found.append(_zoned(_atom(runs, run.begin, run.end, form, weight), runs))
            if run.length in (15, 16):  # a channel's number before it
                begin = run.end - 14
                found.append(_atom(runs, begin, run.end, "%Y%m%d%H%M%S", 15.0))
        for index in range(len(runs.digits) - 4):
            found += list(_within_date(runs, index))
        return [atom for atom in found if self.plausible(atom)]

    def times(self, runs: DigitRuns) -> list[Atom]:
        found: list[Atom] = []
        spans = [(hours.start(), hours.end()) for hours in _hour_spans(runs)]
        for index, run in enumerate(runs.digits):
            if run.month is None and not any(a <= run.begin < b for a, b in spans):
                found += list(_times_at(runs, index, run))
        return [atom for atom in found if _reads(atom)]

    def hours(self, runs: DigitRuns) -> list[Atom]:
        """Folders that are an hour, or from one to the next."""
        found = [
            _atom(runs, run.begin, run.end, "%H", 2.0)
            for index, run in enumerate(runs.digits)
            if run.month is None and run.length == 2 and runs.whole_part(index)
        ]
        found += [
            _atom(runs, hours.start(1), hours.end(1), "%H", 1.5) for hours in _hour_spans(runs)
        ]
        return [atom for atom in found if int(atom.text) <= 24]

    def last_hour(self, runs: DigitRuns) -> Atom | None:
        """The last number of a path, where it may be an hour and nothing less is told."""
        run = runs.digits[-1] if runs.digits else None
        if run is None or run.month is not None or run.length != 2 or int(run.text) > _LAST_HOUR:
            return None
        alone = _HOUR_ALONE.match(runs.stem, run.end) and _HOUR_MARKED.search(
            runs.stem, 0, run.begin
        )
        return _atom(runs, run.begin, run.end, "%H", 2.0) if alone else None

    def plausible(self, atom: Atom) -> bool:
        """It reads, and within the years that there were such recorders."""
        moment = moment_of(atom.form, atom.text)
        return moment is not None and EARLIEST_YEAR <= moment.year <= self._latest_year


def moment_of(form: str, text: str) -> dt.datetime | None:
    """What a text means that a form reads; a date alone is its midnight. None: it does not read."""
    fields = fields_of(form, text)
    if fields is None:
        return None
    if not {"date_hour", "date_hour12", "date_minute", "date_epoch"} & set(fields):
        fields["date_hour"] = "00"
    try:
        start, _ = name_times({**fields, **{f"start{k[4:]}": v for k, v in fields.items()}})
    except (ValueError, OverflowError):
        return None
    return start.moment if start else None


def fields_of(form: str, text: str) -> dict[str, str | None] | None:
    """By `date_<unit>`. None: it does not read."""
    found = _pattern(form).fullmatch(text)
    return found.groupdict() if found else None


_patterns: dict[str, re.Pattern[str]] = {}


def _pattern(form: str) -> re.Pattern[str]:
    if form not in _patterns:
        from edge_agent.recorders.find.name_time import time_pieces

        if len(_patterns) > 2_000:  # marks of a folder that somebody made up
            _patterns.clear()
        pieces = "".join(time_pieces("date", form, set()))
        _patterns[form] = re.compile(pieces, re.IGNORECASE)
    return _patterns[form]


def _atom(runs: DigitRuns, begin: int, end: int, form: str, weight: float) -> Atom:
    return Atom(begin, end, form, runs.stem[begin:end], weight)


def _reads(atom: Atom) -> bool:
    return fields_of(atom.form, atom.text) is not None


def _mark(text: str) -> str:
    return text.replace("%", "")


def _triples(runs: DigitRuns, index: int) -> Iterator[Atom]:
    """Three runs that are a date, with marks or folders between them."""
    three = runs.digits[index : index + 3]
    if len(three) < 3:
        return
    gaps = runs.between(index, index + 1), runs.between(index + 1, index + 2)
    words = [run.month is not None for run in three]
    short = [runs.digits[i].length for i in (index, index + 1, index + 2)]
    if any(words):
        if not all(re.fullmatch(r"[ ._,-]{0,2}|/", gap) for gap in gaps):
            return
        forms = [form for form in _MONTH_TRIPLES if words == [part == "%b" for part in form[:3]]]
    else:
        if not all(_DATE_GAP.match(gap) for gap in gaps):
            return
        if gaps[0] != gaps[1] and not ("/" in "".join(gaps) or gaps[0].strip(" ._-")):
            return
        lengths = tuple(4 if n == 4 else 2 if n <= 2 else n for n in short)
        forms = list(_LONG_TRIPLES.get(lengths, ()))
        day_folder = "/" in gaps[1] and (gaps[1] != "/" or runs.whole_part(index + 2))
        if lengths == (2, 4, 2) and not day_folder:
            return
        folders = ["/" in gap for gap in gaps]
        odd = any(folders) != all(folders) or (any(folders) and 1 in short)
        if lengths == (2, 2, 2) and (odd or _ends_a_date(runs, index)):
            return
    for *parts, weight in forms:
        years = {"%Y": 4, "%y": 2}
        if any(n != years.get(part, n) for part, n in zip(parts, short, strict=True)):
            continue
        spelt = [
            f"%-{part[1]}" if run.length == 1 else part
            for part, run in zip(parts, three, strict=True)
        ]
        form = spelt[0] + _mark(gaps[0]) + spelt[1] + _mark(gaps[1]) + spelt[2]
        # Where dates have dots, the day comes first.
        dotted = gaps == (".", ".") and parts == ["%d", "%m", "%y"]
        yield _atom(runs, three[0].begin, three[2].end, form, float(weight) + dotted)
        hour = _HOUR_AFTER.match(runs.stem, three[2].end)
        if hour:
            end = hour.end("hour")
            yield _atom(runs, three[0].begin, end, f"{form}{hour['gap']}%H", float(weight) + 1)


def _ends_a_date(runs: DigitRuns, index: int) -> bool:
    """`26` of `2026-11-26` is no year."""
    before = runs.digits[max(0, index - 2) : index]
    if [run.length for run in before] != [4, 2]:
        return False
    gaps = runs.between(index - 2, index - 1), runs.between(index - 1, index)
    return gaps[0] == gaps[1] and bool(_DATE_GAP.match(gaps[0]))


def _pairs(runs: DigitRuns, index: int) -> Iterator[Atom]:
    """`202611/26`, `2026-11/26` is three; `2026/1126`."""
    two = runs.digits[index : index + 2]
    if len(two) < 2 or any(run.month is not None for run in two):
        return
    gap = runs.between(index, index + 1)
    if not _DATE_GAP.match(gap):
        return
    form = {(6, 2): ("%Y%m", "%d"), (4, 4): ("%Y", "%m%d")}.get((two[0].length, two[1].length))
    if form:
        yield _atom(runs, two[0].begin, two[1].end, form[0] + _mark(gap) + form[1], 8.0)


def _within_date(runs: DigitRuns, index: int) -> Iterator[Atom]:
    """`Nov 26 14-05-06 2026`, as C's ctime writes it."""
    month, day, *_ = runs.digits[index : index + 2]
    if month.month is None or day.month is not None or day.length > 2:
        return
    gap = runs.between(index, index + 1)
    for atom in _times_at(runs, index + 2, runs.digits[index + 2]):
        year = next((run for run in runs.digits if run.begin > atom.end), None)
        if year is None or year.length != 4 or not _reads(atom):
            continue
        gaps = gap, runs.stem[day.end : atom.begin], runs.stem[atom.end : year.begin]
        if all(re.fullmatch(r"[ ._-]{1,2}", each) for each in gaps):
            form = f"%b{gaps[0]}{_spelt('d', day)}{gaps[1]}{atom.form}{gaps[2]}%Y"
            yield _atom(runs, month.begin, year.end, form, 24.0)


def _hour_spans(runs: DigitRuns) -> Iterator[re.Match[str]]:
    """Folders like `14-15`, `14h-15h`, `14_00_00-15_00_00`."""
    for found in _HOURS_FOLDER.finditer(runs.stem):
        if (int(found[1]) + 1 - int(found[2])) % 24 == 0:
            yield found


def _times_at(runs: DigitRuns, index: int, run: DigitRun) -> Iterator[Atom]:
    for form, weight in _TIMES.get(run.length, ()):
        yield from _dressed(_atom(runs, run.begin, run.end, form, weight), runs)
    following = runs.digits[index + 1 : index + 3]
    if not following or run.length > 2 or following[0].month is not None:
        return
    first = runs.between(index, index + 1)
    if not _TIME_GAP.match(first) or following[0].length > 2:
        return
    hour, minute = _spelt("H", run), _spelt("M", following[0])
    if len(following) == 2 and following[1].month is None and following[1].length <= 2:
        second = runs.between(index + 1, index + 2)
        if _TIME_GAP.match(second) and (
            first == second or "/" in first or first.strip(" _").isalpha()
        ):
            form = hour + first + minute + second + _spelt("S", following[1])
            weight = 10.0 if run.length == 2 else 7.0
            weight -= first != second  # a folder between two of them
            weight -= _GLUED * bool(_WORD_BEFORE.search(runs.stem, 0, run.begin))
            yield from _dressed(_atom(runs, run.begin, following[1].end, form, weight), runs)
    marked = first in ("M", "m", "分")
    if marked or "/" not in first:
        weight = 6.0 if marked else 4.0
        weight -= _GLUED * (not marked and bool(_WORD_BEFORE.search(runs.stem, 0, run.begin)))
        form = f"{_spelt('M', run)}{first}{_spelt('S', following[0])}"
        yield _atom(runs, run.begin, following[0].end, form, weight)
    unpadded_folder = "/" in first and min(run.length, following[0].length) == 1
    if not marked and not unpadded_folder:  # `7/7-video.mp4` is a number, twice
        form = hour + first + minute
        yield from _dressed(_atom(runs, run.begin, following[0].end, form, 4.0), runs)


def _spelt(unit: str, run: DigitRun) -> str:
    return f"%-{unit}" if run.length == 1 else f"%{unit}"


def _dressed(atom: Atom, runs: DigitRuns) -> Iterator[Atom]:
    """With AM or PM beside it, and the mark of its zone."""
    fraction = _FRACTION.match(runs.stem, atom.end)
    if fraction and atom.form.endswith("S"):
        form = f"{atom.form}{fraction[0][0]}%f"
        atom = _atom(runs, atom.begin, fraction.end(), form, atom.weight)
    after = _HALF_AFTER.match(runs.stem, atom.end)
    before = _HALF_BEFORE.search(runs.stem, 0, atom.begin)
    hour = atom.form.replace("%H", "%I").replace("%-H", "%-I")
    if after and "%" in atom.form:
        form = f"{hour}{after['gap']}%p"
        yield _atom(runs, atom.begin, after.end(), form, atom.weight + 1)
    elif before:
        gap = before[0][len(before[0].rstrip(" ._-")) :]
        yield _atom(runs, before.start(), atom.end, f"%p{gap}{hour}", atom.weight + 1)
    yield _zoned(atom, runs)


def _zoned(atom: Atom, runs: DigitRuns) -> Atom:
    found = _ZONE_AFTER.match(runs.stem, atom.end)
    if not found or "%s" in atom.form:
        return atom
    gap = found[0][0] if found[0][0] in " _-" else ""
    return _atom(runs, atom.begin, found.end(), f"{atom.form}{gap}%z", atom.weight + 3)
