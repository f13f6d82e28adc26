"""FastestDet (dog-qiuqiu, 2022): one grid, one output (1, 5 + classes, rows, columns).

Channels: objectness, x, y, width, height, classes. Objectness and classes are probabilities;
the position still needs tanh, the size the sigmoid.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_agent.detect.decoders.candidates import Candidates, Shape, around, sigmoid
from edge_agent.detect.manifest import ModelManifest
from edge_agent.domain import F32


def output_shapes(manifest: ModelManifest) -> Sequence[tuple[Shape, ...]]:
    stride = manifest.strides[0]
    rows, columns = -(-manifest.input.height // stride), -(-manifest.input.width // stride)
    return (((1, 5 + manifest.classes, rows, columns),),)


def decode(outputs: Sequence[F32], manifest: ModelManifest, threshold: float) -> Candidates:
    """score = objectness^0.6 x probability^0.4, the author's own weighting."""
    raw = outputs[0][0]
    _, rows, columns = raw.shape
    cells = raw.reshape(raw.shape[0], -1)
    objectness, person = cells[0], cells[5 + manifest.person_class]
    if manifest.scores == "logits":
        objectness, person = sigmoid(objectness), sigmoid(person)
    scores = np.maximum(objectness, 0) ** np.float32(0.6) * np.maximum(person, 0) ** np.float32(0.4)
    keep = np.flatnonzero(scores >= threshold)
    row, column = np.divmod(keep.astype(np.float32), np.float32(columns))
    box = cells[1:5, keep]
    width, height = manifest.input.width, manifest.input.height
    boxes = around(
        (column + np.tanh(box[0])) / columns * width,
        (row + np.tanh(box[1])) / rows * height,
        sigmoid(box[2]) * width,
        sigmoid(box[3]) * height,
    )
    return Candidates(boxes, scores[keep])
