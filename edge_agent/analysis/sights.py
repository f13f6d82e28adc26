"""What one camera's analysis saw in the last minute, for `edge-agent status`."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from edge_agent.clock import Clock
from edge_agent.pipeline import Analysis

#: The last minute, in parts that are forgotten as a whole.
_PARTS, _PART_S = 6, 10.0
MINUTE_S = _PARTS * _PART_S


@dataclass(slots=True)
class _Part:
    begun_s: float
    frames: int = 0
    best_score: float = 0.0
    changed_frac: float = 0.0


@dataclass(frozen=True, slots=True)
class LastMinute:
    """`changed_frac` is the largest share of the picture that moved, now and in the minute."""

    fps: float
    best_score: float | None  # of a detection; None: there was none above the candidates' threshold
    changed_now_frac: float
    changed_frac: float
    moving: bool


class Sights:
    """Written by the analysis thread; `last_minute` is for any."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._parts: deque[_Part] = deque(maxlen=_PARTS + 1)
        self._moving = False
        self._changed_frac = 0.0
        self._newest_s = float("-inf")

    def add(self, analysis: Analysis) -> None:
        now_s = self._clock.mono_s()
        if not self._parts or now_s - self._parts[-1].begun_s >= _PART_S:
            self._parts.append(_Part(now_s))
        part = self._parts[-1]
        part.frames += 1
        part.changed_frac = max(part.changed_frac, analysis.motion.changed_frac)
        for detection in analysis.detections:
            part.best_score = max(part.best_score, detection.score)
        self._moving = bool(analysis.motion.regions)
        self._changed_frac, self._newest_s = analysis.motion.changed_frac, now_s

    def last_minute(self) -> LastMinute:
        now_s = self._clock.mono_s()
        parts = [part for part in tuple(self._parts) if now_s - part.begun_s < MINUTE_S]
        span_s = max(1.0, now_s - parts[0].begun_s) if parts else 1.0
        best = max((part.best_score for part in parts), default=0.0)
        fresh = now_s - self._newest_s < _PART_S
        return LastMinute(
            fps=sum(part.frames for part in parts) / span_s,
            best_score=best or None,
            changed_now_frac=self._changed_frac if fresh else 0.0,
            changed_frac=max((part.changed_frac for part in parts), default=0.0),
            moving=self._moving and fresh,
        )
