"""The template that reads a layout."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edge_agent.recorders.find.grammar import words
from edge_agent.recorders.find.grammar.cameras import CameraSpans, Span
from edge_agent.recorders.find.grammar.parts import Column, PartVerdict, Place, Slot
from edge_agent.recorders.find.template import is_still

_FEW_MOMENTS = 2


def templates_of(eyes: CameraSpans) -> list[str]:
    """One for videos, one for stills."""
    body = "".join(_parts(eyes))
    names = [file.relative for file in eyes.layout.files]
    kinds = [("video", any(not is_still(name) for name in names))]
    kinds.append(("still", any(is_still(name) for name in names)))
    return [f"{body}.{{{kind}}}" for kind, there in kinds if there]


def _parts(eyes: CameraSpans) -> Iterator[str]:
    fields = eyes.layout.readings[0].fields
    for gap, slots in enumerate(eyes.slots):
        yield "/".join(_slot(eyes, gap, n, slot) for n, slot in enumerate(slots))
        if gap < len(fields):
            yield f"{{{fields[gap].role}:{eyes.layout.forms[gap]}}}"


def _slot(eyes: CameraSpans, gap: int, n: int, slot: Slot) -> str:
    spans = [(name, span) for name, span in _named(eyes) if (span.gap, span.slot) == (gap, n)]
    found: list[str] = []
    dated = False  # a folder's name after its date: the rest is of that recording
    for at, column in enumerate(slot.columns):
        inside = next((pair for pair in spans if pair[1].first <= at <= pair[1].last), None)
        dated = dated or (slot.place is Place.FOLDER and column.verdict is PartVerdict.TIME)
        if inside is None and dated and not spans:
            found.append("*")
        elif inside is None:
            glued = at + 1 == len(slot.columns) and slot.place is Place.BEFORE
            found.append(_spelt(eyes, column, near_camera=bool(spans), glued=glued))
        elif at == inside[1].first:
            found.append(f"{{{inside[0]}}}")
    if slot.place is Place.AFTER and not spans:
        return "*" if any(found) else ""
    return (
        re.sub(r"\*(?:[^*/{}]*\*)+", _shortened, "".join(found)) if not spans else _collapsed(found)
    )


def _collapsed(parts: list[str]) -> str:
    return re.sub(r"\*{2,}", "*", "".join(parts))


def _shortened(found: re.Match[str]) -> str:
    """`*_*` and `**` are one wildcard where nothing stands on a camera's name."""
    return "*"


def _named(eyes: CameraSpans) -> list[tuple[str, Span]]:
    return list(zip(("camera", "channel"), eyes.spans, strict=False))


def _spelt(eyes: CameraSpans, column: Column, *, near_camera: bool, glued: bool) -> str:
    """`glued`: the time follows at once, which no wildcard may stand beside digits of."""
    text = column.texts[0]
    if column.verdict is PartVerdict.MARK:
        return _literal(text)
    if (
        near_camera
        and column.place is Place.AFTER
        and all(len(each) == 1 for each in column.values)
    ):
        return "?"  # a wildcard would take the first words of the name
    dated = bool(eyes.layout.forms) or column.in_folder
    if column.verdict is not PartVerdict.CONSTANT or not dated:
        return "*"
    few = len({reading.start for reading in eyes.layout.readings}) < _FEW_MOMENTS
    may_change = words.is_event(text) or (few and text.isdecimal())
    beside_digits = glued and text[-1:].isdecimal()
    if may_change and column.place is not Place.FOLDER and not beside_digits:
        return "*"
    if column.place is Place.AFTER and not near_camera:
        return "*"
    return _literal(text)


def _literal(text: str) -> str:
    """As it stands; a wildcard for what would be one itself."""
    return "".join({"{": "{{", "}": "}}", "*": "?"}.get(c, c) for c in text).replace(" | ", " ? ")
