"""Which person is which: detections over time become tracks."""

from edge_agent.track.looks import LOOK_AGAIN_S, MAX_UNLOOKED_S
from edge_agent.track.tracker import Tracker

__all__ = ["LOOK_AGAIN_S", "MAX_UNLOOKED_S", "Tracker"]
