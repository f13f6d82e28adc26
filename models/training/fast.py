"""Training on CPU cores, some twice as fast: each layer as one step, in bfloat16.

PyTorch trains a depthwise convolution on a CPU at a tenth of what the core can do, and reads and
writes each layer's values eight times for its normalisation. `fast.cpp` does a layer's convolution,
normalisation and ReLU together; it needs a C++ compiler, and is built at the first use.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import cpp_extension

from models.training.network import Conv, PersonNet


@functools.cache
def _built() -> Any:
    return cpp_extension.load(
        "edge_person_fast",
        [str(Path(__file__).with_name("fast.cpp"))],
        extra_cflags=["-O3", "-march=native", "-ffast-math", "-std=c++20"],
    )


def pays() -> bool:
    """Whether this processor multiplies bfloat16. Without that, PyTorch does it at a twentieth of
    its speed with floats, and its own layers are faster than these."""
    known = torch.cpu.get_capabilities()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def made_fast(net: PersonNet) -> PersonNet:
    """The same network, whose layers learn by `fast.cpp`; its weights stay where they are."""
    for module in net.modules():
        if isinstance(module, Conv):
            module.forward = functools.partial(_layer, module)  # type: ignore[method-assign]
        elif isinstance(module, nn.Conv2d) and module.bias is not None:
            module.register_forward_pre_hook(_in_floats)
    return net


def _layer(conv: Conv, x: Tensor) -> Tensor:
    kernel, normal = conv[0], conv[1]
    assert isinstance(kernel, nn.Conv2d)
    assert isinstance(normal, nn.BatchNorm2d)
    learnt: Tensor = _built().layer(
        x,
        kernel.weight,
        normal.weight,
        normal.bias,
        normal.running_mean,
        normal.running_var,
        kernel.stride[0],
        len(conv) > 2,
        normal.momentum,
        normal.eps,
    )
    return learnt


def _in_floats(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(value.float() for value in inputs)
