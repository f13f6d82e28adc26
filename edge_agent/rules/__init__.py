"""Which tracked people matter: zones, dwell, schedules, sizes and the confirm rule."""

from edge_agent.rules.engine import LEAVE_S, RuleEngine
from edge_agent.rules.schedule import WeekSchedule, parse_schedules
from edge_agent.rules.zones import ZONE_INERTIA_S

__all__ = ["LEAVE_S", "ZONE_INERTIA_S", "RuleEngine", "WeekSchedule", "parse_schedules"]
