"""A quick look at a network while it trains; benchmarks/left_out.py judges the exported file.

Only sources that are left out of training are looked at.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from edge_agent.detect.evaluation import LabelledFrame, evaluate
from edge_agent.detect.nms import suppress
from models.training import teacher
from models.training.augment import F32, U8
from models.training.collect import read_pictures
from models.training.loss import cell_centres, corners
from models.training.network import PersonNet
from models.training.sources import Label
from models.training.truth import truth_file

#: Side of the square input.
_SIDE = 320
_TOLD = 0.5


@functools.cache
def _stills(shard: Path, limit: int) -> list[tuple[U8, F32]]:
    """Every n-th picture, drawn into the corner of the input, and its people."""
    kept = truth_file(shard)
    pictures = list(read_pictures(shard))
    truth = teacher.load(kept) if kept.exists() else [np.zeros((0, 5), np.float32)] * len(pictures)
    stills = []
    for (_, bgr), boxes in list(zip(pictures, truth, strict=True))[:: max(1, len(truth) // limit)]:
        scale = _SIDE / max(bgr.shape[:2])
        small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        canvas: U8 = np.full((_SIDE, _SIDE, 3), 114, np.uint8)
        canvas[: small.shape[0], : small.shape[1]] = small[:_SIDE, :_SIDE]
        stills.append((canvas, boxes[:, :4] * scale))
    return stills


@torch.no_grad()
def quality(
    net: PersonNet, left_out: Sequence[tuple[Path, Label]], *, limit: int
) -> dict[str, float]:
    """AP@0.5 where people are labelled by hand; share of pictures without people told at .5."""
    with_people: list[LabelledFrame] = []
    empty = told = 0
    for shard, label in left_out:
        if not shard.exists():
            continue
        if truth_file(shard).exists():
            with_people += [_frame(net, *still) for still in _stills(shard, limit)]
        elif label == "empty":
            scores = [_frame(net, *still).scores for still in _stills(shard, limit)]
            told += sum(bool((s > _TOLD).any()) for s in scores)
            empty += len(scores)
    result = evaluate(with_people)
    return {
        "ap": round(result.ap, 4),
        "r1": round(result.recall_at_1, 4),
        "r01": round(result.recall_at_01, 4),
        "empty_told": round(told / max(1, empty), 4),
    }


def _frame(net: PersonNet, picture: U8, truth: F32) -> LabelledFrame:
    device = next(net.parameters()).device
    points, strides = cell_centres(_SIDE, _SIDE, device)
    pixels = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))
    distances, logits = net(pixels[None].float().to(device))
    boxes: Tensor = corners(distances, points, strides)[0]
    scores = logits[0].sigmoid()
    keep = scores > 0.02
    found, sure = boxes[keep].cpu().numpy(), scores[keep].cpu().numpy()
    order = suppress(found, sure, 0.5)
    return LabelledFrame(truth, found[order], sure[order])
