"""Feeds a camera's `UntoldWatch`, some pictures at a time.

Right after an inference the processor has forgotten what the watch needs, picture by picture: done
for many at once it costs a third.
"""

from __future__ import annotations

import threading

from edge_agent.config import CameraConfig
from edge_agent.pipeline import Analysis
from edge_agent.pipeline.stages import Thresholds
from edge_agent.pipeline.untold_watch import KeptWindow, UntoldTally, UntoldWatch

#: Some seconds of a busy camera; who asks sooner is told all the same.
_AT_ONCE = 32


class UntoldSeat:
    """One camera's; as `UntoldWatch`, for the analysis thread and the one that takes."""

    def __init__(self, camera: CameraConfig, own: Thresholds) -> None:
        self._watch = UntoldWatch(camera, own)
        self._waiting: list[tuple[float, int, Analysis]] = []
        self._lock = threading.Lock()

    def add(self, at_s: float, weekminute: int, analysis: Analysis) -> None:
        with self._lock:
            self._waiting.append((at_s, weekminute, analysis))
            if len(self._waiting) >= _AT_ONCE:
                self._work()

    def apply(self, camera: CameraConfig, own: Thresholds) -> None:
        """Other settings hold from now on."""
        with self._lock:
            self._work()
            self._watch.apply(camera, own)

    def close(self) -> None:
        """No more pictures for a while."""
        with self._lock:
            self._work()
            self._watch.close()

    def take(self) -> tuple[UntoldTally, list[KeptWindow]]:
        """What came since the last call."""
        with self._lock:
            self._work()
            return self._watch.take()

    @property
    def camera(self) -> CameraConfig:
        """The settings in force."""
        return self._watch.camera

    @property
    def profile(self) -> str:
        return self._watch.profile

    @property
    def holding(self) -> tuple[float, float]:
        """The candidate and the confirm threshold."""
        return self._watch.holding

    def _work(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            self._watch.add(*each)
