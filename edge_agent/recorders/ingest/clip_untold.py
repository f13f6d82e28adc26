"""Who was not told of in a recorder's clips: by the time at which they were recorded.

The minutes of a clip are handed over together, when it was analysed to its end: one that is begun
anew after a stop is not told twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_agent.analysis.untold_seat import UntoldSeat
from edge_agent.config import CameraConfig
from edge_agent.domain import CameraId
from edge_agent.pipeline.stages import Thresholds
from edge_agent.pipeline.untold_watch import KeptWindow, UntoldTally

_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class ClipMinute:
    """What a minute of a clip was like. `windows` with the UTC at which each begins."""

    utc_s: float
    tally: UntoldTally
    holding: tuple[float, float]  # candidate and confirm threshold
    min_area_frac: float
    profile: str
    windows: tuple[tuple[float, KeptWindow], ...]


#: Takes the minutes of one clip. Safe from any thread.
KeepMinutes = Callable[[CameraId, Sequence[ClipMinute]], None]


class ClipUntold:
    """One clip's; for the ingest thread, beside the `seat` that the analysis fills."""

    def __init__(self, camera: CameraConfig, own: Thresholds, first_utc_s: float) -> None:
        """`first_utc_s`: of moment 0 of the clip's timeline."""
        self.seat = UntoldSeat(camera, own)
        self._first_utc_s = first_utc_s
        self._begin_s: float | None = None
        self._minutes: list[ClipMinute] = []

    def seen(self, captured_s: float) -> None:
        """The picture of this moment was analysed."""
        if self._begin_s is None:
            self._begin_s = captured_s
        elif captured_s - self._begin_s >= _MINUTE_S:
            self._take()
            self._begin_s = captured_s

    def finish(self) -> Sequence[ClipMinute]:
        """No more pictures."""
        self.seat.close()
        if self._begin_s is not None:
            self._take()
        return self._minutes

    def _take(self) -> None:
        assert self._begin_s is not None
        tally, windows = self.seat.take()
        self._minutes.append(
            ClipMinute(
                self._first_utc_s + self._begin_s,
                tally,
                self.seat.holding,
                self.seat.camera.motion.min_area_frac,
                self.seat.profile,
                tuple((self._first_utc_s + window.first_s, window) for window in windows),
            )
        )
