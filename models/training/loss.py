"""Which cell answers for which person, and how wrong it is.

Task-aligned assignment (Feng et al., TOOD, 2021): a label's cells are wanted to be as sure as the
overlap that their boxes reach, times how sure the label is. Where a teacher that looks at the same
picture is surer of a cell, its score and its box are wanted. Binary cross-entropy for scores, GIoU
(Rezatofighi et al., 2019) for boxes. Focal weights were tried: with them the background stays at .3
for epochs, and few false positives are the aim.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.training.augment import NOBODY, RARE
from models.training.network import STRIDES
from models.training.settings import LossSettings


def cell_centres(width: int, height: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(cells, 2) x, y in pixels, and (cells,) strides."""
    points, strides = [], []
    for stride in STRIDES:
        ys = (torch.arange(height // stride, device=device) + 0.5) * stride
        xs = (torch.arange(width // stride, device=device) + 0.5) * stride
        y, x = torch.meshgrid(ys, xs, indexing="ij")
        points.append(torch.stack((x.flatten(), y.flatten()), -1))
        strides.append(torch.full((x.numel(),), float(stride), device=device))
    return torch.cat(points), torch.cat(strides)


def corners(distances: Tensor, points: Tensor, strides: Tensor) -> Tensor:
    """(batch, cells, 4) distances in strides -> x1 y1 x2 y2 in pixels."""
    scaled = distances * strides[:, None]
    return torch.cat((points - scaled[..., :2], points + scaled[..., 2:]), -1)


def iou_and_giou(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Elementwise over broadcast (..., 4) boxes."""
    top, bottom = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    shared = (bottom - top).clamp(min=0).prod(-1)
    area_a = (a[..., 2:] - a[..., :2]).clamp(min=0).prod(-1)
    area_b = (b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1)
    union = area_a + area_b - shared + 1e-6
    iou = shared / union
    hull_top = torch.minimum(a[..., :2], b[..., :2])
    hull_bottom = torch.maximum(a[..., 2:], b[..., 2:])
    hull = (hull_bottom - hull_top).clamp(min=0).prod(-1) + 1e-6
    return iou, iou - (hull - union) / hull


class PersonLoss:
    """Sum of box and score loss per person of a batch."""

    def __init__(self, settings: LossSettings) -> None:
        self._s = settings

    def __call__(
        self, output: tuple[Tensor, Tensor], truth: Tensor, seen: Tensor, size: tuple[int, int]
    ) -> tuple[Tensor, dict[str, float]]:
        """`truth` (batch, m > 0, 6): x1 y1 x2 y2, how sure or which part (augment.py), 1: a box.

        `seen` (batch, cells, 5): what a teacher sees in this very picture, x1 y1 x2 y2 score.
        """
        distances, logits = output
        points, strides = cell_centres(*size, logits.device)
        boxes = corners(distances, points, strides)
        people = (truth[..., 4] > 0) & (truth[..., 5] > 0)
        labelled, owner = self._assign(
            boxes.detach(), logits.detach(), truth[..., :5], people, (points, strides)
        )
        score, weight = self._believed(seen[..., 4], truth, points)
        target = torch.maximum(labelled, score)
        total = target.sum().clamp(min=1.0)
        bce = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, target, weight, reduction="sum"
        )
        sure = target > self._s.boxes_from
        of_label = truth[..., :4].gather(1, owner[..., None].expand(-1, -1, 4))
        wanted = torch.where((labelled >= score)[..., None], of_label, seen[..., :4])
        _, giou = iou_and_giou(boxes[sure], wanted[sure])
        box = ((1 - giou) * target[sure]).sum()
        place = self._s.giou_weight * box / total
        learnable = float((bce.detach() - _entropy(target)) / total)
        return bce / total + place, {"score": learnable, "box": float(place.detach())}

    def _believed(self, score: Tensor, truth: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """The teacher's scores without those where nobody can be; what each cell weighs."""
        nobody, rare = (_within(points, truth, kind) for kind in (NOBODY, RARE))
        # Where people are rare a sure teacher is wrong or saw one of the few: not learnt.
        weight = (~(rare & (score >= self._s.rare))).float()
        return score.masked_fill(nobody | rare, 0.0), weight

    @torch.no_grad()
    def _assign(
        self,
        boxes: Tensor,
        logits: Tensor,
        truth: Tensor,
        people: Tensor,
        grid: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Per cell: target score (0: nobody), index of its person."""
        points, strides = grid
        iou, _ = iou_and_giou(boxes[:, None], truth[:, :, None, :4])  # batch, m, cells
        inside = self._inside(truth[..., :4], points, strides) & people[..., None]
        metric = logits.sigmoid()[:, None] ** self._s.score_power * iou**self._s.iou_power
        metric = metric.masked_fill(~inside, -1.0)
        k = min(self._s.cells_per_person, logits.shape[1])
        best = metric.topk(k, -1)
        chosen = torch.zeros_like(inside).scatter_(2, best.indices, best.values > -0.5)
        # A cell that several people want answers for the one it overlaps best.
        contested = torch.where(chosen, iou, torch.full_like(iou, -1.0))
        owner = contested.argmax(1)
        positive = chosen.any(1)
        mine = torch.zeros_like(chosen).scatter_(1, owner[:, None], True) & chosen
        metric = metric.clamp(min=0) * mine
        top_metric = metric.amax(-1, keepdim=True).clamp(min=1e-9)
        top_iou = (iou * mine).amax(-1, keepdim=True)
        target = (metric / top_metric * top_iou * truth[..., 4:]).amax(1)
        return target * positive, owner

    @staticmethod
    def _inside(truth: Tensor, points: Tensor, strides: Tensor) -> Tensor:
        """Is the cell's centre in the box? Boxes smaller than a cell are grown to one."""
        centre = (truth[..., :2] + truth[..., 2:]) / 2
        half = (truth[..., 2:] - truth[..., :2]) / 2
        reach = torch.maximum(half[:, :, None], (strides * 0.6)[None, None, :, None])
        away = (points[None, None] - centre[:, :, None]).abs()
        # A grown box is for the finest grid only: elsewhere small people do not belong.
        grown = (half[:, :, None] < (strides * 0.6)[None, None, :, None]).any(-1)
        return (away <= reach).all(-1) & (~grown | (strides == STRIDES[0]))


def _within(points: Tensor, truth: Tensor, kind: float) -> Tensor:
    box = truth[:, :, None, :4]
    inside = ((points >= box[..., :2]) & (points <= box[..., 2:])).all(-1)
    wanted = (truth[..., 4] == kind) & (truth[..., 5] > 0)
    return (inside & wanted[..., None]).any(1)


def _entropy(target: Tensor) -> Tensor:
    """What no student can learn: the least that the cross-entropy can be."""
    return (torch.special.entr(target) + torch.special.entr(1 - target)).sum()
