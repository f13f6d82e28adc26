"""A tiny real network: a person is a red square of 32 pixels on its grid, and nothing else is."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from edge_agent.detect import ModelInput, ModelManifest, ResolvedModel, manifest_text

CELL = 32


def red_cells(
    path: Path, width: int = 128, height: int = 64, *, fixed: bool = False, named: bool = False
) -> Path:
    """Decoder `point` with one stride.

    `fixed`: an operator of it knows the size. `named`: the input's sides have names instead.
    """
    cells = (width // CELL) * (height // CELL)
    # Blue, green, red: a cell's score is its redness; it reaches half a stride each way.
    weights = np.zeros((5, 3, 1, 1), np.float32)
    weights[4, :, 0, 0] = (-1 / 255, -1 / 255, 1 / 255)
    bias = np.array([0.5, 0.5, 0.5, 0.5, 0], np.float32)
    shape = np.array([1, 5, cells if fixed else -1], np.int64)
    constants = {"weights": weights, "bias": bias, "shape": shape}
    nodes = [
        helper.make_node(
            "Constant", [], [name], value=helper.make_tensor(name, _kind(a), a.shape, a.ravel())
        )
        for name, a in constants.items()
    ]
    nodes += [
        helper.make_node(
            "AveragePool", ["images"], ["cells"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]
        ),
        helper.make_node("Conv", ["cells", "weights", "bias"], ["raw"]),
        helper.make_node("Reshape", ["raw", "shape"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["output"], perm=[0, 2, 1]),
    ]
    sides = ("height", "width") if named else (height, width)
    graph = helper.make_graph(
        nodes,
        "red",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, *sides))],
        [
            helper.make_tensor_value_info(
                "output", TensorProto.FLOAT, (1, None if named else cells, 5)
            )
        ],
        value_info=[]
        if named
        else [helper.make_tensor_value_info("rows", TensorProto.FLOAT, (1, 5, cells))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def installed(folder: Path, name: str = "red", **changes: object) -> ResolvedModel:
    """The network and its manifest in a folder of models."""
    fixed, named = bool(changes.pop("fixed", False)), bool(changes.pop("named", False))
    spec = changes.setdefault("input", ModelInput(width=128, height=64, pad=0))
    assert isinstance(spec, ModelInput)
    path = red_cells(folder / f"{name}.onnx", spec.width, spec.height, fixed=fixed, named=named)
    data = path.read_bytes()
    fields: dict[str, object] = {
        "name": name,
        "file": path.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "licence": "Apache-2.0",
        "decoder": "point",
        "strides": (CELL,),
        "candidate_threshold": 0.1,
        "confirm_threshold": 0.5,
    }
    manifest = ModelManifest(**(fields | changes))  # type: ignore[arg-type]
    (folder / f"{name}.toml").write_bytes(manifest_text(manifest))
    return ResolvedModel(manifest, path)


def _kind(array: np.ndarray) -> int:
    return TensorProto.INT64 if array.dtype == np.int64 else TensorProto.FLOAT
