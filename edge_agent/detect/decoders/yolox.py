"""YOLOX (Ge et al., 2021; Megvii's export without decode_in_inference).

One output (1, cells, 5 + classes): x, y offsets from the cell and log width, log height, all
in strides; objectness and class probabilities, already through the sigmoid.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_agent.detect.decoders.candidates import Candidates, Shape, around, grid, sigmoid
from edge_agent.detect.manifest import ModelManifest
from edge_agent.domain import F32

#: exp() of more than this is larger than any picture; keeps a broken file from overflowing.
_MAX_LOG_SIZE = 10.0


def output_shapes(manifest: ModelManifest) -> Sequence[tuple[Shape, ...]]:
    return (((1, sum(manifest.cells()), 5 + manifest.classes),),)


def decode(outputs: Sequence[F32], manifest: ModelManifest, threshold: float) -> Candidates:
    """score = objectness x person probability; those below `threshold` are left out."""
    raw = outputs[0][0]
    objectness, person = raw[:, 4], raw[:, 5 + manifest.person_class]
    if manifest.scores == "logits":
        objectness, person = sigmoid(objectness), sigmoid(person)
    scores = objectness * person
    keep = np.flatnonzero(scores >= threshold)
    column, row, stride = (axis[keep] for axis in grid(manifest))
    box = raw[keep]
    width, height = (np.exp(np.minimum(box[:, i], _MAX_LOG_SIZE)) * stride for i in (2, 3))
    boxes = around((box[:, 0] + column) * stride, (box[:, 1] + row) * stride, width, height)
    return Candidates(boxes, scores[keep])
