"""One zone: who stands in it, for how long, and whether that counts now."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.config.schema import ZoneConfig
from edge_agent.geometry import Polygon
from edge_agent.rules.schedule import WeekSchedule, parse_schedules
from edge_agent.rules.state import StayState

#: Feet on the border flicker in and out; a shorter absence than this is none.
ZONE_INERTIA_S = 1.0


@dataclass(frozen=True, slots=True)
class Zone:
    """A configured zone, made ready for use."""

    name: str
    polygon: Polygon
    dwell_s: float
    confirm_threshold: float
    schedule: WeekSchedule

    @classmethod
    def of(cls, config: ZoneConfig, *, confirm_threshold: float) -> Zone:
        """`confirm_threshold` is the camera's, used where the zone says `auto`."""
        own = config.confirm_threshold
        return cls(
            config.name,
            Polygon.of(config.polygon),
            config.dwell_s,
            confirm_threshold if own == "auto" else own,
            parse_schedules(config.schedule),
        )


class ZoneVisit:
    """One person and one zone. Holds from look to look; never guesses between them."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self._inside_since_s: float | None = None
        self._inside_s = 0.0
        self._confirmed = False

    def state(self) -> StayState:
        return StayState(self._inside_since_s, self._inside_s, self._confirmed)

    @classmethod
    def restored(cls, zone: Zone, state: StayState | None, offset_s: float) -> ZoneVisit:
        """On a timeline that begins `offset_s` later; None: the zone is new."""
        visit = cls(zone)
        if state is not None:
            since_s = state.inside_since_s
            visit._inside_since_s = None if since_s is None else since_s - offset_s
            visit._inside_s, visit._confirmed = state.inside_s - offset_s, state.confirmed
        return visit

    def look(self, foot: tuple[float, float] | None, confidence: float, at_s: float) -> None:
        """The person was seen at `at_s` with their feet at `foot`; None: they do not count."""
        if foot is not None and self.zone.polygon.contains(foot):
            if self._inside_since_s is None:
                self._inside_since_s = at_s
            self._inside_s = at_s
            self._confirmed |= confidence >= self.zone.confirm_threshold
        elif self._inside_since_s is not None and at_s - self._inside_s > ZONE_INERTIA_S:
            self._inside_since_s = None

    def counts(self, weekminute: int) -> bool:
        """In the zone, long enough, surely a person, and the zone is watched now."""
        return (
            self._inside_since_s is not None
            and self._confirmed
            and self._inside_s - self._inside_since_s >= self.zone.dwell_s
            and self.zone.schedule.active(weekminute)
        )

    @property
    def inside_since_s(self) -> float:
        """When the stay that lasts began; infinity outside."""
        return float("inf") if self._inside_since_s is None else self._inside_since_s
