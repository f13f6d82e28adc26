"""NanoDet (RangiLyu, 2020), the export with one pair of outputs per stride.

Class probabilities, (1, cells, classes) through the sigmoid, and the distances to left, top,
right, bottom, (1, cells, 4 x bins) logits. Either first all the probabilities and then all the
distances, or, as in OpenCV's model zoo, both of one stride after the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_agent.detect.decoders.candidates import (
    Candidates,
    Shape,
    grid,
    sigmoid,
    softmax_expectation,
)
from edge_agent.detect.manifest import ModelManifest
from edge_agent.domain import F32

#: reg_max 7, as in every published NanoDet-m and NanoDet-plus configuration.
BINS = 8


def output_shapes(manifest: ModelManifest) -> Sequence[tuple[Shape, ...]]:
    cells = manifest.cells()
    scores = tuple((1, n, manifest.classes) for n in cells)
    distances = tuple((1, n, 4 * BINS) for n in cells)
    pairs = tuple(shape for pair in zip(scores, distances, strict=True) for shape in pair)
    return (*scores, *distances), pairs


def decode(outputs: Sequence[F32], manifest: ModelManifest, threshold: float) -> Candidates:
    """score = person probability; a cell's centre is at column x stride + (stride - 1) / 2."""
    levels = len(manifest.strides)
    if outputs[1].shape[-1] != manifest.classes:
        outputs = [*outputs[::2], *outputs[1::2]]
    scores = np.concatenate([output[0, :, manifest.person_class] for output in outputs[:levels]])
    if manifest.scores == "logits":
        scores = sigmoid(scores)
    keep = np.flatnonzero(scores >= threshold)
    distances = np.concatenate([output[0] for output in outputs[levels:]])[keep]
    column, row, stride = (axis[keep] for axis in grid(manifest))
    half = (stride - np.float32(1)) / np.float32(2)
    return from_distances(
        column * stride + half, row * stride + half, stride, distances, scores[keep]
    )


def from_distances(
    centre_x: F32, centre_y: F32, stride: F32, distances: F32, scores: F32
) -> Candidates:
    """Boxes from (n, 4 x bins) distance logits around the cells' centres."""
    sides = softmax_expectation(distances.reshape(-1, 4, BINS)) * stride[:, None]
    boxes = np.stack(
        (
            centre_x - sides[:, 0],
            centre_y - sides[:, 1],
            centre_x + sides[:, 2],
            centre_y + sides[:, 3],
        ),
        axis=-1,
    ).astype(np.float32)
    return Candidates(boxes, scores)
