"""What every decoder returns, and the grid arithmetic they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.detect.manifest import ModelManifest
from edge_agent.domain import F32

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Persons before suppression.

    `boxes`: float32 (n, 4), x1 y1 x2 y2 in pixels of the network's input, not clipped.
    `scores`: float32 (n,), 0..1.
    """

    boxes: F32
    scores: F32

    def __post_init__(self) -> None:
        if self.boxes.shape != (len(self.scores), 4):
            raise ValueError(f"{self.boxes.shape} boxes for {self.scores.shape} scores")

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class OutputDecoder:
    """`output_shapes` lists the accepted sets of output shapes, batch included."""

    output_shapes: Callable[[ModelManifest], Sequence[tuple[Shape, ...]]]
    decode: Callable[[Sequence[F32], ModelManifest, float], Candidates]


def grid(manifest: ModelManifest) -> tuple[F32, F32, F32]:
    """Column, row and stride of every cell, strides in the manifest's order, rows first.

    Three float32 arrays of shape (cells,).
    """
    columns, rows, strides = [], [], []
    for stride in manifest.strides:
        nx, ny = -(-manifest.input.width // stride), -(-manifest.input.height // stride)
        row, column = np.divmod(np.arange(nx * ny, dtype=np.float32), np.float32(nx))
        columns.append(column)
        rows.append(row)
        strides.append(np.full(nx * ny, stride, np.float32))
    return np.concatenate(columns), np.concatenate(rows), np.concatenate(strides)


def sigmoid(values: F32) -> F32:
    """Logistic function without overflow warnings for large negative values."""
    result: F32 = (0.5 * (1.0 + np.tanh(0.5 * values))).astype(np.float32)
    return result


def softmax_expectation(logits: F32) -> F32:
    """Expected bin of (n, 4, bins) logits as (n, 4): the distances of distribution focal loss.

    Li et al., Generalized Focal Loss, 2020.
    """
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    powers /= powers.sum(axis=-1, keepdims=True)
    expected: F32 = powers @ np.arange(logits.shape[-1], dtype=np.float32)
    return expected


def around(centre_x: F32, centre_y: F32, width: F32, height: F32) -> F32:
    """(n, 4) corners of boxes given by centre and size."""
    half_w, half_h = width / 2, height / 2
    corners = (centre_x - half_w, centre_y - half_h, centre_x + half_w, centre_y + half_h)
    boxes: F32 = np.stack(corners, axis=-1).astype(np.float32)
    return boxes
