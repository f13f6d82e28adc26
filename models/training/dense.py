"""What a teacher answers in every cell, of the very picture that the student learns from.

Boxes alone say little of a picture; a teacher with the student's strides says in each cell how sure
it is, and where that person ends (dense distillation: Hinton et al., 2015; Chen et al., NIPS 2017).
The teacher sees the picture before the camera's noise, night and blur are drawn; the student after.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from models.training.augment import F32, U8

STRIDES = (8, 16, 32)


def open_sides(model: onnx.ModelProto) -> onnx.ModelProto:
    """A fully convolutional model of one fixed picture, made to take any number of any size."""
    shape = model.graph.input[0].type.tensor_type.shape
    for place, name in ((0, "n"), (2, "h"), (3, "w")):
        shape.dim[place].dim_param = name
    reshaped = {node.input[1] for node in model.graph.node if node.op_type == "Reshape"}
    for constant in model.graph.initializer:
        if constant.name in reshaped:
            wanted = onnx.numpy_helper.to_array(constant).copy()
            wanted[0] = 0  # as many as come in
            constant.CopyFrom(onnx.numpy_helper.from_array(wanted, constant.name))
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    return model


class DenseTeacher:
    """A YOLOX network (its raw output: x, y, w, h, object, classes); owned by one process."""

    def __init__(self, path: Path, person_class: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        model = open_sides(onnx.load(path)).SerializeToString()
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._name = self._session.get_inputs()[0].name
        self._person = 5 + person_class

    def look(self, pictures: U8) -> F32:
        """uint8 BGR (n, 3, h, w), sides multiples of 32 -> float32 (n, cells, 5).

        x1 y1 x2 y2 in pixels and the score; cells of stride 8 first, row-major.
        """
        (raw,) = self._session.run(None, {self._name: pictures.astype(np.float32)})
        corner, stride = _grid(pictures.shape[3], pictures.shape[2])
        centre = (raw[..., :2] + corner) * stride
        half = np.exp(raw[..., 2:4].clip(max=8)) * stride / 2
        score = raw[..., 4] * raw[..., self._person]
        seen: F32 = np.concatenate((centre - half, centre + half, score[..., None]), -1)
        return seen.astype(np.float32)


def _grid(width: int, height: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(cells, 2) column and row of each cell, and (cells, 1) strides."""
    corners, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        corners.append(np.column_stack((columns.ravel(), rows.ravel())))
        strides.append(np.full((rows.size, 1), stride))
    return np.concatenate(corners).astype(np.float32), np.concatenate(strides).astype(np.float32)
