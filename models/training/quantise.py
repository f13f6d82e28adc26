"""int8 by static quantisation (QDQ), calibrated on training pictures.

    python -m models.training.quantise models/edge-person.onnx out.onnx --data DATA

Channels are made even first (equalise.py). Activations get 8 bits by the 99.99th percentile,
weights 7 bits per channel, those of depthwise convolutions 8. The last convolutions (box and score)
and what follows them stay float32: what a threshold means is decided there. Of cells that score
more than .05 on left-out sources the logit was .162 off (root of the mean square; the network of 27
November 2026), .184 without even channels and with 7 bits throughout, .123 by the weights' 7 bits
alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
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
from models.training.collect import read_pictures
from models.training.equalise import equalised, is_depthwise

#: What the shipped detector looks at, at most: width, height.
_SIZE = (448, 384)


class _Stills(CalibrationDataReader):  # type: ignore[misc]
    """Whole pictures in their own aspect, in the corner of one input size (the calibrator wants
    activations of one shape)."""

    def __init__(self, pictures: Iterable[U8], size: tuple[int, int] = _SIZE) -> None:
        self._left, (self._width, self._height) = iter(pictures), size

    def get_next(self) -> dict[str, Any] | None:
        image = next(self._left, None)
        if image is None:
            return None
        scale = min(self._width / image.shape[1], self._height / image.shape[0])
        drawn = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        canvas = np.full((self._height, self._width, 3), 114, np.float32)
        canvas[: drawn.shape[0], : drawn.shape[1]] = drawn[: self._height, : self._width]
        return {"picture": canvas.transpose(2, 0, 1)[None] / 128 - 1}


def calibration(data: Path, count: int) -> list[U8]:
    """As many pictures of each training shard, evenly spread: never of one that is left out."""
    shards = sorted(data.glob("train-*.zip"))
    each = max(1, count // max(1, len(shards)))
    chosen: list[U8] = []
    for shard in shards:
        pictures = [bgr for _, bgr in read_pictures(shard)]
        chosen += pictures[:: max(1, len(pictures) // each)][:each]
    return chosen


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


def after_the_neck(model: onnx.ModelProto) -> list[str]:
    """The last convolutions (those with one or four output channels), and all that follows them.

    Quantised together, distances of up to thirty strides and scores of at most one would share
    one scale, and a score would know sixteen values.
    """
    dims = {weight.name: list(weight.dims) for weight in model.graph.initializer}
    reached: set[str] = set()
    names = []
    for node in model.graph.node:  # in the order of computing
        last = node.op_type == "Conv" and dims[node.input[1]][0] in (1, 4)
        if last or reached & set(node.input):
            reached |= set(node.output)
            names.append(node.name)
    return names


def finer(model: onnx.ModelProto, floating: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """8 bits for the weights of depthwise convolutions: their products are summed one by one."""
    whole = {"quant_type": QuantType.QInt8, "reduce_range": False, "axis": 0}
    quantised = (node for node in model.graph.node if node.name not in floating)
    return {n.input[1]: [whole] for n in quantised if n.op_type == "Conv" and is_depthwise(n)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="what collect wrote")
    parser.add_argument("--images", type=int, default=80)
    options = parser.parse_args()
    plain = options.target.with_suffix(".float.onnx")
    onnx.save(restored(onnx.load(options.source)), plain)
    quant_pre_process(str(plain), str(plain), skip_symbolic_shape=True)
    pictures = calibration(options.data, options.images)
    even = equalised(onnx.load(plain), iter(_Stills(pictures).get_next, None))
    onnx.save(even, plain)
    floating = after_the_neck(even)
    quantize_static(
        str(plain),
        str(options.target),
        _Stills(pictures),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        # 7 bits of weights: with 8, sums of pairs overflow on x86 without VNNI (AP .263), and boxes
        # would differ from one machine to the next.
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.Percentile,
        nodes_to_exclude=floating,
        extra_options={"CalibPercentile": 99.99, "TensorQuantOverrides": finer(even, floating)},
    )
    plain.unlink()


if __name__ == "__main__":
    main()
