"""Another input size for a file that declares one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from networks import installed
from shared_data import require_model

from edge_agent.detect import OnnxDetector, find_model
from edge_agent.detect.input_size import with_input_size
from edge_agent.domain import Region
from edge_agent.errors import ModelError
from edge_agent.geometry import FULL_FRAME, FrameSize
from edge_agent.tools.trial.pictures import StillPicture


def test_a_fully_convolutional_network_sees_the_same_at_another_size(tmp_path: Path) -> None:
    model = installed(tmp_path)
    for size in (FrameSize(128, 64), FrameSize(256, 128), FrameSize(128, 96)):
        pixels = np.zeros((size.height, size.width, 3), np.uint8)
        pixels[32:64, 64:96] = (0, 0, 255)
        detector = OnnxDetector.open(model.at(size))
        (found,) = detector.detect(
            StillPicture(pixels), [Region(FULL_FRAME)], candidate_threshold=0.3
        )
        x, y, x2, y2 = (
            found.bbox.x * size.width,
            found.bbox.y * size.height,
            found.bbox.x2 * size.width,
            found.bbox.y2 * size.height,
        )
        assert (x, y, x2, y2) == pytest.approx((64, 32, 96, 64))


@pytest.mark.parametrize(
    ("named", "fixed", "looks"),
    [(False, False, (128, 64)), (True, False, (64, 64)), (True, True, (128, 64))],
)
def test_names_of_sides_promise_nothing(
    tmp_path: Path, named: bool, fixed: bool, looks: tuple[int, int]
) -> None:
    """A square picture: half of the input is enough where the network really takes it."""
    detector = OnnxDetector.open(installed(tmp_path, named=named, fixed=fixed))
    pixels = np.zeros((128, 128, 3), np.uint8)
    pixels[64:128, 64:128] = (0, 0, 255)
    (found,) = detector.detect(StillPicture(pixels), [Region(FULL_FRAME)], candidate_threshold=0.3)
    assert (found.bbox.x, found.bbox.y, found.bbox.x2, found.bbox.y2) == (0.5, 0.5, 1, 1)
    assert detector.input_px == looks[0] * looks[1]


def test_an_open_network_is_not_rewritten(tmp_path: Path) -> None:
    model = installed(tmp_path, named=True)
    detector = OnnxDetector.open(model.at(FrameSize(256, 128)))
    detector.detect(
        StillPicture(np.zeros((64, 64, 3), np.uint8)), [Region(FULL_FRAME)], candidate_threshold=0.3
    )
    assert detector.input_px == 128 * 128


def test_nothing_but_sizes_is_rewritten(tmp_path: Path) -> None:
    model = installed(tmp_path)
    data = model.path.read_bytes()
    changed = onnx.load_from_string(with_input_size(data, FrameSize(320, 192)))
    original = onnx.load_from_string(data)
    dims = [d.dim_value for d in changed.graph.input[0].type.tensor_type.shape.dim]
    assert dims == [1, 3, 192, 320]
    assert not changed.graph.value_info
    assert changed.graph.node == original.graph.node
    assert changed.opset_import == original.opset_import
    onnx.checker.check_model(changed)


def test_a_network_that_knows_its_size_says_so(tmp_path: Path) -> None:
    model = installed(tmp_path, fixed=True)
    OnnxDetector.open(model)
    with pytest.raises(ModelError, match="does not run at 256x128: only fully convolutional"):
        OnnxDetector.open(model.at(FrameSize(256, 128)))


def test_a_size_between_the_cells_is_refused_with_the_next(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="multiples of 32, its coarsest grid; try 320x192"):
        installed(tmp_path).at(FrameSize(310, 190))


@pytest.mark.parametrize("data", [b"", b"not a network", b"\x3a\xff\x01abc", b"\x0b"])
def test_what_is_no_network_has_no_size(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"pictures|ends in the middle|wire type"):
        with_input_size(data, FrameSize(320, 192))


def test_a_published_network_becomes_a_ladder() -> None:
    path = require_model("yolox_nano_416.onnx")
    detector = OnnxDetector.open(find_model(str(path)).at(FrameSize(320, 192)))
    assert detector.manifest.input.size == FrameSize(320, 192)
