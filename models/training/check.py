"""A quick look at a network while it trains; `edge-agent models eval` judges the exported file."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from edge_agent.detect.evaluation import LabelledFrame, evaluate
from edge_agent.detect.nms import suppress
from models.training.augment import F32, U8
from models.training.loss import cell_centres, corners
from models.training.network import PersonNet
from models.training.shards import read_shards

#: Side of the square input: the stills have 264.
_SIDE = 256


@functools.cache
def _stills(shard: Path) -> tuple[U8, list[F32]]:
    images, boxes = read_shards([shard])
    return images[:, 4 : 4 + _SIDE, 4 : 4 + _SIDE], [rows[:, :4] - 4 for rows in boxes]


@torch.no_grad()
def quality(net: PersonNet, shard: Path, *, limit: int) -> dict[str, float]:
    """AP@0.5 and recall at 1 and .1 false positives per image, on every n-th still."""
    images, boxes = _stills(shard)
    device = next(net.parameters()).device
    points, strides = cell_centres(_SIDE, _SIDE, device)
    frames = []
    every = max(1, len(images) // limit)
    for index in range(0, len(images), every):
        pixels = torch.from_numpy(np.ascontiguousarray(images[index].transpose(2, 0, 1)))
        distances, logits = net(pixels[None].float().to(device))
        found = corners(distances, points, strides)[0]
        frames.append(_frame(boxes[index], found, logits[0].sigmoid()))
    result = evaluate(frames)
    return {"ap": result.ap, "r1": result.recall_at_1, "r01": result.recall_at_01}


def _frame(truth: F32, boxes: Tensor, scores: Tensor) -> LabelledFrame:
    keep = scores > 0.02
    found, sure = boxes[keep].cpu().numpy(), scores[keep].cpu().numpy()
    order = suppress(found, sure, 0.5)
    return LabelledFrame(truth, found[order], sure[order])
