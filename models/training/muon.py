"""Muon: the step of a matrix is made orthogonal (Jordan et al., 2024; scale by Liu et al., 2025).

Convolutions that mix channels are matrices (out, in x kernel). A step that is as long in every
direction teaches the rare ones as well as the common ones. What has no such matrix (depthwise
kernels, normalisation, the heads' last layers) is AdamW's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, distributed, nn

#: Of the quintic iteration; after five steps all singular values lie in .7 to 1.2.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_STEPS = 5


def orthogonal(step: Tensor) -> Tensor:
    """float32 (rows, columns): the nearest matrix whose singular values are all about 1."""
    tall = step.shape[0] > step.shape[1]
    x = step.T if tall else step
    x = x / (x.norm() + 1e-7)
    for _ in range(_STEPS):
        square = x @ x.T
        x = _A * x + (_B * square + _C * square @ square) @ x
    return x.T if tall else x


def is_matrix(module: nn.Module) -> bool:
    """Mixes this layer channels, and does it not end a head?"""
    return isinstance(module, nn.Conv2d) and module.groups == 1 and module.out_channels > 4


class Muon(torch.optim.Optimizer):
    """A rate that suits AdamW suits it: steps are scaled to AdamW's usual length.

    Processes that learn together share the work: each makes every n-th step.
    """

    def __init__(
        self, kernels: Iterable[Tensor], lr: float, weight_decay: float, momentum: float = 0.95
    ) -> None:
        super().__init__(kernels, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        assert closure is None
        for group in self.param_groups:
            kernels = [kernel for kernel in group["params"] if kernel.grad is not None]
            towards = [self._towards(kernel, group["momentum"]) for kernel in kernels]
            for kernel, step in zip(kernels, _shared(towards), strict=True):
                kernel.mul_(1 - group["lr"] * group["weight_decay"])
                length = 0.2 * max(step.shape) ** 0.5
                kernel.add_(step.view_as(kernel), alpha=-group["lr"] * length)

    def _towards(self, kernel: Tensor, momentum: float) -> Tensor:
        """Nesterov's momentum, (out, in x kernel)."""
        state, gradient = self.state[kernel], kernel.grad
        assert gradient is not None
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        kept: Tensor = state["momentum"]
        kept.lerp_(gradient, 1 - momentum)
        return gradient.lerp(kept, momentum).flatten(1)


def _shared(towards: list[Tensor]) -> list[Tensor]:
    """Each made orthogonal, by one of the processes."""
    together = distributed.is_initialized()
    mine, all_of_us = (distributed.get_rank(), distributed.get_world_size()) if together else (0, 1)
    by_size = sorted(range(len(towards)), key=lambda i: (towards[i].numel(), i))
    steps = [torch.zeros_like(step) for step in towards]
    for i in by_size[mine::all_of_us]:
        steps[i] = orthogonal(towards[i])
    if not together:
        return steps
    flat = torch.cat([step.flatten() for step in steps])
    distributed.all_reduce(flat)
    parts = flat.split([step.numel() for step in steps])
    return [part.view_as(step) for part, step in zip(parts, steps, strict=True)]
