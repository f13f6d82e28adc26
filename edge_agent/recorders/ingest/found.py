"""Between the watchers' words and the ledger's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from edge_agent.contract import MediaTimeSource, RecordedTimeline
from edge_agent.recorders.find import (
    TOO_OLD,
    ClipKind,
    ClipSpan,
    ContentId,
    FoundClip,
    Refused,
    Stray,
)
from edge_agent.recorders.find.clip import TimeSource
from edge_agent.recorders.ledger import LedgerClip, LeftOutFile, LeftOutState


def ledger_clip(found: FoundClip, now_utc_s: float) -> LedgerClip:
    span = found.span
    return LedgerClip(
        camera=found.camera,
        size_bytes=found.size_bytes,
        digest=found.content.digest,
        kind=found.kind,
        start_s=span.start_utc_s,
        end_s=span.end_utc_s,
        time_source=span.source,
        offset_s=span.offset_s,
        err_s=span.err_s,
        disputed=span.disputed,
        path=found.path,
        mtime_ns=found.mtime_ns,
        found_s=now_utc_s,
    )


def left_out(refused: Refused, now_utc_s: float) -> LeftOutFile:
    too_old = refused.reason == TOO_OLD
    return LeftOutFile(
        refused.camera,
        refused.path,
        refused.size_bytes,
        refused.mtime_ns,
        LeftOutState.TOO_OLD if too_old else LeftOutState.REFUSED,
        "" if too_old else refused.reason,
        now_utc_s,
    )


def strays_left_out(root: Path, strays: Sequence[Stray], now_utc_s: float) -> Iterator[LeftOutFile]:
    """First that nothing is nobody's any more, then what is."""
    yield LeftOutFile(None, root, 0, 0, LeftOutState.NOBODY, "", now_utc_s)
    for stray in strays:
        name = "*" if stray.channel is None else stray.channel or "(none)"
        yield LeftOutFile(
            None,
            root / name,
            stray.files,
            int(stray.newest_s * 1e9),
            LeftOutState.NOBODY,
            stray.reason,
            now_utc_s,
        )


def clip_to_open(clip: LedgerClip) -> FoundClip:
    """What the watcher found, as the ledger remembers it."""
    return FoundClip(
        camera=clip.camera,
        path=clip.path,
        size_bytes=clip.size_bytes,
        mtime_ns=clip.mtime_ns,
        content=ContentId(clip.size_bytes, clip.digest),
        kind=cast(ClipKind, clip.kind),
        span=ClipSpan(
            clip.start_s,
            clip.end_s,
            cast(TimeSource, clip.time_source),
            clip.offset_s,
            clip.err_s,
            clip.disputed,
        ),
    )


def timeline_of(clip: LedgerClip) -> RecordedTimeline:
    """By the recorder's clock; its offset travels beside it, see docs/recorders.md."""
    return RecordedTimeline(
        clip.start_s,
        MediaTimeSource(clip.time_source),
        clip.err_s,
        clip.disputed,
        clip.offset_s or None,
        clip.digest,
    )
