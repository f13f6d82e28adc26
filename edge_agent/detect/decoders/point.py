"""The project's own detector: each cell is a point inside a person (after FCOS, Tian et al., 2019).

One output (1, cells, 5): distances from the cell's centre to the left, top, right and bottom of
the person, in strides and never negative, and the person's probability.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_agent.detect.decoders.candidates import Candidates, Shape, grid, sigmoid
from edge_agent.detect.manifest import ModelManifest
from edge_agent.domain import F32

_CHANNELS = 5


def output_shapes(manifest: ModelManifest) -> Sequence[tuple[Shape, ...]]:
    return (((1, sum(manifest.cells()), _CHANNELS),),)


def decode(outputs: Sequence[F32], manifest: ModelManifest, threshold: float) -> Candidates:
    """score = person probability; a cell's centre is at (column + 1/2) x stride."""
    raw = outputs[0][0]
    scores = raw[:, 4]
    if manifest.scores == "logits":
        scores = sigmoid(scores)
    keep = np.flatnonzero(scores >= threshold)
    column, row, stride = (axis[keep, None] for axis in grid(manifest))
    half = np.float32(0.5)
    centre = np.concatenate(((column + half) * stride, (row + half) * stride), axis=1)
    sides = raw[keep, :4] * stride
    boxes = np.concatenate((centre - sides[:, :2], centre + sides[:, 2:]), axis=1)
    return Candidates(boxes.astype(np.float32, copy=False), scores[keep])
