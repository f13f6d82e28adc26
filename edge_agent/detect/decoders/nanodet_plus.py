"""NanoDet-Plus (RangiLyu, 2021): one output of class scores and distances for all strides.

(1, cells, classes + 4 x bins) as upstream exports it, or the same transposed. Whether the
scores are probabilities or logits differs between exports: the manifest says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_agent.detect.decoders.candidates import Candidates, Shape, grid, sigmoid
from edge_agent.detect.decoders.nanodet import BINS, from_distances
from edge_agent.detect.manifest import ModelManifest
from edge_agent.domain import F32


def output_shapes(manifest: ModelManifest) -> Sequence[tuple[Shape, ...]]:
    cells, channels = sum(manifest.cells()), manifest.classes + 4 * BINS
    return (((1, cells, channels),), ((1, channels, cells),))


def decode(outputs: Sequence[F32], manifest: ModelManifest, threshold: float) -> Candidates:
    """score = person probability; a cell's centre is at column x stride."""
    raw = outputs[0][0]
    if raw.shape[0] == manifest.classes + 4 * BINS:
        raw = raw.T
    scores = raw[:, manifest.person_class]
    if manifest.scores == "logits":
        scores = sigmoid(scores)
    keep = np.flatnonzero(scores >= threshold)
    column, row, stride = (axis[keep] for axis in grid(manifest))
    distances = np.ascontiguousarray(raw[keep, manifest.classes :])
    return from_distances(column * stride, row * stride, stride, distances, scores[keep])
