"""Pictures and clips that stay on the box: making them and keeping them as agreed."""

from edge_agent.media.clip_file import CLIP_CODECS, ClipFacts, ClipFile
from edge_agent.media.clip_store import ClipCounts, ClipPart, ClipStore
from edge_agent.media.jpeg import MAX_JPEG_BYTES, encode_jpeg, take_snapshot
from edge_agent.media.snapshots import SnapshotCounts, SnapshotStore

__all__ = [
    "CLIP_CODECS",
    "MAX_JPEG_BYTES",
    "ClipCounts",
    "ClipFacts",
    "ClipFile",
    "ClipPart",
    "ClipStore",
    "SnapshotCounts",
    "SnapshotStore",
    "encode_jpeg",
    "take_snapshot",
]
