"""Channels of one tensor with one range, so that 8 bits serve all of them.

An activation has one scale for all its channels. Where one channel reaches 25 and another 1, the
small one knows ten values. Between two convolutions with nothing or a ReLU in between, a channel
may be divided by any positive number that the next convolution's weights are multiplied by: the
network answers the same (Nagel et al., Data-Free Quantization, 2019, chapter 4.1, with ranges
measured instead of derived).
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from models.training.augment import F32

#: No channel is enlarged more than this: one that is hardly used would be all noise.
_MOST = 64.0
#: What is evened out in an output is uneven in the next weights, whose bits are fewer: half of it,
#: in logarithms. (With 1 a few scores came out very wrong.)
_POWER = 0.5
#: A channel's range is its greatest value in all but this share of the pictures.
_ODD_PICTURES = 0.02


@dataclass(frozen=True, slots=True)
class Seam:
    """A tensor that `before` writes (through a ReLU, maybe) and nothing but `after` reads."""

    before: onnx.NodeProto
    tensor: str
    after: onnx.NodeProto


def seams(model: onnx.ModelProto) -> Iterator[Seam]:
    """Every place between two convolutions where channels may be scaled."""
    readers: defaultdict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in model.graph.node:
        for name in node.input:
            readers[name].append(node)
    for node in model.graph.node:
        if node.op_type != "Conv":
            continue
        tensor = node.output[0]
        if [reader.op_type for reader in readers[tensor]] == ["Relu"]:
            tensor = readers[tensor][0].output[0]
        if [reader.op_type for reader in readers[tensor]] == ["Conv"]:
            yield Seam(node, tensor, readers[tensor][0])


def is_depthwise(node: onnx.NodeProto) -> bool:
    return any(each.name == "group" and each.i > 1 for each in node.attribute)


def ranges(
    model: onnx.ModelProto, tensors: Sequence[str], inputs: Iterable[dict[str, Any]]
) -> list[F32]:
    """Of each tensor the greatest absolute value of every channel, over these inputs."""
    watched = copy.deepcopy(model)
    for tensor in tensors:
        watched.graph.output.append(helper.make_empty_tensor_value_info(tensor))
    session = onnxruntime.InferenceSession(
        watched.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    seen: list[list[F32]] = [[] for _ in tensors]
    for each in inputs:
        for values, most in zip(session.run(list(tensors), each), seen, strict=True):
            most.append(np.abs(values).max((0, 2, 3)))
    return [np.quantile(np.stack(most), 1 - _ODD_PICTURES, axis=0) for most in seen]


def equalised(model: onnx.ModelProto, inputs: Iterable[dict[str, Any]]) -> onnx.ModelProto:
    """The same network with channels half as uneven (_POWER). `inputs`: what calibration feeds it,
    name to array."""
    places = list(seams(model))
    result = copy.deepcopy(model)
    kept = {weight.name: weight for weight in result.graph.initializer}

    def multiply(name: str, factors: F32) -> None:
        values = numpy_helper.to_array(kept[name])
        kept[name].CopyFrom(numpy_helper.from_array((values * factors).astype(np.float32), name))

    for seam, most in zip(places, ranges(model, [s.tensor for s in places], inputs), strict=True):
        share = np.maximum(most / most.max(), 1 / _MOST) ** _POWER
        for name in seam.before.input[1:]:  # weights and, where there are any, biases
            multiply(name, (1 / share).reshape(-1, *[1] * (len(kept[name].dims) - 1)))
        shape = (-1, 1, 1, 1) if is_depthwise(seam.after) else (1, -1, 1, 1)
        multiply(seam.after.input[1], share.reshape(shape))
    return result
