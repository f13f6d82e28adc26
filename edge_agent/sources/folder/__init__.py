"""Folders that recorders and cameras upload into, as a source of recorded clips."""

from edge_agent.sources.folder.clip import (
    ClipKind,
    ClipSpan,
    ContentId,
    FoundClip,
    KnownFiles,
    Refused,
    WatchMethod,
    WatchStatus,
    shown_path,
)

__all__ = [
    "ClipKind",
    "ClipSpan",
    "ContentId",
    "FoundClip",
    "KnownFiles",
    "Refused",
    "WatchMethod",
    "WatchStatus",
    "shown_path",
]
