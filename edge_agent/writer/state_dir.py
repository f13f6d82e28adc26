"""The state directory: made at the start, and what is kept in it beside the outbox."""

from __future__ import annotations

import logging
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.config import Config
from edge_agent.errors import StorageError
from edge_agent.media import SnapshotStore

log = logging.getLogger(__name__)


def make_state_dir(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"box.state_dir {path} cannot be made: {error.strerror}; choose a folder that the "
            "agent's user may write"
        ) from error


def open_snapshots(config: Config, state_dir: Path, clock: Clock) -> SnapshotStore | None:
    """None when switched off, or when the disk is not up to it: events matter more."""
    if not config.snapshots.enabled:
        return None
    try:
        return SnapshotStore(state_dir, config.snapshots, clock)
    except StorageError as error:
        log.error("no pictures are kept: %s", error)
        return None
