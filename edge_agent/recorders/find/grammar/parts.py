"""What is left of the names beside the time, column by column over the files of a layout."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from edge_agent.recorders.find.grammar import words
from edge_agent.recorders.find.grammar.layout import Layout
from edge_agent.recorders.find.grammar.time_parts import is_time
from edge_agent.recorders.find.template import is_still

#: Two files that begin within so much show the same moment.
SAME_MOMENT_S = 2.0
#: With fewer files for each of its values, a column is no series.
_FILES_EACH = 2.0
_MANY_FILES = 6

_ZERO = dt.datetime.fromisoformat("2000-01-01")

_TOKEN = re.compile(
    r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9])"  # an address
    r"|(?<![^\W_])[0-9]{3,4}[xX×][0-9]{3,4}(?![^\W_])|(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|[0-9]+|[^\W\d_]+|[\W_]"
)
_COARSE = re.compile(r"[\[\]()_.@#&,+=~ -]|[^\[\]()_.@#&,+=~ -]+")
_INNER = re.compile(r"([\W_]*)(.*?)([\W_]*)", re.DOTALL)
_MARKS = re.compile(r"[\W_]*\Z")
#: Letters and digits mixed, as in numbers that a program drew.
_RANDOM = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[0-9A-Za-z]{4,}\Z|[0-9]{5,}\Z")
_ADDRESS = re.compile(r"(?<![0-9])(?:[0-9]{1,3}[._-]){3}[0-9]{1,3}(?![0-9])")
_DASHCAM = re.compile(r"[NEPMIATRGS][FRIABC]\Z")


class Place(StrEnum):
    FOLDER = "folder"  # all of a folder's name
    BEFORE = "before"  # a part of a name that has a time, before it
    AFTER = "after"  # behind its last time


class PartVerdict(StrEnum):
    MARK = "mark"
    CONSTANT = "constant"
    TIME = "time"
    EVENT = "event"
    STREAM = "stream"
    COUNTER = "counter"
    BURST = "burst"
    CAMERA = "camera"
    OTHER = "other"


@dataclass(slots=True)
class Column:
    """The texts of one place, one for each file of the layout."""

    slot: int  # which stretch between the times, between the folders
    place: Place
    texts: tuple[str, ...]
    verdict: PartVerdict = PartVerdict.OTHER
    parallel: bool = False  # two of its values have files of the same moment
    interleaved: bool = False  # its values take turns
    keyword: bool = False  # behind `ch`, `cam` and their like
    at_once: bool = False  # all files are of one moment

    @property
    def values(self) -> frozenset[str]:
        return frozenset(self.texts)

    @property
    def in_folder(self) -> bool:
        return self.place is Place.FOLDER


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of the path between two times, or between two `/`."""

    place: Place
    columns: tuple[Column, ...]


def slots_of(layout: Layout) -> list[list[Slot]]:
    """For each gap before, between and behind the fields: its stretches, a `/` between each two."""
    found: list[list[Slot]] = []
    number = 0
    last = len(layout.forms)
    for gap in range(last + 1):
        texts = [_gap_text(layout, index, gap) for index in range(len(layout.files))]
        stretches = [text.split("/") for text in texts]
        slots = []
        for n in range(len(stretches[0])):
            open_left = n == 0 and gap > 0
            open_right = n == len(stretches[0]) - 1 and gap < last
            whole = not open_left and not open_right
            in_name = gap == last and n == len(stretches[0]) - 1
            place = Place.FOLDER if whole and not in_name else Place.BEFORE
            if open_left and not open_right:
                place = Place.AFTER
            column_texts = [stretch[n] for stretch in stretches]
            slots.append(Slot(place, _columns(number, place, column_texts)))
            number += 1
        found.append(slots)
    starts_s = [wall_s(layout, index) for index in range(len(layout.files))]
    for slots in found:
        for slot in slots:
            for column in slot.columns:
                _judge(column, slot, starts_s, layout)
    return found


def _gap_text(layout: Layout, index: int, gap: int) -> str:
    reading = layout.readings[index]
    begin = reading.fields[gap - 1].end if gap else 0
    end = reading.fields[gap].begin if gap < len(reading.fields) else len(reading.stem)
    return reading.stem[begin:end]


def wall_s(layout: Layout, index: int) -> float:
    """The recorder's time of a file's start (s), whatever its zone."""
    start = layout.readings[index].start
    if start.period_s:
        return layout.files[index].mtime_s
    return (start.moment.replace(tzinfo=None) - _ZERO).total_seconds()


