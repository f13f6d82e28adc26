"""int8 by static quantisation (QDQ), calibrated on the training stills.

    python -m models.training.quantise models/edge-person.onnx out.onnx --data SHARDS

Activations get 8 bits by the 99.99th percentile, weights 7 bits per channel. The last
convolutions (box and score) stay float32: their range decides what a threshold means.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from models.training.augment import U8
from models.training.shards import read_shards


class _Stills(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, images: U8, width: int, height: int) -> None:
        self._left = iter(images)
        self._size = (width, height)

    def get_next(self) -> dict[str, Any] | None:
        image = next(self._left, None)
        if image is None:
            return None
        drawn = cv2.resize(image, self._size, interpolation=cv2.INTER_LINEAR)
        pixels = drawn.transpose(2, 0, 1)[None].astype(np.float32) / 128 - 1
        return {"picture": pixels}


def restored(model: onnx.ModelProto) -> onnx.ModelProto:
    """float16 weights as float32 again: the quantiser knows no Cast."""
    casts = {node.output[0]: node for node in model.graph.node if node.op_type == "Cast"}
    for weight in model.graph.initializer:
        name = weight.name.removesuffix(".half")
        if weight.name.endswith(".half"):
            values = numpy_helper.to_array(weight).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(values, name))
            model.graph.node.remove(casts[name])
    return model


def last_convolutions(model: onnx.ModelProto) -> list[str]:
    """Those with one or four output channels."""
    dims = {weight.name: list(weight.dims) for weight in model.graph.initializer}
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "Conv" and dims[node.input[1]][0] in (1, 4)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of person-train-*.zip")
    parser.add_argument("--images", type=int, default=200)
    options = parser.parse_args()
    images, _ = read_shards([options.data / "person-train-0.zip"])
    plain = options.target.with_suffix(".float.onnx")
    onnx.save(restored(onnx.load(options.source)), plain)
    quant_pre_process(str(plain), str(plain), skip_symbolic_shape=True)
    every = max(1, len(images) // options.images)
    quantize_static(
        str(plain),
        str(options.target),
        _Stills(images[::every], 416, 256),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        # 7 bits of weights: with 8, sums overflow on x86 without VNNI, and boxes would differ
        # from one machine to the next.
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.Percentile,
        nodes_to_exclude=last_convolutions(onnx.load(plain)),
        extra_options={"CalibPercentile": 99.99},
    )
    plain.unlink()


if __name__ == "__main__":
    main()
