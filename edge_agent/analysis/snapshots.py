"""Takes the snapshots of the frames that show somebody best."""

from __future__ import annotations

from edge_agent.config import SnapshotConfig
from edge_agent.domain import BestFrame, Frame, Snapshot
from edge_agent.media import take_snapshot


class SnapshotTaker:
    """Shares nothing: may be called from any thread."""

    def __init__(self, config: SnapshotConfig) -> None:
        self._config = config

    def __call__(self, frame: Frame, best: BestFrame) -> Snapshot:
        return take_snapshot(
            frame.pixels.bgr(),
            [best.bbox],
            self._config,
            camera=frame.camera,
            event_id=best.event_id,
            captured_s=frame.captured_s,
        )