def _columns(slot: int, place: Place, texts: Sequence[str]) -> tuple[Column, ...]:
    if place is Place.FOLDER and not _mixed_folder(texts):
        return tuple(_without_small(slot, place, texts))
    for pattern, shaped in ((_TOKEN, True), (_COARSE, False)):
        rows = [pattern.findall(text) for text in texts]
        shapes = {tuple(_shape(token, shaped) for token in row) for row in rows}
        if len(shapes) == 1:
            return tuple(
                column
                for cells in zip(*rows, strict=True)
                for column in _dashcam(slot, place, cells)
            )
    return tuple(_bare(slot, place, texts))


def _without_small(slot: int, place: Place, texts: Sequence[str]) -> Iterator[Column]:
    """A folder's name; `gate_timelapse`, `yard_timelapse` without what all have."""
    parts = [re.fullmatch(r"(.*[^\W_])([\W_])([^\W_]+)", text) for text in texts]
    tails = {part[2] + part[3] if part and words.is_small(part[3]) else "" for part in parts}
    if len(tails) > 1 or "" in tails:
        yield Column(slot, place, tuple(texts))
        return
    for n in (1, 2, 3):
        yield Column(slot, place, tuple(part[n] for part in parts if part))


def _bare(slot: int, place: Place, texts: Sequence[str]) -> Iterator[Column]:
    """Names of several shapes: the marks around them, which all share, are told apart, and what
    the recordings are of."""
    parts = [_INNER.fullmatch(text) for text in texts]
    cells = [
        [part[n] if part else text for n in (1, 2, 3)]
        for part, text in zip(parts, texts, strict=True)
    ]
    heads = [re.fullmatch(r"([^\W_]+)([\W_])(.+)", row[1]) for row in cells]
    tails = [re.fullmatch(r"(.+)([\W_])([^\W_]+)", row[1]) for row in cells]
    if all(head and words.is_event(head[1]) for head in heads):
        cells = [
            [row[0], *head.groups(), row[2]] for row, head in zip(cells, heads, strict=True) if head
        ]
    elif all(tail and words.is_event(tail[3]) for tail in tails):
        cells = [
            [row[0], *tail.groups(), row[2]] for row, tail in zip(cells, tails, strict=True) if tail
        ]
    for column in zip(*cells, strict=True):
        if any(column):
            yield Column(slot, place, column)


def _mixed_folder(texts: Sequence[str]) -> bool:
    """A folder that has a date and more than that in its name."""
    return all(words.bears_date(text) for text in texts) and any(
        re.search(r"[^\W\d_]{2}", text) for text in texts
    )


def _shape(token: str, shaped: bool) -> str:
    if re.match(r"[\W_]\Z", token):
        return token
    if not shaped:
        return "x"
    return "9" if token[0].isdecimal() else "a"


def _dashcam(slot: int, place: Place, cells: Sequence[str]) -> list[Column]:
    """`NF`, `NR`, `EF`: the mode, then which of a dashcam's eyes."""
    both = place is Place.AFTER and all(_DASHCAM.match(cell) for cell in cells)
    if both and len({cell[1] for cell in cells}) > 1:
        return [
            Column(slot, place, tuple(cell[0] for cell in cells)),
            Column(slot, place, tuple(cell[1] for cell in cells)),
        ]
    return [Column(slot, place, tuple(cells))]


# --- what a column is ------------------------------------------------------------------------


def _judge(column: Column, slot: Slot, starts_s: Sequence[float], layout: Layout) -> None:
    column.parallel, column.interleaved = _series(column.texts, starts_s)
    told = bool(layout.forms)  # else the moments are the uploads'
    column.at_once = told and max(starts_s) - min(starts_s) <= SAME_MOMENT_S
    index = next(n for n, each in enumerate(slot.columns) if each is column)
    column.keyword = _behind_keyword(column, slot, index)
    column.verdict = _verdict(column, layout)


def _verdict(column: Column, layout: Layout) -> PartVerdict:
    values = column.values
    if all(re.fullmatch(r"[\W_]*", text) for text in values):
        return PartVerdict.MARK if len(values) == 1 else PartVerdict.OTHER
    if is_time(column, layout):
        return PartVerdict.TIME
    if len(values) == 1:
        return PartVerdict.CONSTANT
    if _are_streams(column):
        return PartVerdict.STREAM
    counted = len({re.sub(r"[0-9]+", "", text) for text in values}) == 1
    if not counted and all(words.is_event(text) or _MARKS.match(text) for text in values):
        return PartVerdict.CAMERA if _is_eye(column) else PartVerdict.EVENT
    return PartVerdict.BURST if _is_burst(column, layout) else _series_verdict(column)


