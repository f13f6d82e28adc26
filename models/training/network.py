"""The network: a small fully convolutional person detector for one CPU core.

    picture -> stem /4 -> stage /8 -> stage /16 -> stage /32     inverted residuals, 5x5 depthwise
                             |           |            |
                             P8  <----- P16 <------- P32         top-down, then bottom-up again
                             |           |            |
                           head         head         head        l, t, r, b, score per cell

Only convolutions with ReLU: they fuse into one operator in onnxruntime and quantise well.
Batch normalisation is folded into the convolutions on export.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

STRIDES = (8, 16, 32)
#: Prior probability of a cell to be positive (Lin et al., Focal Loss, 2017).
PRIOR = 0.01


class Conv(nn.Sequential):
    """Convolution, batch normalisation and, unless `linear`, ReLU."""

    def __init__(
        self,
        cin: int,
        cout: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        *,
        linear: bool = False,
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(cout, eps=1e-3, momentum=0.03),
        ]
        if not linear:
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class Block(nn.Module):
    """Inverted residual (Sandler et al., MobileNetV2, 2018) with a 5x5 depthwise kernel."""

    def __init__(self, cin: int, cout: int, expand: float, stride: int = 1) -> None:
        super().__init__()
        hidden = int(cin * expand)
        self.body = nn.Sequential(
            Conv(cin, hidden),
            Conv(hidden, hidden, 5, stride, groups=hidden, linear=True),
            Conv(hidden, cout, linear=True),
        )
        self.residual = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y if self.residual else y


class Mix(nn.Sequential):
    """Depthwise 5x5 and pointwise: the cheap 3x3 of neck and head."""

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__(Conv(cin, cin, 5, stride, groups=cin, linear=True), Conv(cin, cout))


class Neck(nn.Module):
    """Path aggregation by addition (Liu et al., PANet, 2018): all levels get `width` channels."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(Conv(c, width, linear=True) for c in channels)
        self.down16, self.down8 = Mix(width, width), Mix(width, width)
        self.step16, self.step32 = Mix(width, width, 2), Mix(width, width, 2)
        self.up16, self.up32 = Mix(width, width), Mix(width, width)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, c8: Tensor, c16: Tensor, c32: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        l8, l16, l32 = (lateral(c) for lateral, c in zip(self.lateral, (c8, c16, c32), strict=True))
        t16 = self.down16(l16 + self.upsample(l32))
        p8 = self.down8(l8 + self.upsample(t16))
        p16 = self.up16(t16 + self.step16(p8))
        p32 = self.up32(l32 + self.step32(p16))
        return p8, p16, p32


class Head(nn.Module):
    """Two branches: where the box ends (l, t, r, b in strides), and how sure."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.box = nn.Sequential(Mix(width, width), nn.Conv2d(width, 4, 1))
        self.score = nn.Sequential(Mix(width, width), nn.Conv2d(width, 1, 1))
        nn.init.constant_(self.box[-1].bias, 2.0)
        nn.init.constant_(self.score[-1].bias, -float(torch.log(torch.tensor(1 / PRIOR - 1))))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.box(x), self.score(x)


class PersonNet(nn.Module):
    """`forward`: float32 (batch, 3, h, w) BGR 0..255, sides multiples of 32.

    Returns distances (batch, cells, 4) in strides, before ReLU in no way bounded, and
    score logits (batch, cells); cells of stride 8 first, row-major.
    """

    def __init__(self, widths: Sequence[int], depths: Sequence[int], neck: int) -> None:
        super().__init__()
        w2, w4, w8, w16, w32 = widths
        d4, d8, d16, d32 = depths
        self.stem = nn.Sequential(
            Conv(3, w2, 3, 2), Conv(w2, w4, 3, 2), *(Block(w4, w4, 2) for _ in range(d4))
        )
        self.stage8 = nn.Sequential(Block(w4, w8, 3, 2), *(Block(w8, w8, 2) for _ in range(d8)))
        self.stage16 = nn.Sequential(
            Block(w8, w16, 3, 2), *(Block(w16, w16, 2) for _ in range(d16))
        )
        self.stage32 = nn.Sequential(
            Block(w16, w32, 3, 2), *(Block(w32, w32, 2) for _ in range(d32))
        )
        self.neck = Neck((w8, w16, w32), neck)
        self.heads = nn.ModuleList(Head(neck) for _ in STRIDES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.scaled(x * (1 / 128) - 1)

    def scaled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`forward` for pixels that are scaled to -1..1 already, as the agent hands them over."""
        c8 = self.stage8(self.stem(x))
        c16 = self.stage16(c8)
        levels = self.neck(c8, c16, self.stage32(c16))
        boxes, scores = [], []
        for head, level in zip(self.heads, levels, strict=True):
            box, score = head(level)
            boxes.append(box.flatten(2).transpose(1, 2))
            scores.append(score.flatten(1))
        return torch.relu(torch.cat(boxes, 1)), torch.cat(scores, 1)


def grown(small: Mapping[str, Tensor], net: PersonNet) -> dict[str, Tensor]:
    """Weights for `net` that answer what the smaller network of the same shape answers.

    Old channels keep their weights and do not listen to new ones, new channels start at random,
    and new residual blocks start as zero (after Chen et al., Net2Net, 2016).
    """
    own = net.state_dict()
    weights = {}
    for name, fresh in own.items():
        value = fresh.clone()
        old = small.get(name)
        if old is None:
            # A new block: its last normalisation scales by zero, so it adds nothing yet.
            if name.endswith("body.2.1.weight"):
                value.zero_()
        elif old.ndim == 0:
            value.copy_(old)
        else:
            kept = tuple(slice(n) for n in old.shape)
            if old.ndim == 4:
                value[: old.shape[0]] = 0
            value[kept] = old.to(value.dtype)
        weights[name] = value
    return weights
