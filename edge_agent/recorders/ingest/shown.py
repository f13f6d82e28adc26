"""What of a clip was shown before: by another file of its camera, or by itself when it was shorter.

One moment comes twice where a recorder writes two streams or two containers, begins a clip before
the alarm that another one ended with, or uploads stills beside a video. And one file comes twice
where a recorder appends to it after a rest. Who is in it is told once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edge_agent.errors import MediaError
from edge_agent.recorders.find.identity import content_of, open_regular
from edge_agent.recorders.ledger import LedgerClip, LedgerReader

#: Recorders name their clips by whole seconds: one that follows at once seems to overlap.
SEAM_S = 2.0
#: Two streams of one moment differ by a little in their length: so much of it, but no more than.
_TWIN_SHARE, _TWIN_MOST_S = 0.2, 10.0
#: A frame lies this much before the end that a file's length tells.
_LAST_FRAME_S = 0.02
#: The name's time is the same; a container's or an upload's shifts with what was appended.
_SAME_START_S = 1.0
#: A still may be taken this much before its video begins.
STILL_MARGIN_S = 3.0

#: How the reasons of clips begin that were not looked into.
LEFT_ALONE = "left alone: "


@dataclass(frozen=True, slots=True)
class Shown:
    """Of one clip."""

    spans: tuple[tuple[float, float], ...] = ()  # UTC (s), in their order, apart
    by: str = ""  # the name of a file that shows the same
    grown_from: LedgerClip | None = None  # this file, when it was shorter

    def covers(self, clip: LedgerClip) -> bool:
        """Nothing of the clip is left to look at."""
        if clip.end_s is None or not self.spans:
            return False
        length_s = clip.end_s - clip.start_s
        shown_s = sum(
            max(0.0, min(end_s, clip.end_s) - max(begin_s, clip.start_s))
            for begin_s, end_s in self.spans
        )
        spare_s = max(SEAM_S, min(_TWIN_MOST_S, _TWIN_SHARE * length_s))
        return shown_s > 0 and length_s - shown_s < spare_s

    def skip_s(self, run_last_s: float | None) -> float:
        """Seconds from the file's first frame that were analysed when it was shorter."""
        old = self.grown_from
        if old is None:
            return 0.0
        if run_last_s is not None:
            return run_last_s + _LAST_FRAME_S
        return max(0.0, (old.end_s or old.start_s) - old.start_s - _LAST_FRAME_S)


def shown_before(clip: LedgerClip, reader: LedgerReader) -> Shown:
    """Raises StorageError."""
    end_s = clip.start_s if clip.end_s is None else clip.end_s
    grown_from = _grown_from(clip, reader)
    spans, by = [], ""
    for other in reader.analysed_between(clip.camera, clip.start_s, end_s):
        if other.key == clip.key or (grown_from is not None and other.path == clip.path):
            continue
        other_end_s = other.start_s if other.end_s is None else other.end_s
        if min(end_s, other_end_s) - max(clip.start_s, other.start_s) > SEAM_S or _same_span(
            clip, other
        ):
            spans.append((other.start_s, other_end_s))
            by = other.path.name
    return Shown(tuple(_joined(sorted(spans))), by, grown_from)


def _same_span(clip: LedgerClip, other: LedgerClip) -> bool:
    """Clips too short to overlap by more than a seam."""
    if clip.end_s is None or other.end_s is None or clip.end_s <= clip.start_s:
        return False
    apart_s = max(abs(clip.start_s - other.start_s), abs(clip.end_s - other.end_s))
    return apart_s < min(_SAME_START_S, (clip.end_s - clip.start_s) / 2)


def _joined(spans: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    held: tuple[float, float] | None = None
    for begin_s, end_s in spans:
        if held is not None and begin_s <= held[1]:
            held = held[0], max(held[1], end_s)
            continue
        if held is not None:
            yield held
        held = begin_s, end_s
    if held is not None:
        yield held


def _grown_from(clip: LedgerClip, reader: LedgerReader) -> LedgerClip | None:
    """The longest that this file was when it was analysed; None: it is another recording."""
    for old in reader.analysed_at(clip):
        if _begins_as(clip, old):
            return old
    return None


def _begins_as(clip: LedgerClip, old: LedgerClip) -> bool:
    """Its first bytes are those of the shorter file. AVI and Matroska write lengths into their
    heads when they are closed: then its name and its time have to do."""
    named = clip.time_source == old.time_source == "template"
    if named and abs(clip.start_s - old.start_s) <= _SAME_START_S:
        return True
    try:
        file = open_regular(clip.path)
    except MediaError:
        return False
    try:
        if file.size_bytes < old.size_bytes:
            return False
        return content_of(replace(file, size_bytes=old.size_bytes)).digest == old.digest
    except MediaError:
        return False
    finally:
        file.close()
