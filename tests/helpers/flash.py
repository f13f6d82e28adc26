"""A person made of light: the smallest detector and clip that drive the whole agent.

The network is a real ONNX file: one person in the middle of every bright picture, nobody in a
dark one. The clip flashes. So a real agent has real person events within a second.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 64
FPS = 5
PERIOD_S = 1.6  # of the clip, by default: long enough for the light to be called steady again
_STRIDES = (8, 16, 32)
_CELLS = sum((SIDE // stride) ** 2 for stride in _STRIDES)

MANIFEST = """
name = "{name}"
file = "{name}.onnx"
sha256 = "{sha}"
bytes = {size}
licence = "Apache-2.0"
decoder = "yolox"
strides = [8, 16, 32]
classes = {classes}
candidate_threshold = 0.3
confirm_threshold = 0.5
[input]
width = {side}
height = {side}
"""


def model(folder: Path, name: str = "flash", *, classes: int = 1) -> Path:
    """The ONNX file, its manifest beside it. `classes` other than 1: a manifest that lies."""
    base = np.zeros((1, _CELLS, 6), np.float32)
    # The cell of the middle at stride 8: a box of 16 x 40 px.
    base[0, 4 * 8 + 4] = (0.0, 0.0, np.log(2.0), np.log(5.0), 1.0, 0.0)
    mask = np.zeros_like(base)
    mask[0, 4 * 8 + 4, 5] = 0.9
    constants = {"base": base, "mask": mask, "bright": np.float32(128.0)}
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Greater", ["mean", "bright"], ["day"]),
        helper.make_node("Cast", ["day"], ["score"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["mask", "score"], ["scored"]),
        helper.make_node("Add", ["base", "scored"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, SIDE, SIDE))],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, base.shape)],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    data = proto.SerializeToString()
    onnx.checker.check_model(proto)
    path = folder / f"{name}.onnx"
    path.write_bytes(data)
    sha = hashlib.sha256(data).hexdigest()
    text = MANIFEST.format(name=name, sha=sha, size=len(data), classes=classes, side=SIDE)
    path.with_suffix(".toml").write_text(text)
    return path


def clip(
    path: Path,
    *,
    bright_s: float = 0.8,
    dark_s: float = 0.8,
    rounds: int = 1,
    dark_first: bool = False,
    seed: int = 3,
) -> Path:
    """`rounds` times light and dark, 64x64 at 5 fps, every picture a key picture. Another `seed`
    gives the same clip with other bytes."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (SIDE, SIDE))
    random = np.random.default_rng(seed)
    for _ in range(rounds):
        halves = ((200, bright_s), (40, dark_s))
        for level, seconds in reversed(halves) if dark_first else halves:
            for _ in range(round(seconds * FPS)):
                noise = random.integers(-3, 4, (SIDE, SIDE, 3))
                writer.write((level + noise).astype(np.uint8))
    writer.release()
    return path


def settings(model_path: Path) -> str:
    """Tables for agent.toml: this model, one look is sure, one event per flash."""
    return (
        f'[detector]\nmodel = "{model_path}"\n'
        "[defaults.person]\nconfirm_looks = 1\nlost_after_s = 0.5\ncooldown_s = 0\n"
    )


def camera(clip_path: Path, *, loop: bool = True) -> str:
    """Text of a cameras.d/ file."""
    return f'[source]\nkind = "file"\npath = "{clip_path}"\nloop = {str(loop).lower()}\n'
