"""The looks at one frame that is alone."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.detect.regions import Inference, groups, look_at
from edge_agent.domain import Region
from edge_agent.geometry import FrameSize


def looks_at(
    regions: Sequence[Region], frame: FrameSize, target: FrameSize
) -> tuple[Inference, ...]:
    """For a network with an input of `target` that has the picture in its corner."""
    return tuple(
        look_at(crops, frame, target, "top_left") for crops in groups(regions, frame, target)
    )
