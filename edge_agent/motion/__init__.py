"""Where the picture changed: a background that learns, and blobs that are worth a look."""

from edge_agent.motion.detector import MotionDetector

__all__ = ["MotionDetector"]
