"""Each decoder against a tensor in which one cell says one person."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.detect.decoders import DECODERS
from edge_agent.detect.manifest import ModelInput, ModelManifest


def manifest(decoder: str, **changes: object) -> ModelManifest:
    fields: dict[str, object] = {
        "name": "hand-made",
        "file": "hand-made.onnx",
        "sha256": "0" * 64,
        "bytes": 1,
        "licence": "Apache-2.0",
        "decoder": decoder,
        "input": ModelInput(width=64, height=32),
        "strides": (8, 16),
        "candidate_threshold": 0.1,
        "confirm_threshold": 0.5,
        "classes": 3,
        "person_class": 1,
    }
    return ModelManifest(**(fields | changes))  # type: ignore[arg-type]


def outputs(spec: ModelManifest, choice: int = 0) -> list[np.ndarray]:
    shapes = DECODERS[spec.decoder].output_shapes(spec)[choice]
    return [np.zeros(shape, np.float32) for shape in shapes]


def distances(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    """Distance logits that are all but certain of one bin each."""
    logits = np.full((4, 8), -30, np.float32)
    logits[range(4), (left, top, right, bottom)] = 30
    return logits.ravel()


def test_yolox_places_boxes_by_cell_stride_and_log_size() -> None:
    spec = manifest("yolox")
    (raw,) = outputs(spec)
    assert raw.shape == (1, 8 * 4 + 4 * 2, 8)
    raw[0, 32 + 4 + 2] = (0.5, 0.25, np.log(2), np.log(3), 0.8, 0.9, 0.5, 0.9)  # stride 16, (2, 1)
    found = DECODERS["yolox"].decode([raw], spec, 0.2)
    assert found.scores == pytest.approx([0.4])
    assert found.boxes[0] == pytest.approx((40 - 16, 20 - 24, 40 + 16, 20 + 24))


def test_nanodet_measures_distances_from_the_middle_of_the_cell() -> None:
    spec = manifest("nanodet")
    raw = outputs(spec)
    assert [a.shape for a in raw] == [(1, 32, 3), (1, 8, 3), (1, 32, 32), (1, 8, 32)]
    raw[0][0, 8 + 3, 1] = 0.6  # stride 8, column 3, row 1: centre (24 + 3.5, 8 + 3.5)
    raw[2][0, 8 + 3] = distances(1, 0, 2, 1)
    pairs = [raw[0], raw[2], raw[1], raw[3]]
    assert [a.shape for a in outputs(spec, choice=1)] == [a.shape for a in pairs]
    for order in (raw, pairs):
        found = DECODERS["nanodet"].decode(order, spec, 0.5)
        assert found.scores == pytest.approx([0.6])
        assert found.boxes[0] == pytest.approx((27.5 - 8, 11.5, 27.5 + 16, 11.5 + 8), abs=1e-3)


@pytest.mark.parametrize("transposed", [False, True])
def test_nanodet_plus_reads_both_orders_and_logits(transposed: bool) -> None:
    spec = manifest("nanodet_plus", scores="logits")
    (raw,) = outputs(spec, choice=int(transposed))
    cells = raw.transpose(0, 2, 1) if transposed else raw
    cells[0, :, :3] = -20
    cells[0, 32 + 5, 1] = np.log(0.7 / 0.3)  # stride 16, column 1, row 1: centre (16, 16)
    cells[0, 32 + 5, 3:] = distances(1, 1, 3, 0)
    found = DECODERS["nanodet_plus"].decode([raw], spec, 0.5)
    assert found.scores == pytest.approx([0.7])
    assert found.boxes[0] == pytest.approx((0, 0, 64, 16), abs=1e-3)


def test_fastestdet_weighs_objectness_and_class_and_bounds_position_and_size() -> None:
    spec = manifest("fastestdet", strides=(16,))
    (raw,) = outputs(spec)
    assert raw.shape == (1, 8, 2, 4)
    raw[0, :, 1, 2] = (0.9, np.arctanh(0.5), 0, 0, -np.log(3), 0.1, 0.8, 0.1)
    found = DECODERS["fastestdet"].decode([raw], spec, 0.3)
    assert found.scores == pytest.approx([0.9**0.6 * 0.8**0.4])
    assert found.boxes[0] == pytest.approx((40 - 16, 16 - 4, 40 + 16, 16 + 4), abs=1e-3)


@pytest.mark.parametrize(
    ("cell", "centre", "stride"), [(8 + 3, (28, 12), 8), (32 + 4 + 2, (40, 24), 16)]
)
def test_point_measures_strides_from_the_middle_of_the_cell(
    cell: int, centre: tuple[int, int], stride: int
) -> None:
    spec = manifest("point", classes=1, person_class=0)
    (raw,) = outputs(spec)
    assert raw.shape == (1, 8 * 4 + 4 * 2, 5)
    raw[0, cell] = (0.5, 1, 2, 0.25, 0.6)  # left, top, right, bottom, score
    raw[0, 0] = (1, 1, 1, 1, 0.49)
    found = DECODERS["point"].decode([raw], spec, 0.5)
    x, y = centre
    wanted = (x - stride / 2, y - stride, x + 2 * stride, y + stride / 4)
    assert found.scores == pytest.approx([0.6])
    assert found.boxes == pytest.approx(np.array([wanted]))


def test_point_takes_logits_when_the_manifest_says_so() -> None:
    spec = manifest("point", classes=1, person_class=0, scores="logits")
    (raw,) = outputs(spec)
    raw[0, :, 4] = -20
    raw[0, 5] = (1, 1, 1, 1, np.log(0.7 / 0.3))
    assert DECODERS["point"].decode([raw], spec, 0.1).scores == pytest.approx([0.7])


@pytest.mark.parametrize("decoder", sorted(DECODERS))
def test_nobody_is_found_in_zeros_and_nothing_overflows(decoder: str) -> None:
    spec = manifest(decoder, strides=(16,))
    assert len(DECODERS[decoder].decode(outputs(spec), spec, 0.1)) == 0
    huge = [output + 1e4 for output in outputs(spec)]
    boxes = DECODERS[decoder].decode(huge, spec, 0.1).boxes
    assert np.isfinite(boxes).all()


def test_a_side_that_no_stride_divides_has_a_cell_more() -> None:
    spec = manifest("yolox", input=ModelInput(width=60, height=36), strides=(8,))
    assert DECODERS["yolox"].output_shapes(spec) == (((1, 8 * 5, 8),),)
