"""The readings that fit the files of a folder together: one for each way of naming there."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edge_agent.recorders.find.grammar.moments import Reader
from edge_agent.recorders.find.grammar.readings import Reading, readings_of
from edge_agent.recorders.find.recorded_time import start_utc_s
from edge_agent.recorders.find.template import PathFacts

#: Ways of naming in one folder; what is left over is shown as such.
MOST_LAYOUTS = 8
#: Fewer files than this share of all are odd ones, not a way of naming.
LEAST_SHARE = 0.02
#: Learnt from so many files; a pattern shows in far fewer.
MOST_FILES = 600

#: A file is complete soon after its recording ended; a recording lasts up to two hours.
EARLY_S, LATE_S, SAME_DAY_S = 300.0, 7_500.0, 36 * 3600.0
_AT_ONCE_S = 120.0
_AT_ONCE, _NEAR, _SAME_DAY = 7.0, 6.0, 3.0
#: A time that is the same in nearly all of many files is no time, nor is one that is the same in
#: all of a few that were uploaded over minutes.
_MANY, _STANDS_STILL = 8, 0.2
_A_FEW, _MINUTES_S = 3, 60.0
#: Hours without minutes are believed where files enough were uploaded when such an hour was over.
_FEWEST_HOURS, _MOST_DOUBTFUL = 3, 0.2
#: Two readings whose weights differ by less are decided by the uploads alone.
_ALIKE = 3.0


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A media file, as a scan sees it."""

    relative: str
    mtime_s: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Files that are read alike."""

    files: tuple[NamedFile, ...]
    readings: tuple[Reading, ...]  # one each
    forms: tuple[str, ...]  # of the fields, that read every file
    rival: tuple[str, ...]  # the forms of another reading that fits as well; empty: none does
    family: int = 0  # the same: stills of what the videos of another layout show


Key = tuple[tuple[int, str, str], ...]


def layouts_of(
    files: Sequence[NamedFile], zone: dt.tzinfo, latest_year: int
) -> tuple[list[Layout], list[NamedFile]]:
    """The layouts, that of most files first; and the files that tell no time."""
    reader = Reader(latest_year)
    readings = [{r.key: r for r in readings_of(file.relative, reader)} for file in files]
    agreed = [
        {key: agreement(reading, file.mtime_s, zone) for key, reading in each.items()}
        for file, each in zip(files, readings, strict=True)
    ]
    left = set(range(len(files)))
    found: list[Layout] = []
    while left and len(found) < MOST_LAYOUTS:
        key = _best(left, files, readings, agreed)
        if key is None:
            break
        members = sorted(index for index in left if key in readings[index])
        if found and len(members) < LEAST_SHARE * len(files):
            break
        layout = _layout(key, members, files, readings, agreed)
        found.append(replace(layout, family=len(found)))
        left.difference_update(members)
    return found, [files[index] for index in sorted(left)]


def agreement(reading: Reading, mtime_s: float, zone: dt.tzinfo) -> float:
    """How well the time goes with the upload, read as local time or as UTC."""
    named = PathFacts("", reading.start.moment, reading.end, reading.start.period_s)
    late_s = [mtime_s - start_utc_s(named, each, near_s=mtime_s) for each in (zone, dt.UTC)]
    if named.period_s:  # the day, and the hour, are the upload's
        return 1.0 + any(-_AT_ONCE_S <= each <= _AT_ONCE_S for each in late_s)
    if any(-_AT_ONCE_S <= each <= _AT_ONCE_S for each in late_s):
        return _AT_ONCE
    if any(-EARLY_S <= each <= LATE_S for each in late_s):
        return _NEAR
    return _SAME_DAY if any(abs(each) <= SAME_DAY_S for each in late_s) else 0.0


def _best(
    left: set[int],
    files: Sequence[NamedFile],
    readings: Sequence[Mapping[Key, Reading]],
    agreed: Sequence[Mapping[Key, float]],
) -> Key | None:
    scores: Counter[Key] = Counter()
    starts: dict[Key, set[dt.datetime]] = defaultdict(set)
    counts: Counter[Key] = Counter()
    doubtful: Counter[Key] = Counter()
    for index in left:
        for key, reading in readings[index].items():
            scores[key] += max(0.1, reading.weight) + agreed[index][key]  # type: ignore[assignment]
            starts[key].add(reading.start.moment)
            counts[key] += 1
            doubtful[key] += reading.hour_only and agreed[index][key] < _NEAR
    for key, count in counts.items():
        hourly = any(readings[index][key].hour_only for index in left if key in readings[index])
        if hourly and (count < _FEWEST_HOURS or doubtful[key] > _MOST_DOUBTFUL * count):
            del scores[key]
    for key in list(scores):
        members = [index for index in left if key in readings[index]]
        told = [readings[n][key] for n in members]
        if _numbered(told, [agreed[n][key] for n in members]) or _repeated(told):
            del scores[key]
        elif _stands_still(len(starts[key]), [files[index].mtime_s for index in members]):
            scores[key] = scores[key] * 0.3  # type: ignore[assignment]
    first = {
        key: min(readings[index][key].fields[0].begin for index in left if key in readings[index])
        for key in scores
    }
    return max(scores, key=lambda key: (scores[key], -first[key], str(key)), default=None)


def _stands_still(starts: int, uploads_s: Sequence[float]) -> bool:
    uploads = len(set(uploads_s))
    if uploads >= _MANY:
        return starts < _STANDS_STILL * uploads
    return uploads >= _A_FEW and starts == 1 and max(uploads_s) - min(uploads_s) > _MINUTES_S


def _numbered(told: Sequence[Reading], agreed: Sequence[float]) -> bool:
    """What reads as times of day numbers the files: it counts up by one, or it is short, and the
    uploads do not confirm it."""
    if not told[0].in_a_number:
        return False
    numbers = {reading.number for reading in told}
    counted = len(numbers) >= _A_FEW and max(numbers) - min(numbers) == len(numbers) - 1
    least = _AT_ONCE if counted else _NEAR if told[0].short_number else 0.0
    return sum(each < least for each in agreed) > _MOST_DOUBTFUL * len(agreed)


def _repeated(told: Sequence[Reading]) -> bool:
    """Hour and minute are the same number in each: one number that is there twice."""
    return len(told) >= _A_FEW and all(
        reading.start.moment.hour == reading.start.moment.minute for reading in told
    )


def _layout(
    key: Key,
    members: Sequence[int],
    files: Sequence[NamedFile],
    readings: Sequence[Mapping[Key, Reading]],
    agreed: Sequence[Mapping[Key, float]],
) -> Layout:
    chosen = tuple(readings[index][key] for index in members)
    forms = tuple(
        _common_form([reading.fields[n].form for reading in chosen])
        for n in range(len(chosen[0].fields))
    )
    rival = _rival(key, members, readings, agreed)
    return Layout(tuple(files[index] for index in members), chosen, forms, rival)


def _common_form(forms: Sequence[str]) -> str:
    """With `%-m` where one file has a single digit there. Who writes one number of the time so
    writes the others so, too."""
    parts = [re.findall(r"%-?.|[^%]+", form) for form in forms]
    columns = zip(*parts, strict=True)
    common = [next((p for p in column if p[:2] == "%-"), column[0]) for column in columns]
    if any(part[:2] == "%-" for part in common):
        apart = [not part.startswith("%") for part in ("", *common, "")]
        for n, part in enumerate(common):
            if part in ("%m", "%d", "%H", "%I") and apart[n] and apart[n + 2]:
                common[n] = f"%-{part[1]}"
    return "".join(common)


def _rival(
    key: Key,
    members: Sequence[int],
    readings: Sequence[Mapping[Key, Reading]],
    agreed: Sequence[Mapping[Key, float]],
) -> tuple[str, ...]:
    """Another reading of the same files that nothing speaks against."""
    others = Counter(other for index in members for other in readings[index] if other != key)
    mine = sum(agreed[index][key] for index in members)
    for other, count in others.items():
        if count < len(members):
            continue
        theirs = sum(agreed[index][other] for index in members)
        first, second = readings[members[0]][key], readings[members[0]][other]
        if _same_times(key, other, members, readings) and _date_of(first) == _date_of(second):
            continue  # else they tell the same on this day only: `26-11-26`, `11-11-2026`
        apart = first.weight - second.weight
        if theirs >= mine and apart < _ALIKE and _same_place(first, second):
            return tuple(
                _common_form([readings[index][other].fields[n].form for index in members])
                for n in range(len(second.fields))
            )
    return ()


def _same_times(
    key: Key, other: Key, members: Sequence[int], readings: Sequence[Mapping[Key, Reading]]
) -> bool:
    return all(
        abs(_naive(readings[i][key]) - _naive(readings[i][other])) < dt.timedelta(seconds=2)
        for i in members
    )


def _naive(reading: Reading) -> dt.datetime:
    return reading.start.moment.replace(tzinfo=None)


def _date_of(reading: Reading) -> list[str]:
    """The directives of its date, in their order."""
    told = re.findall(r"%-?(.)", "".join(field.form for field in reading.fields))
    return [directive for directive in told if directive in "Yymdb"]


def _same_place(one: Reading, other: Reading) -> bool:
    """They read the same digits in another order: day and month, not other digits."""
    places = [[(field.begin, field.end) for field in each.fields] for each in (one, other)]
    return places[0] == places[1]
