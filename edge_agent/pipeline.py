"""READ FIRST: the path of one camera's frame from motion to event.

    frame -> motion -> detect -> track -> rules -> events
             regions   boxes     who      zones    start / update / end

`edge-agent run` (live) and `edge-agent replay` (a clip) drive this same object; only the
source of frames and the clock behind `captured_s` differ. The pipeline itself knows no
clock, no thread and no I/O: time enters with each frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edge_agent.domain import U8, Detection, Event, Motion, Pixels, Region, RuleHit, Track
from edge_agent.geometry import BBox


class MotionStage(Protocol):
    """Where did the picture change? `edge_agent.motion.MotionDetector`."""

    def update(self, luma: U8, at_s: float) -> Motion: ...


class DetectStage(Protocol):
    """Where are people? `edge_agent.detect.OnnxDetector`, shared by all cameras."""

    def detect(
        self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
    ) -> Sequence[Detection]: ...


class TrackStage(Protocol):
    """Which person is which? `edge_agent.track.Tracker`."""

    def due(self, at_s: float) -> Sequence[Region]:
        """Where tracked people must be looked for now, whatever motion says."""
        ...

    def update(
        self, detections: Sequence[Detection], searched: Sequence[BBox], at_s: float
    ) -> Sequence[Track]: ...


class RuleStage(Protocol):
    """Which of them matter? `edge_agent.rules.RuleEngine`."""

    def update(
        self, tracks: Sequence[Track], at_s: float, weekminute: int
    ) -> Sequence[RuleHit]: ...


class EventStage(Protocol):
    """What is worth telling? `edge_agent.events.EventBook`."""

    def update(self, hits: Sequence[RuleHit], motion: Motion, at_s: float) -> Sequence[Event]: ...
