"""How far a camera's clock is off, and when it jumped."""

from __future__ import annotations

import logging

from edge_agent.clock import EARLIEST_PLAUSIBLE_UTC_S, ClockQuality, ClockReading
from edge_agent.domain import CameraId

log = logging.getLogger(__name__)

#: Cameras without time server drift by seconds a day; a larger change at once is a jump.
JUMP_S = 2.0
#: What a technician should put right: recordings and burnt-in clocks are wrong by as much.
OFF_S = 60.0
#: A change of the offset that is worth telling anew.
_NEWS_S = 5.0
#: What counts from 1900 or says its uptime instead of the time has no clock to speak of.
_NO_CLOCK_UTC_S = 0.0


class CameraClock:
    """Over all connections of one camera. For one thread."""

    def __init__(self, camera: CameraId) -> None:
        self._camera = camera
        self._ahead_s: float | None = None  # the camera's UTC minus our monotonic seconds
        self._told_s: float | None = None
        self.offset_s: float | None = None  # how far it is ahead; None: not known
        self.jumps = 0
        self.not_set = False  # 1970, 2000 and the like

    def heard(self, ahead_s: float | None, now: ClockReading) -> None:
        """`ahead_s`: what the stream says now; None: nothing, and what was known stays."""
        if ahead_s is None or ahead_s + now.mono_s < _NO_CLOCK_UTC_S:
            return
        before, self._ahead_s = self._ahead_s, ahead_s
        if before is not None and abs(ahead_s - before) > JUMP_S:
            self.jumps += 1
            log.warning("%s: its clock jumped by %+.1f s", self._camera, ahead_s - before)
        self.not_set = ahead_s + now.mono_s < EARLIEST_PLAUSIBLE_UTC_S
        # Against a clock that nobody set there is nothing to compare.
        known = now.quality is not ClockQuality.UNSET
        self.offset_s = ahead_s - (now.utc_s - now.mono_s) if known else None

    def take_news(self) -> bool:
        """Whether the offset differs from what was told last; then it counts as told."""
        now_s, told_s = self.offset_s, self._told_s
        if now_s is None or (told_s is not None and abs(now_s - told_s) < _NEWS_S):
            return False
        self._told_s = now_s
        return True

    @property
    def remark(self) -> str:
        """For a technician; "" where all is well. One that counts since 1900 has no clock."""
        if self.not_set:
            return "the camera's own clock is not set; give it a time server"
        if self.offset_s is None or abs(self.offset_s) < OFF_S:
            return ""
        direction = "ahead" if self.offset_s > 0 else "behind"
        return (
            f"the camera's own clock is {_words(abs(self.offset_s))} {direction}; "
            "give it a time server"
        )


def _words(seconds: float) -> str:
    if seconds < 120 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 72 * 3600 else f"{seconds / 86400:.0f} days"
