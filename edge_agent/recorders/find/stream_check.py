"""Channels that are perhaps no cameras, but the large and the small picture of one."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Protocol

from edge_agent.geometry import FrameSize
from edge_agent.recorders.find.clip import ClipSpan
from edge_agent.recorders.find.reading import ClipProperties
from edge_agent.recorders.find.template import PathFacts

#: Two streams of a camera begin together.
_TOGETHER_S = 2.0
_NEARLY_ALL = 0.8
#: Of `ch1` and `ch2`: a sub stream has this much less of a picture, and is no wider.
_TIMES_LARGER, _SUB_WIDTH = 4, 1024
#: `0` and `1`, or the `101` and `102` by which Hikvision asks for the streams of camera 1.
_STREAMS = (("0", "1"), ("00", "01"))
_NUMBERED = re.compile(r"([1-9][0-9]?)0([12])")


class Probed(Protocol):
    """A file as `probe` looked at it."""

    @property
    def facts(self) -> PathFacts | None: ...
    @property
    def clip(self) -> ClipProperties | None: ...
    @property
    def span(self) -> ClipSpan | None: ...


def alike_streams(files: Sequence[Probed]) -> Iterator[str]:
    """Reasons to doubt: numbered like streams, they begin together and differ in size."""
    starts: dict[str, list[float]] = defaultdict(list)
    sizes: dict[str, set[FrameSize]] = defaultdict(set)
    for file in files:
        if file.facts is not None and file.span is not None and file.clip is not None:
            starts[file.facts.channel].append(file.span.start_utc_s)
            sizes[file.facts.channel].add(file.clip.size)
    for one, other in combinations(sorted(starts), 2):
        if (
            (_numbered_so(one, other) or (len(starts) == 2 and _first_two(one, other, sizes)))
            and not sizes[one] & sizes[other]
            and _together(starts[one], starts[other])
        ):
            shown = [f"{name} ({_shown(sizes[name])})" for name in (one, other)]
            yield (
                f"{shown[0]} and {shown[1]} always begin together: they may be the main and the "
                "sub stream of one camera; if they show the same, configure one of them only"
            )


def _numbered_so(one: str, other: str) -> bool:
    before = [re.split(r"([0-9]+)(?=[^0-9]*\Z)", name) for name in (one, other)]
    if any(len(parts) != 3 for parts in before):
        return False
    (head, first, tail), (other_head, second, other_tail) = before
    if (head, tail) != (other_head, other_tail):
        return False
    pair = _NUMBERED.fullmatch(first), _NUMBERED.fullmatch(second)
    hikvision = all(pair) and pair[0] and pair[1] and pair[0][1] == pair[1][1]
    return (first, second) in _STREAMS or bool(hikvision)


def _first_two(one: str, other: str, sizes: dict[str, set[FrameSize]]) -> bool:
    """`ch1` and `ch2`, and nothing else there: two cameras as a rule, unless the second has a sub
    stream's size."""
    numbers = [re.search(r"([0-9]+)(?=[^0-9]*\Z)", name) for name in (one, other)]
    heads = {re.sub(r"[0-9]+(?=[^0-9]*\Z)", "", name) for name in (one, other)}
    if len(heads) > 1 or [each and int(each[1]) for each in numbers] != [1, 2]:
        return False
    large, small = (
        min((size.width * size.height, size.width) for size in sizes[name]) for name in (one, other)
    )
    return large[0] >= _TIMES_LARGER * small[0] and small[1] <= _SUB_WIDTH


def _together(one: Sequence[float], other: Sequence[float]) -> bool:
    near = sum(any(abs(a - b) <= _TOGETHER_S for b in other) for a in one)
    return near >= _NEARLY_ALL * len(one)


def _shown(sizes: set[FrameSize]) -> str:
    return ", ".join(f"{size.width}x{size.height}" for size in sorted(sizes, key=lambda s: s.width))
