"""Files of a layout that are named alike only in their time: stills beside videos. And files whose
names tell no time, but perhaps a camera."""

from __future__ import annotations

import datetime as dt
from bisect import bisect
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from edge_agent.recorders.find.grammar.cameras import CameraSpans, eyes_of
from edge_agent.recorders.find.grammar.layout import Layout, NamedFile
from edge_agent.recorders.find.grammar.parts import Column, PartVerdict, slots_of, wall_s
from edge_agent.recorders.find.grammar.readings import Reading
from edge_agent.recorders.find.grammar.runs import runs_of
from edge_agent.recorders.find.name_time import NameTime
from edge_agent.recorders.find.template import is_still

#: A still shows what a video does that begins so close to it.
_BESIDE_S = 5.0
_HALF = 0.5
_FEWEST = 2


def split_by_kind(layouts: Sequence[Layout]) -> list[Layout]:
    """Videos and stills apart where their names differ: `gate_...mp4` and `snap_gate_...jpg`."""
    found: list[Layout] = []
    for layout in layouts:
        stills = [n for n, file in enumerate(layout.files) if is_still(file.relative)]
        videos = [n for n in range(len(layout.files)) if n not in set(stills)]
        if not (stills and videos) or not _differ(layout, videos, stills):
            found.append(layout)
            continue
        beside = _beside(layout, videos, stills)
        found.append(_part(layout, videos))
        pictures = _part(layout, stills)
        found.append(pictures if beside else replace(pictures, family=len(layouts) + len(found)))
    return found


def _part(layout: Layout, members: Sequence[int]) -> Layout:
    return replace(
        layout,
        files=tuple(layout.files[n] for n in members),
        readings=tuple(layout.readings[n] for n in members),
    )


def _differ(layout: Layout, videos: Sequence[int], stills: Sequence[int]) -> bool:
    """In the shape of their names, or in a column that is of videos or of stills only."""
    whole, parts = slots_of(layout), [slots_of(_part(layout, each)) for each in (videos, stills)]
    for together, *apart in zip(whole, *parts, strict=True):
        for slot, video, still in zip(together, *apart, strict=True):
            sizes = {len(each.columns) for each in (slot, video, still)}
            if len(sizes) > 1 or any(_tells(column, videos, stills) for column in slot.columns):
                return True
    return False


def _tells(column: Column, videos: Sequence[int], stills: Sequence[int]) -> bool:
    if min(len(videos), len(stills)) < _FEWEST or column.verdict is PartVerdict.TIME:
        return False
    texts = [{column.texts[n] for n in each} for each in (videos, stills)]
    repeated = all(
        len(values) <= _HALF * len(each)
        for values, each in zip(texts, (videos, stills), strict=True)
    )
    return repeated and not texts[0] & texts[1]


def _beside(layout: Layout, videos: Sequence[int], stills: Sequence[int]) -> bool:
    """Most stills show what a video shows."""
    starts_s = sorted(wall_s(layout, n) for n in videos)
    near = 0
    for still_s in (wall_s(layout, n) for n in stills):
        at = bisect(starts_s, still_s)
        around = starts_s[max(0, at - 1) : at + 1]
        near += any(abs(still_s - start_s) <= _BESIDE_S for start_s in around)
    return near >= _HALF * len(stills)


# --- names without a time ----------------------------------------------------------------------


def eyes_of_timeless(files: Sequence[NamedFile]) -> list[CameraSpans]:
    """Where folders or marked numbers (`ch01`) tell cameras apart; else nothing."""
    depths: dict[int, list[NamedFile]] = defaultdict(list)
    for file in files:
        depths[file.relative.count("/")].append(file)
    return [each for each in eyes_of([_undated(each) for each in depths.values()]) if each.spans]


def _undated(files: Sequence[NamedFile]) -> Layout:
    """As if the time stood nowhere; the upload is the moment."""
    readings = []
    for file in files:
        upload = dt.datetime.fromtimestamp(file.mtime_s, dt.UTC)
        readings.append(Reading(runs_of(file.relative).stem, (), NameTime(upload, 1.0), None, 0.0))
    return Layout(tuple(files), tuple(readings), (), ())
