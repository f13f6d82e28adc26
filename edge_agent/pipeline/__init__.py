"""One camera's stages in order, how they are built and how they go on: read `pipeline.py` first."""

from edge_agent.pipeline.analysis import Analysis
from edge_agent.pipeline.pipeline import (
    BLIND_LOOK_EVERY_S,
    CameraPipeline,
    CloserStage,
    DetectStage,
    Stages,
)

__all__ = [
    "BLIND_LOOK_EVERY_S",
    "Analysis",
    "CameraPipeline",
    "CloserStage",
    "DetectStage",
    "Stages",
]
