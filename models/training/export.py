"""A trained network as an ONNX file, with the manifest that describes it.

    python -m models.training.export RUN/checkpoint.pt models/edge-person.onnx
    python -m models.training.export RUN/checkpoint.pt out.onnx --size 320x192 --weights out.pt

Without --size, height and width stay open (multiples of 32): one file serves every input size
of the ladder. Weights are stored as float16, which onnxruntime turns into float32 once, when it
loads the file: half the bytes, the same arithmetic. --weights keeps what `train --init` needs to
go on from here (an ONNX file has its normalisation folded away).
"""

from __future__ import annotations

import argparse
import copy
import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from models.training.network import Conv, PersonNet
from models.training.settings import Settings

#: Older onnxruntime releases (1.20) read it, and nothing newer is needed.
_OPSET = 17
#: Smaller tensors (biases) stay float32: they are few and sum up.
_HALF_FROM = 64


class Exported(nn.Module):
    """Input (1, 3, h, w) already scaled to -1..1; output (1, cells, 5): l t r b, probability."""

    def __init__(self, net: PersonNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        boxes, logits = self.net.scaled(x)
        return torch.cat((boxes, torch.sigmoid(logits).unsqueeze(-1)), -1)


def load_average(path: Path) -> tuple[PersonNet, Settings]:
    """The averaged network of a checkpoint, in evaluation mode, and what it was trained with."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    settings = msgspec.json.decode(state["settings"], type=Settings)
    how = settings.network
    net = PersonNet(how.widths, how.depths, how.neck)
    net.load_state_dict(state["average"])
    return net.eval(), settings


def folded(net: PersonNet) -> PersonNet:
    """Batch normalisation moved into the convolutions before it."""
    net = copy.deepcopy(net)
    for module in net.modules():
        if isinstance(module, Conv):
            module[0] = torch.nn.utils.fuse_conv_bn_eval(module[0], module[1])
            module[1] = nn.Identity()
    return net


def export(net: PersonNet, target: Path, size: tuple[int, int] | None) -> None:
    """Write the file; `size` is (width, height), None leaves both open."""
    width, height = size or (416, 256)
    torch.onnx.export(
        Exported(folded(net)).eval(),
        (torch.zeros(1, 3, height, width),),
        str(target),
        input_names=["picture"],
        output_names=["people"],
        dynamic_axes=None if size else {"picture": {2: "height", 3: "width"}, "people": {1: "n"}},
        opset_version=_OPSET,
        dynamo=False,
    )
    model = onnx.load(target)
    store_half(model)
    model.producer_name, model.producer_version = "edge-agent", ""
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)


def store_half(model: onnx.ModelProto) -> None:
    """Keep large weights as float16 with a Cast that is folded away on loading."""
    graph = model.graph
    casts = []
    for weight in graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < _HALF_FROM:
            continue
        values = numpy_helper.to_array(weight).astype(np.float16)
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)


def keep_weights(net: PersonNet, settings: Settings, target: Path) -> None:
    """The averaged weights in half precision."""
    state = {
        name: value.half() if value.dtype.is_floating_point and value.ndim > 1 else value
        for name, value in net.state_dict().items()
    }
    torch.save({"settings": msgspec.json.encode(settings).decode(), "average": state}, target)


def size_of(text: str) -> tuple[int, int]:
    """WxH. Raises ValueError for sides that are no multiples of 32."""
    width, height = (int(side) for side in text.lower().split("x"))
    if width % 32 or height % 32 or width < 32 or height < 32:
        raise ValueError(f"{text}: both sides must be multiples of 32")
    return width, height


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--size", type=size_of, metavar="WxH")
    parser.add_argument("--weights", type=Path, metavar="FILE")
    options = parser.parse_args()
    net, settings = load_average(options.checkpoint)
    export(net, options.target, options.size)
    if options.weights:
        keep_weights(net, settings, options.weights)
    data = options.target.read_bytes()
    print(f"{settings.name}: {sum(p.numel() for p in net.parameters())} parameters")
    print(f'sha256 = "{hashlib.sha256(data).hexdigest()}"\nbytes = {len(data)}')


if __name__ == "__main__":
    main()
