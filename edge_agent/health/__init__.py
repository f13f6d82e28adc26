"""Does the camera see? Blind, covered, turned, blurred, frozen and broken pictures are told."""

from edge_agent.health.darkness import Darkness, DarknessState
from edge_agent.health.faults import SEVERITY, Fault
from edge_agent.health.vote import HealthChange
from edge_agent.health.watch import PictureHealth

__all__ = ["SEVERITY", "Darkness", "DarknessState", "Fault", "HealthChange", "PictureHealth"]
