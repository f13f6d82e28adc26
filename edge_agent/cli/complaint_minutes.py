"""The minutes of `edge-agent why` in words: each of a short span, the sums of a long one."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import msgspec

from edge_agent.agent.minute_reason import MinuteReason, in_short, in_words
from edge_agent.agent.untold_ring import MinuteRow

#: Rows that are further apart than this have a hole between them.
_HOLE_S = 100.0

#: UTC seconds as the box's own time.
Local = Callable[[float], dt.datetime]


def listed_minutes(minutes: Sequence[MinuteRow], local: Local, hole: str) -> Iterator[str]:
    """Minutes that are alike in one line, and holes, with what makes them."""
    for begin_s, end_s, row in _stretches(minutes):
        words = f"no record: {hole}" if row is None else in_words(row) or "told"
        yield f"  {local(begin_s):%H:%M}-{local(end_s):%H:%M}  {words}"


def summed_minutes(minutes: Sequence[MinuteRow], local: Local, hole: str) -> Iterator[str]:
    """How many minutes of each kind, and each stretch in which nothing could be seen."""
    counts = Counter(row.reason for row in minutes)
    if counts:
        yield f"  {len(minutes)} minute{'s' if len(minutes) > 1 else ''} of record:"
    for reason, count in counts.most_common():
        yield f"  {count:>5}  {in_short(reason)}"
    blind = (MinuteReason.NO_CAMERA, MinuteReason.OVERLOADED, MinuteReason.GATE)
    for begin_s, end_s, row in _stretches(minutes):
        if row is None or row.reason in blind:
            words = f"no record: {hole}" if row is None else in_words(row)
            yield f"  {local(begin_s):%d %b %H:%M}-{local(end_s):%H:%M}  {words}"


def _stretches(
    minutes: Sequence[MinuteRow],
) -> Iterator[tuple[float, float, MinuteRow | None]]:
    """Begin, end and all of it as one row; None: a hole."""
    begin_s, whole = 0.0, None
    end_s = 0.0
    for row in minutes:
        hole = whole is not None and row.utc_s - end_s > _HOLE_S - 60
        if whole is not None and (hole or not _are_alike(whole, row)):
            yield begin_s, end_s, whole
            whole = None
        if hole:
            yield end_s, row.utc_s, None
        if whole is None:
            begin_s, whole = row.utc_s, row
        else:
            whole = _joined(whole, row)
        end_s = row.utc_s + 60.0
    if whole is not None:
        yield begin_s, end_s, whole


def _are_alike(one: MinuteRow, other: MinuteRow) -> bool:
    return one.reason == other.reason and one.keyframes_only == other.keyframes_only


def _joined(one: MinuteRow, other: MinuteRow) -> MinuteRow:
    return msgspec.structs.replace(
        one,
        pictures=one.pictures + other.pictures,
        looks=one.looks + other.looks,
        moved=one.moved + other.moved,
        dropped=one.dropped + other.dropped,
        left_out=one.left_out + other.left_out,
        changed_frac=max(one.changed_frac, other.changed_frac),
        best_score=max(one.best_score, other.best_score),
    )
