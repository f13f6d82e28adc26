"""Which part of the names tells the cameras apart."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from edge_agent.recorders.find.grammar import words
from edge_agent.recorders.find.grammar.layout import Layout
from edge_agent.recorders.find.grammar.parts import (
    SAME_MOMENT_S,
    Column,
    PartVerdict,
    Place,
    Slot,
    groups,
    slots_of,
    wall_s,
)

#: A template reads `{camera}` and `{channel}`.
MOST_SPANS = 2
#: Fewer files than this for each camera are few to tell a series by.
_FEW_FILES = 2
#: Numbers behind the time that are higher are no cameras', but lengths or the like.
_MOST_CAMERAS = 32


@dataclass(frozen=True, slots=True)
class Span:
    """Columns `first` to `last` of one slot."""

    gap: int
    slot: int
    first: int
    last: int


@dataclass(slots=True)
class CameraSpans:
    """One layout, and the spans that name its cameras."""

    layout: Layout
    slots: list[list[Slot]]
    spans: list[Span] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)  # what shows the same moments
    #: What else may name cameras, and what it is taken for.
    left_out: list[tuple[str, Span]] = field(default_factory=list)

    def texts(self, span: Span) -> list[str]:
        """One for each file."""
        columns = self.slots[span.gap][span.slot].columns[span.first : span.last + 1]
        return ["".join(cells) for cells in zip(*(c.texts for c in columns), strict=True)]

    def channels(self) -> list[str]:
        """One for each file; as a template reads them."""
        if not self.spans:
            return [""] * len(self.layout.files)
        return ["/".join(cells) for cells in zip(*map(self.texts, self.spans), strict=True)]


def eyes_of(layouts: Sequence[Layout]) -> list[CameraSpans]:
    """Each layout's cameras; layouts without series of their own take the others' names."""
    found = [_own(layout) for layout in layouts]
    named = {text for each in found for text in each.channels() if text}
    families = [each.layout.family for each in found]
    for n, each in enumerate(found):
        if not each.spans:
            beside_others = len(set(families)) > 1 and each.layout.family not in families[:n]
            _take_name(each, named, alone=not beside_others)
    return found


def _own(layout: Layout) -> CameraSpans:
    eyes = CameraSpans(layout, slots_of(layout))
    candidates = sorted(_candidates(eyes), key=lambda each: each[0])
    if not layout.forms:  # no time tells series from numbers
        candidates = [each for each in candidates if each[1].in_folder or each[1].keyword]
    parts = [""] * len(layout.files)
    for (rank, *_), column, span in candidates:
        refined = [a + "\0" + b for a, b in zip(parts, column.texts, strict=True)]
        if len(set(refined)) == len(set(parts)):
            continue
        if eyes.spans and not _goes_on_within(column, parts, eyes):
            continue
        whole = _whole(eyes, span)
        if any(_overlap(whole, each) for each in eyes.spans):
            continue
        eyes.spans.append(whole)
        parts = refined
        _note_doubt(eyes, column, rank)
        if len(eyes.spans) == MOST_SPANS:
            break
    eyes.spans.sort(key=lambda each: (each.gap, each.slot, each.first))
    _note_left_out(eyes, parts)
    _note_twice(eyes)
    _note_streams(eyes)
    return eyes


def _candidates(eyes: CameraSpans) -> Iterator[tuple[tuple[int, int, int, int], Column, Span]]:
    for gap, slots in enumerate(eyes.slots):
        for n, slot in enumerate(slots):
            for at, column in enumerate(slot.columns):
                if column.verdict is PartVerdict.CAMERA and not _goes_with_stream(column, eyes):
                    yield (_rank(column), gap, n, at), column, Span(gap, n, at, at)


def _goes_with_stream(column: Column, eyes: CameraSpans) -> bool:
    """`RecM_7A` and `RecS_3D`: another mark of the main and the sub stream."""
    for slots in eyes.slots:
        for other in (each for slot in slots for each in slot.columns):
            pairs = len(set(zip(column.texts, other.texts, strict=True)))
            if (
                other.verdict is PartVerdict.STREAM
                and len(column.values) == len(other.values) == pairs
            ):
                return True
    return False


def _rank(column: Column) -> int:
    """What names cameras most often comes first."""
    wordy = any(any(c.isalpha() for c in text) for text in column.values)
    if column.place is Place.FOLDER:
        return 0 if wordy or column.keyword else 3
    if column.keyword:
        return 1
    if column.place is Place.BEFORE:
        return 2 if wordy else 4
    return 5


def _goes_on_within(column: Column, parts: Sequence[str], eyes: CameraSpans) -> bool:
    """Inside of one camera so far, its values take turns or show the same moments. Behind the
    time other things take turns too, such as number plates."""
    parallel, turns = _series_within(column, parts, eyes)
    return parallel or (turns and (column.place is not Place.AFTER or column.keyword))


def _series_within(column: Column, parts: Sequence[str], eyes: CameraSpans) -> tuple[bool, bool]:
    """Whether values of one camera show the same moments; whether they take turns."""
    starts_s = [wall_s(eyes.layout, index) for index in range(len(parts))]
    parallel = in_turn = False
    for members in groups(parts).values():
        order = sorted(members, key=lambda index: starts_s[index])
        turns = 0
        for before, after in pairwise(order):
            if column.texts[before] != column.texts[after]:
                turns += 1
                parallel = parallel or starts_s[after] - starts_s[before] <= SAME_MOMENT_S
        in_turn = in_turn or turns > len({column.texts[index] for index in members}) - 1
    return parallel, in_turn


def _overlap(one: Span, other: Span) -> bool:
    same = (one.gap, one.slot) == (other.gap, other.slot)
    return same and one.first <= other.last and other.first <= one.last


def _whole(eyes: CameraSpans, span: Span) -> Span:
    """With the columns of the same name (`Front` `_` `Door`), and the letters before a number."""
    columns = eyes.slots[span.gap][span.slot].columns
    first, last = span.first, span.last
    cameras = [n for n, each in enumerate(columns) if each.verdict is PartVerdict.CAMERA]
    steady = (PartVerdict.MARK, PartVerdict.CONSTANT, PartVerdict.CAMERA)
    while any(n < first for n in cameras) and columns[first - 1].verdict in steady:
        first -= 1
    while any(n > last for n in cameras) and columns[last + 1].verdict in steady:
        last += 1
    while first and columns[first - 1].verdict is PartVerdict.CONSTANT:
        first -= 1
    return Span(span.gap, span.slot, first, last)


def _note_doubt(eyes: CameraSpans, column: Column, rank: int) -> None:
    values, files = len(column.values), len(column.texts)
    shown = ", ".join(sorted(column.values)[:3])
    if files / values < _FEW_FILES and not column.parallel and rank >= 1:
        eyes.unsure.append(
            f"{shown} are taken for cameras after {files} files; more files of each would tell"
        )
    elif rank >= 3 and not column.parallel:
        eyes.unsure.append(f"{shown} are taken for cameras; they may be something else")
    if _as_hikvision_numbers_streams(column.values):
        eyes.unsure.append(
            f"{shown} are taken for cameras; they may be the main and the sub stream of one"
        )


def _as_hikvision_numbers_streams(values: Collection[str]) -> bool:
    """`101` and `102`, `101` to `402`: the channel, then which of its streams."""
    found = [re.fullmatch(r"(?:.*[^0-9])?([1-9][0-9]?)0([12])", text) for text in values]
    pairs = {(each[1], each[2]) for each in found if each}
    both = {channel for channel, _ in pairs if {(channel, "1"), (channel, "2")} <= pairs}
    return all(found) and {channel for channel, _ in pairs} == both


def _note_streams(eyes: CameraSpans) -> None:
    """Cameras by what tells them apart, but called as a camera and its second stream."""
    for span in eyes.spans:
        called = eyes.texts(Span(span.gap, span.slot, 0, span.last))  # `Cổng` before `phụ`, too
        names = {text.strip(" ._-") for text in called}
        pairs = [f"{main} and {second}" for main, second in words.main_and_second(names)]
        if pairs:
            eyes.unsure.append(
                f"{', '.join(pairs[:3])} are taken for cameras; they may be the main and the sub "
                "stream of one: if they show the same, configure one of them only"
            )


def _note_left_out(eyes: CameraSpans, parts: Sequence[str]) -> None:
    """What stands behind the time and may name cameras after all."""
    for gap, slots in enumerate(eyes.slots):
        for n, slot in enumerate(slots):
            for at, column in enumerate(slot.columns):
                span = Span(gap, n, at, at)
                if any(_overlap(span, each) for each in eyes.spans):
                    continue
                parallel, in_turn = _series_within(column, parts, eyes)
                if column.verdict is PartVerdict.BURST and parallel:
                    eyes.left_out.append(("pictures of one moment", span))
                elif _may_name(column, slot, at) and (parallel or in_turn or len(parts) == 2):
                    eyes.left_out.append(("events", span))


def _may_name(column: Column, slot: Slot, at: int) -> bool:
    """A few words or small numbers, with marks around them."""
    around = slot.columns[max(0, at - 1) : at + 2]
    if any(each.verdict is not PartVerdict.MARK for each in around if each is not column):
        return False
    values, files = len(column.values), len(column.texts)
    few = 2 <= values <= files / _FEW_FILES or values == files == 2
    small = all(text.isdecimal() and int(text) <= _MOST_CAMERAS for text in column.values)
    wordy = all(any(c.isalpha() for c in text) for text in column.values) and not any(
        c.isdecimal() for text in column.values for c in text
    )
    behind = column.place is Place.AFTER and column.verdict is PartVerdict.OTHER
    return behind and few and (small or wordy)


def _note_twice(eyes: CameraSpans) -> None:
    for slots in eyes.slots:
        for slot in slots:
            for column in slot.columns:
                if column.verdict is PartVerdict.STREAM and column.parallel:
                    eyes.twice.append(" and ".join(sorted(column.values)))
    starts: dict[tuple[str, float], set[str]] = {}
    channels = eyes.channels()
    for index, file in enumerate(eyes.layout.files):
        key = channels[index], wall_s(eyes.layout, index)
        starts.setdefault(key, set()).add(file.relative.rpartition(".")[2].lower())
    for suffixes in starts.values():
        if len(suffixes) > 1:
            eyes.twice.append(" and ".join(f".{suffix}" for suffix in sorted(suffixes)))
            break


# --- layouts of one camera -------------------------------------------------------------------


def _take_name(eyes: CameraSpans, named: set[str], *, alone: bool) -> None:
    """By a name that another layout has too; else by the likeliest, where there are others."""
    likely = list(_constants(eyes))
    known = [span for span in likely if eyes.texts(span)[0] in named]
    if known:
        eyes.spans = [known[0]]
    elif not alone and likely:
        eyes.spans = [likely[0]]
        named.add(eyes.texts(likely[0])[0])


def _constants(eyes: CameraSpans) -> Iterator[Span]:
    """What may be the camera's name, the likeliest first."""
    folders, names = [], []
    for gap, slots in enumerate(eyes.slots):
        for n, slot in enumerate(slots):
            values = {
                "".join(cells) for cells in zip(*(c.texts for c in slot.columns), strict=True)
            }
            if len(values) != 1 or any(c.verdict is PartVerdict.TIME for c in slot.columns):
                continue
            text = next(iter(values))
            if slot.place is Place.FOLDER and not words.is_place(text):
                folders.append(Span(gap, n, 0, len(slot.columns) - 1))
            elif slot.place is Place.BEFORE:
                span = _named_part(slot, gap, n)
                if span is not None:
                    names.append(span)
    yield from sorted(folders, key=lambda span: not _has_letters(eyes.texts(span)[0]))
    yield from names


def _named_part(slot: Slot, gap: int, n: int) -> Span | None:
    """A constant part of a name, without the marks at its ends."""
    solid = [
        at
        for at, each in enumerate(slot.columns)
        if each.verdict is not PartVerdict.MARK and not words.is_small(each.texts[0])
    ]
    if not solid:
        return None
    text = "".join(next(iter(slot.columns[at].values)) for at in solid)
    if words.is_place(text) or not _has_letters(text):
        return None
    return Span(gap, n, solid[0], solid[-1])


def _has_letters(text: str) -> bool:
    return any(c.isalpha() for c in text)


def label_of(eyes: CameraSpans) -> str:
    """A name for the camera of a layout that has one only; empty: the names tell none."""
    span = next(_constants(eyes), None)
    return eyes.texts(span)[0] if span is not None else ""
