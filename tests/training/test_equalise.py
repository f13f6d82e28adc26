"""Channels of one range: the same answers, and small channels that 8 bits still tell apart."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs models/training/requirements.txt")
pytest.importorskip("torch", reason="needs models/training/requirements.txt")

import onnxruntime  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from models.training.equalise import equalised, ranges, seams  # noqa: E402
from models.training.quantise import finer  # noqa: E402


@pytest.fixture
def block():
    """A convolution whose channels differ a hundredfold, ReLU, depthwise, and back."""
    rng = np.random.default_rng(5)
    weights = {
        "wide": rng.normal(size=(6, 3, 1, 1))
        * np.array([100, 30, 10, 3, 2, 1]).reshape(6, 1, 1, 1),
        "bias": rng.normal(size=6),
        "each": rng.normal(size=(6, 1, 3, 3)),
        "back": rng.normal(size=(4, 6, 1, 1)),
    }
    nodes = [
        helper.make_node("Conv", ["picture", "wide", "bias"], ["a"], name="widen"),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("Conv", ["b", "each"], ["c"], name="depthwise", group=6),
        helper.make_node("Conv", ["c", "back"], ["people"], name="narrow"),
    ]
    graph = helper.make_graph(
        nodes,
        "block",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("people", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def pictures():
    rng = np.random.default_rng(6)
    return [{"picture": rng.normal(size=(1, 3, 8, 8)).astype(np.float32)} for _ in range(5)]


def answers(model, pictures):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return np.concatenate([session.run(None, each)[0] for each in pictures])


def test_the_network_answers_the_same(block, pictures):
    np.testing.assert_allclose(
        answers(equalised(block, pictures), pictures),
        answers(block, pictures),
        rtol=1e-3,
        atol=1e-2,
    )


def test_channels_are_half_as_uneven(block, pictures):
    before = ranges(block, ["b", "c"], pictures)
    after = ranges(equalised(block, pictures), ["b", "c"], pictures)
    for uneven, even in zip(before, after, strict=True):
        assert even.max() / even.min() < 1.4 * (uneven.max() / uneven.min()) ** 0.5


def test_a_tensor_that_two_read_is_left_alone(block, pictures):
    block.graph.node.append(helper.make_node("Relu", ["c"], ["second"], name="beside"))
    block.graph.output.append(helper.make_empty_tensor_value_info("second"))
    assert [seam.tensor for seam in seams(block)] == ["b"]


def test_depthwise_weights_alone_have_eight_bits(block):
    assert list(finer(block, floating=())) == ["each"]
    assert list(finer(block, floating=("depthwise",))) == []