def _is_burst(column: Column, layout: Layout) -> bool:
    """Several pictures of one moment, numbered behind it."""
    return (
        column.place is Place.AFTER
        and column.parallel
        and not column.keyword
        and all(text.isdecimal() for text in column.values)
        and all(is_still(file.relative) for file in layout.files)
    )


def _is_eye(column: Column) -> bool:
    """Front and rear of a dashcam."""
    letters = {text.upper() for text in column.values}
    eyes = letters <= {"F", "R"} or letters <= {"F", "R", "I"}
    return column.parallel and eyes and len(letters) > 1


def _series_verdict(column: Column) -> PartVerdict:  # noqa: PLR0911 - a table of rules
    files, values = len(column.texts), len(column.values)
    numeric = all(_is_number(text) for text in column.values)
    each = files / values
    if (
        each == 1
        and (files > 2 or not column.parallel)
        and all(_RANDOM.match(text) for text in column.values)
    ):
        return PartVerdict.COUNTER
    if column.place is Place.AFTER and not (column.parallel or column.keyword):
        return PartVerdict.OTHER
    wordy = all(re.fullmatch(r"[^\W\d_]+(?:[ _-][^\W\d_]+)*", text) for text in column.values)
    if column.parallel and wordy:
        return PartVerdict.CAMERA
    if numeric or column.place is Place.AFTER:
        if column.keyword and (column.place is not Place.AFTER or each > 1 or _is_address(column)):
            return (
                PartVerdict.CAMERA
                if each >= _FILES_EACH or files <= _MANY_FILES
                else PartVerdict.COUNTER
            )
        if each < _FILES_EACH and not (column.parallel and files <= _MANY_FILES and each > 1):
            return _pair(column)
        if not (column.parallel or column.interleaved):
            return PartVerdict.COUNTER
        return PartVerdict.CAMERA
    if each < _FILES_EACH and files >= _MANY_FILES and not column.parallel:
        return PartVerdict.COUNTER
    if each < 1.2 and files >= _MANY_FILES:
        return PartVerdict.COUNTER
    return PartVerdict.CAMERA


def _is_number(text: str) -> bool:
    """Or a folder that is only numbered: `100MEDIA`, `rec001`."""
    if text.isdecimal():
        return True
    letters = re.sub(r"[0-9]+", "", text)
    glued = re.match(r"[0-9]+[^\W\d_]+\Z", text) is not None
    return letters != text and (glued or words.is_place(letters))


def _pair(column: Column) -> PartVerdict:
    """Cameras of which one file each was seen, all of the same moment."""
    return PartVerdict.CAMERA if column.parallel and column.at_once else PartVerdict.COUNTER


def _are_streams(column: Column) -> bool:
    """Main and sub: by their words, or as `RecM` and `RecS` of the same moments."""
    if all(words.is_stream(text) for text in column.values):
        return True
    if len(column.values) != 2 or not column.parallel:
        return False
    one, other = sorted(text.casefold() for text in column.values)
    return one[:-1] == other[:-1] and one[-1:] == "m" and other[-1:] == "s" and one[:-1] != ""


def _series(texts: Sequence[str], starts_s: Sequence[float]) -> tuple[bool, bool]:
    """Whether two values have files of one moment; whether the values take turns in time."""
    order = sorted(range(len(texts)), key=lambda index: starts_s[index])
    parallel, turns = False, 0
    for before, after in pairwise(order):
        if texts[before] != texts[after]:
            turns += 1
            parallel = parallel or starts_s[after] - starts_s[before] <= SAME_MOMENT_S
    return parallel, turns > len(set(texts)) - 1


def _behind_keyword(column: Column, slot: Slot, index: int) -> bool:
    """`ch01`, `cam 2`, `Kênh_3`: the letters before the number. An address needs none."""
    if _is_address(column):
        return True
    if not all(re.fullmatch(r"[0-9]{1,3}", text) for text in column.values):
        found = [re.match(r"([^\W\d_]+)[ _-]?[0-9]{1,3}\Z", text) for text in column.values]
        return all(each and _plain(each[1]) in words.CAMERA_MARKS for each in found)
    if not index:
        return False
    near = slot.columns[index - 1]
    if near.verdict is PartVerdict.MARK and index >= 2:
        near = slot.columns[index - 2]
    return all(_plain(text) in words.CAMERA_MARKS for text in near.values)


def _is_address(column: Column) -> bool:
    return all(_ADDRESS.search(text) for text in column.values)


def _plain(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c))


def groups(texts: Sequence[str]) -> dict[str, list[int]]:
    """Which files each value has."""
    found: dict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        found[text].append(index)
    return found
