"""Would this tell? The running agent's people, decided upon with the zones that are drawn.

The rules are the agent's own (`RuleEngine`), given the tracks of the last half minute. What other
zones do not change, scores and tracks, is the running agent's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.analysis.live_view import LiveFrame
from edge_agent.config import CameraConfig
from edge_agent.domain import Track
from edge_agent.geometry import BBox, Polygon
from edge_agent.rules import RuleEngine
from edge_agent.rules.schedule import parse_schedules

#: How far back people are followed; a longer dwell is not seen here.
SPAN_S = 60.0
#: A watched camera shows somebody several times a second.
_HERE_S = 2.5
_SLACK = 1e-9


class Held(StrEnum):
    """What keeps somebody from being told, the first that does."""

    MASK = "mask"
    IGNORED = "ignored"
    SMALL = "small"
    TALL = "tall"
    SCORE = "score"
    LOOKS = "looks"
    OUTSIDE = "outside"
    SCHEDULE = "schedule"
    DWELL = "dwell"
    OTHER = "other"
    NOTHING = ""


@dataclass(frozen=True, slots=True)
class WalkVerdict:
    """One person in the newest look. `looks` of `needed` scored enough within the window."""

    track_id: int
    bbox: BBox
    score: float
    looks: int
    needed: int
    zones: tuple[str, ...]  # in which their feet are
    told: bool  # by the running agent, now
    tells: bool  # with these settings
    held: Held


class RecentLooks:
    """One camera's last minute. Not thread-safe."""

    def __init__(self) -> None:
        self._looks: deque[LiveFrame] = deque()

    @property
    def newest(self) -> LiveFrame | None:
        return self._looks[-1] if self._looks else None

    def add(self, looks: Sequence[LiveFrame]) -> None:
        for look in looks:
            if self._looks and look.at_s < self._looks[-1].at_s:
                self._looks.clear()  # another stream, or a recording that began anew
            self._looks.append(look)
        while self._looks and self._looks[-1].at_s - self._looks[0].at_s > SPAN_S:
            self._looks.popleft()

    def verdicts(self, camera: CameraConfig, confirm_threshold: float) -> tuple[WalkVerdict, ...]:
        """Of those who are here now, with the settings of `camera`."""
        newest = self.newest
        if newest is None:
            return ()
        rules = RuleEngine(
            camera.person, camera.zones, camera.ignore_zones, confirm_threshold=confirm_threshold
        )
        told: set[int] = set()
        for look in self._looks:
            hits = rules.update(look.tracks, look.at_s, look.weekminute)
            told = {hit.track.track_id for hit in hits}
        here = [track for track in newest.tracks if newest.at_s - track.seen_s <= _HERE_S]
        judge = _Judge(camera, confirm_threshold, newest.weekminute)
        return tuple(
            judge.verdict(
                track,
                self.looks_of(track, camera, confirm_threshold),
                told=track.track_id in newest.told,
                tells=track.track_id in told,
            )
            for track in here
        )

    def looks_of(self, track: Track, camera: CameraConfig, threshold: float) -> int:
        """How many within the confirm window scored enough."""
        seen: dict[float, float] = {}
        for look in self._looks:
            for each in look.tracks:
                if each.track_id == track.track_id:
                    seen[each.seen_s] = each.score
        begin_s = track.seen_s - camera.person.confirm_window_s
        good = sum(s >= threshold for at_s, s in seen.items() if at_s >= begin_s)
        sure = track.confidence >= threshold
        return max(good, camera.person.confirm_looks if sure else 0)


class _Judge:
    def __init__(self, camera: CameraConfig, threshold: float, weekminute: int) -> None:
        self._camera = camera
        self._threshold = threshold
        self._weekminute = weekminute
        self._zones = [(zone, Polygon.of(zone.polygon)) for zone in camera.zones]
        self._ignored = [Polygon.of(zone.polygon) for zone in camera.ignore_zones]
        self._masks = [Polygon.of(mask.polygon) for mask in camera.privacy_masks]

    def verdict(self, track: Track, looks: int, *, told: bool, tells: bool) -> WalkVerdict:
        """`tells`: what the rules said; a mask hides whoever is behind it from them, too."""
        masked = any(mask.contains(track.bbox.center) for mask in self._masks)
        tells = tells and not masked
        foot = track.bbox.foot
        zones = tuple(zone.name for zone, polygon in self._zones if polygon.contains(foot))
        needed = self._camera.person.confirm_looks
        held = Held.NOTHING if tells else self._held(track, looks, masked=masked)
        return WalkVerdict(
            track.track_id,
            track.bbox,
            track.score,
            min(looks, needed),
            needed,
            zones,
            told,
            tells,
            held,
        )

    def _held(self, track: Track, looks: int, *, masked: bool) -> Held:
        person, foot = self._camera.person, track.bbox.foot
        inside = [zone for zone, polygon in self._zones if polygon.contains(foot)]
        needs = min(
            (
                self._threshold if zone.confirm_threshold == "auto" else zone.confirm_threshold
                for zone in inside
            ),
            default=self._threshold,
        )
        watched = [z for z in inside if parse_schedules(z.schedule).active(self._weekminute)]
        sure = track.confidence >= needs
        tests = (
            (Held.MASK, masked),
            (Held.IGNORED, any(polygon.contains(foot) for polygon in self._ignored)),
            (Held.SMALL, track.bbox.h < person.min_height_frac - _SLACK),
            (Held.TALL, track.bbox.h > person.max_height_frac + _SLACK),
            (Held.OUTSIDE, bool(self._zones) and not inside),
            (Held.SCORE, not sure and track.top_score < needs),
            (Held.LOOKS, not sure and looks < person.confirm_looks),
            (Held.SCORE, not sure),
            (Held.SCHEDULE, bool(inside) and not watched),
            (Held.DWELL, any(zone.dwell_s > 0 for zone in watched)),
        )
        return next((held for held, holds in tests if holds), Held.OTHER)
