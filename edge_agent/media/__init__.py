"""Pictures that stay on the box: encoding them and keeping them as agreed."""

from edge_agent.media.jpeg import MAX_JPEG_BYTES, encode_jpeg, take_snapshot
from edge_agent.media.snapshots import SnapshotCounts, SnapshotStore

__all__ = ["MAX_JPEG_BYTES", "SnapshotCounts", "SnapshotStore", "encode_jpeg", "take_snapshot"]
