"""From the files of a folder to the template that reads them."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_agent.recorders.find.grammar import words
from edge_agent.recorders.find.grammar.cameras import (
    MOST_SPANS,
    CameraSpans,
    Span,
    eyes_of,
    label_of,
)
from edge_agent.recorders.find.grammar.kinds import eyes_of_timeless, split_by_kind
from edge_agent.recorders.find.grammar.layout import MOST_FILES, NamedFile, layouts_of
from edge_agent.recorders.find.grammar.spelling import templates_of
from edge_agent.recorders.find.template import (
    BadTemplate,
    TemplateSet,
    compile_set,
    is_still,
    joined,
)

#: A rest of files without a time that is smaller than this is no way of naming of its own.
_ODD_SHARE = 0.1


_NO_DAY = (
    "the names leave out the day or the hour: it is that of the upload, and is wrong where files "
    "are copied later"
)


#: Blue Iris' alerts: the clip's time, milliseconds into it, and two more numbers.
_ALERT = re.compile(r"\.[0-9]{1,9}\.[0-9]+-[0-9]+\Z")
_CUT = (
    "the stills are named after the recording that they are cut from, and the number behind its "
    "time may be how far into it (ms): then they are dated that much too early"
)


@dataclass(frozen=True, slots=True)
class Learned:
    """What the names of a folder tell."""

    template: TemplateSet
    label: str  # of the one camera where no channel names it
    unsure: tuple[str, ...]  # what may be wrong, in words
    twice: tuple[str, ...]  # what shows the same moments


def learn(files: Sequence[NamedFile], zone: dt.tzinfo, latest_year: int) -> Learned:
    """`files` must not be empty."""
    sample = _sample(files)
    layouts, timeless = layouts_of(sample, zone, latest_year)
    eyes = eyes_of(split_by_kind(layouts))
    many = len(timeless) > _ODD_SHARE * len(sample) or not eyes
    undated = eyes_of_timeless(timeless) if many else []
    eyes += undated
    texts = [text for each in eyes for text in templates_of(each)]
    unsure = [reason for each in eyes for reason in each.unsure]
    unsure += [_rivals(each) for each in eyes if each.layout.rival]
    unsure += [_otherwise(each, what, span) for each in eyes for what, span in each.left_out]
    if many and not undated:
        texts += _timeless(timeless)
    unsure += _misread(eyes, texts)
    if any(
        reading.start.period_s and reading.fields
        for each in eyes
        for reading in each.layout.readings
    ):
        unsure.append(_NO_DAY)
    if any(_cut_from_clips(each) for each in eyes):
        unsure.append(_CUT)
    twice = tuple(dict.fromkeys(text for each in eyes for text in each.twice))
    label = label_of(eyes[0]) if eyes else ""
    return Learned(compile_set(joined(list(dict.fromkeys(texts)))), label, tuple(unsure), twice)


def _sample(files: Sequence[NamedFile]) -> list[NamedFile]:
    """Some of all ages, in the order of their paths; as templates read them, composed."""
    step = max(1, len(files) // MOST_FILES)
    return [
        replace(file, relative=unicodedata.normalize("NFC", file.relative))
        for file in sorted(files, key=lambda file: file.relative)[::step]
    ]


def _cut_from_clips(eyes: CameraSpans) -> bool:
    return bool(eyes.layout.forms) and all(
        is_still(file.relative) and _ALERT.match(reading.stem, reading.fields[-1].end)
        for file, reading in zip(eyes.layout.files, eyes.layout.readings, strict=True)
    )


def _rivals(eyes: CameraSpans) -> str:
    """Both readings, and what would tell them apart."""
    other = replace(eyes.layout, forms=eyes.layout.rival)
    text = templates_of(replace(eyes, layout=other))[0]
    return (
        f"the times may also be read by --template '{text}'; files of a day after the 12th, or "
        "files that were not copied here later, tell which is right"
    )


def _otherwise(eyes: CameraSpans, what: str, span: Span) -> str:
    """What may be cameras, and the template that takes it for such."""
    shown = ", ".join(sorted(set(eyes.texts(span)))[:3])
    spans = sorted((*eyes.spans, span), key=lambda each: (each.gap, each.slot, each.first))
    text = templates_of(replace(eyes, spans=spans[:MOST_SPANS]))[0]
    return f"{shown} are taken for {what}; where they are cameras, use --template '{text}'"


def _misread(eyes: Sequence[CameraSpans], texts: Sequence[str]) -> list[str]:
    """What the templates read otherwise than the names were understood."""
    try:
        template = compile_set(joined(list(texts)))
    except BadTemplate as error:
        return [str(error)]
    wrong = 0
    for each in eyes:
        for file, reading, channel in zip(
            each.layout.files, each.layout.readings, each.channels(), strict=True
        ):
            facts = template.match(file.relative)
            wrong += (
                facts is None
                or facts.channel != channel
                or facts.start != (reading.start.moment if reading.fields else None)
            )
    return [f"the template reads {wrong} files otherwise than their neighbours"] if wrong else []


def _timeless(files: Sequence[NamedFile]) -> list[str]:
    """By their folders alone: the container or the upload tells the time."""
    firsts = {file.relative.partition("/")[0] for file in files if "/" in file.relative}
    flat = any("/" not in file.relative for file in files)
    named = [first for first in firsts if not words.is_place(first) and not words.bears_date(first)]
    body = "**/*" if flat or len(named) < len(firsts) or not firsts else "{camera}/**/*"
    return [f"{body}.{{video}}", f"{body}.{{still}}"]
