"""Folders that recorders and cameras upload into, as a source of recorded clips."""

from edge_agent.recorders.find.brands import BUILT_IN, template_problem, template_set
from edge_agent.recorders.find.clip import (
    TOO_OLD,
    ClipKind,
    ClipSpan,
    ContentId,
    FoundClip,
    KnownFiles,
    Refused,
    Stray,
    WatchMethod,
    WatchStatus,
    shown_path,
)
from edge_agent.recorders.find.identity import ClipChanged, ClipGone
from edge_agent.recorders.find.reading import ClipPackets, open_clip
from edge_agent.recorders.find.recorded_time import ClockOffset
from edge_agent.recorders.find.template import BadTemplate
from edge_agent.recorders.find.watcher import FolderWatcher

__all__ = [
    "BUILT_IN",
    "TOO_OLD",
    "BadTemplate",
    "ClipChanged",
    "ClipGone",
    "ClipKind",
    "ClipPackets",
    "ClipSpan",
    "ClockOffset",
    "ContentId",
    "FolderWatcher",
    "FoundClip",
    "KnownFiles",
    "Refused",
    "Stray",
    "WatchMethod",
    "WatchStatus",
    "open_clip",
    "shown_path",
    "template_problem",
    "template_set",
]
