"""The whole stage: a tiny network made here, or a fake one that finds coloured rectangles."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edge_agent.detect import ModelInput, ModelManifest, OnnxDetector, ResolvedModel
from edge_agent.domain import F32, U8, Region
from edge_agent.errors import ModelError
from edge_agent.geometry import FULL_FRAME, BBox, FrameSize

SIDE = 416
RED = (0, 0, 255)


class Picture:
    """BGR pixels as `domain.Pixels`."""

    def __init__(self, width: int, height: int) -> None:
        self.size = FrameSize(width, height)
        self.pixels: U8 = np.full((height, width, 3), 90, np.uint8)

    def person(self, bbox: BBox, *, blue: int = 0) -> None:
        x1, y1, x2, y2 = bbox.to_pixels(self.size)
        self.pixels[y1:y2, x1:x2] = (blue, 0, 255)

    def luma(self) -> U8:
        return self.pixels[..., 1]

    def bgr(self) -> U8:
        return self.pixels


class FindsRed:
    """A `Session` that answers as YOLOX would whose persons are red rectangles.

    Any connected red spot is one person; its cell is that of its centre. The bluer, the surer.
    """

    def __init__(self) -> None:
        self.inputs: list[F32] = []

    def run(self, blob: F32) -> Sequence[F32]:
        self.inputs.append(blob.copy())
        red = ((blob[0, 2] > 200) & (blob[0, 1] < 45)).astype(np.uint8)
        n, _, stats, _ = cv2.connectedComponentsWithStats(red, connectivity=4)
        height, width = red.shape
        cells = sum(-(-width // s) * -(-height // s) for s in (8, 16, 32))
        raw = np.zeros((1, cells, 6), np.float32)
        for x, y, w, h, _ in stats[1:n]:
            cx, cy = x + w / 2, y + h / 2
            column, row = int(cx // 8), int(cy // 8)
            blue = blob[0, 0, min(int(cy), height - 1), min(int(cx), width - 1)] / 255
            raw[0, row * -(-width // 8) + column] = (
                cx / 8 - column,
                cy / 8 - row,
                np.log(w / 8),
                np.log(h / 8),
                1,
                0.5 + blue / 2,
            )
        return [raw]


def manifest(**changes: object) -> ModelManifest:
    fields: dict[str, object] = {
        "name": "tiny",
        "file": "tiny.onnx",
        "sha256": "0" * 64,
        "bytes": 1,
        "licence": "Apache-2.0",
        "decoder": "yolox",
        "input": ModelInput(width=SIDE, height=SIDE),
        "strides": (8, 16, 32),
        "candidate_threshold": 0.1,
        "confirm_threshold": 0.5,
    }
    return ModelManifest(**(fields | changes))  # type: ignore[arg-type]


def red_detector(*, open_sides: bool = False, **changes: object) -> tuple[OnnxDetector, FindsRed]:
    session = FindsRed()
    return OnnxDetector(manifest(**changes), session, open_sides=open_sides), session


def regions(*bboxes: BBox) -> list[Region]:
    return [Region(bbox) for bbox in bboxes]


def find(detector: OnnxDetector, picture: Picture, *bboxes: BBox) -> list[BBox]:
    found = detector.detect(picture, regions(*bboxes), candidate_threshold=0.3)
    return [detection.bbox for detection in found]


@pytest.mark.parametrize("fit", ["top_left", "centered", "stretch"])
@pytest.mark.parametrize("size", [(480, 360), (1280, 720), (360, 640)])
def test_whole_frame_boxes_come_back_where_the_person_is(fit: str, size: tuple[int, int]) -> None:
    spec = ModelInput(width=SIDE, height=SIDE, fit=fit)  # type: ignore[arg-type]
    detector, _ = red_detector(input=spec)
    picture, person = Picture(*size), BBox(0.3, 0.4, 0.15, 0.4)
    picture.person(person)
    (bbox,) = find(detector, picture, FULL_FRAME)
    assert bbox.iou(person) > 0.9


@pytest.mark.parametrize(
    ("size", "fit", "shape"),
    [
        ((1280, 720), "top_left", (256, 416)),
        ((360, 640), "top_left", (416, 256)),
        ((400, 400), "top_left", (416, 416)),
        ((1280, 720), "centered", (416, 416)),
        ((1280, 720), "stretch", (416, 416)),
    ],
)
def test_an_open_network_looks_no_further_than_the_picture_reaches(
    size: tuple[int, int], fit: str, shape: tuple[int, int]
) -> None:
    spec = ModelInput(width=SIDE, height=SIDE, fit=fit)  # type: ignore[arg-type]
    detector, session = red_detector(input=spec, open_sides=True)
    for person in (BBox(0.3, 0.4, 0.15, 0.4), BBox(0.8, 0.5, 0.15, 0.4)):
        picture = Picture(*size)
        picture.person(person)
        (bbox,) = find(detector, picture, FULL_FRAME)
        assert bbox.iou(person) > 0.9
    assert {blob.shape for blob in session.inputs} == {(1, 3, *shape)}
    assert detector.input_px == 2 * shape[0] * shape[1]


def test_people_packed_into_one_inference_come_back_to_their_places() -> None:
    """Property: wherever four people stand, each is found once, at its place, in one look."""
    dice = random.Random(3)
    for _ in range(25):
        picture, people = Picture(1280, 720), []
        for left, top in ((0, 0), (0.5, 0), (0, 0.5), (0.5, 0.5)):
            spot = BBox(left + dice.uniform(0, 0.4), top + dice.uniform(0.1, 0.3), 0.04, 0.15)
            people.append(spot)
            picture.person(spot)
        detector, session = red_detector()
        found = find(detector, picture, *people)
        assert len(found) == 4
        assert all(max(bbox.iou(person) for bbox in found) > 0.85 for person in people)
        assert len(session.inputs) == 1


def test_someone_in_two_crops_is_found_once() -> None:
    picture, person = Picture(1280, 720), BBox(0.5, 0.4, 0.06, 0.2)
    picture.person(person)
    detector, _ = red_detector()
    found = find(detector, picture, person, BBox(0.62, 0.4, 0.1, 0.2), BBox(0.38, 0.4, 0.1, 0.2))
    assert len(found) == 1
    assert found[0].iou(person) > 0.85


def test_a_bystander_cut_by_the_crop_is_left_out_but_one_asked_for_is_kept() -> None:
    picture = Picture(1280, 720)
    walker, wall = BBox(0.3, 0.4, 0.05, 0.2), BBox(0.4, 0.0, 0.2, 1.0)
    picture.person(walker)
    picture.person(wall)
    detector, _ = red_detector()
    (bbox,) = find(detector, picture, walker)
    assert bbox.iou(walker) > 0.85
    assert len(find(detector, picture, BBox(0.4, 0.4, 0.05, 0.1))) == 1


def test_a_person_at_the_border_of_the_frame_is_not_taken_for_cut() -> None:
    picture, person = Picture(1280, 720), BBox(0.97, 0.8, 0.03, 0.2)
    picture.person(person)
    detector, _ = red_detector()
    (bbox,) = find(detector, picture, BBox(0.93, 0.85, 0.04, 0.1))
    assert bbox.iou(person) > 0.8


def test_results_are_inside_the_frame_best_first_and_above_the_threshold() -> None:
    picture = Picture(640, 480)
    picture.person(BBox(0.0, 0.5, 0.1, 0.5), blue=40)
    picture.person(BBox(0.5, 0.5, 0.1, 0.3), blue=120)
    picture.person(BBox(0.8, 0.5, 0.1, 0.3))
    detector, _ = red_detector()
    found = detector.detect(picture, regions(FULL_FRAME), candidate_threshold=0.55)
    assert len(found) == 2
    assert found[0].score > found[1].score >= 0.55
    assert all(d.bbox == d.bbox.clipped() for d in found)


@pytest.mark.parametrize("size", [(16, 16), (3840, 2160), (1, 1), (16, 1000)])
def test_any_frame_size_is_looked_at(size: tuple[int, int]) -> None:
    picture = Picture(*size)
    picture.person(BBox(0.25, 0.25, 0.5, 0.5))
    detector, session = red_detector()
    assert len(find(detector, picture, FULL_FRAME)) == 1
    find(detector, picture, BBox(0.4, 0.4, 0.05, 0.05))
    assert 1 <= len(session.inputs) <= 3


def test_nothing_to_search_costs_no_inference() -> None:
    detector, session = red_detector()
    assert detector.detect(Picture(64, 64), (), candidate_threshold=0.3) == ()
    assert find(detector, Picture(64, 64), BBox(2, 2, 1, 1)) == []
    assert session.inputs == []


def test_pixels_are_normalised_in_the_models_own_colours() -> None:
    spec = ModelInput(
        width=SIDE, height=SIDE, colour="rgb", scale=2.0, mean=(10, 20, 30), std=(1, 2, 4)
    )
    detector, session = red_detector(input=spec)
    picture = Picture(SIDE, SIDE)
    picture.pixels[:] = (1, 2, 3)
    find(detector, picture, FULL_FRAME)
    assert session.inputs[0][0, :, 5, 5] == pytest.approx(
        [(6 - 10) / 1, (4 - 20) / 2, (2 - 30) / 4]
    )


def test_noise_above_the_threshold_stays_bounded() -> None:
    class Noise:
        def run(self, blob: F32) -> Sequence[F32]:
            raw = np.full((1, 3549, 6), 0.9, np.float32)
            raw[..., 2:4] = -3
            return [raw]

    detector = OnnxDetector(manifest(), Noise())
    found = detector.detect(Picture(640, 480), regions(FULL_FRAME), candidate_threshold=0.1)
    assert 0 < len(found) <= 500


# --- real files ------------------------------------------------------------------------


def tiny_network(path: Path, shape: tuple[int, ...], *, side: int = 64) -> ResolvedModel:
    """An ONNX file whose output has `shape` and depends on its input (1, 3, side, side)."""
    zeros = helper.make_tensor("zeros", TensorProto.FLOAT, shape, [0.0] * int(np.prod(shape)))
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Constant", [], ["base"], value=zeros),
        helper.make_node("Add", ["base", "mean"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, side, side))],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return resolved(path)


def resolved(path: Path, **changes: object) -> ResolvedModel:
    data = path.read_bytes()
    facts = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "input": ModelInput(width=64, height=64),
    }
    return ResolvedModel(manifest(**(facts | changes)), path)


CELLS = 64 + 16 + 4


def test_a_file_that_fits_its_manifest_opens_and_runs(tmp_path: Path) -> None:
    detector = OnnxDetector.open(tiny_network(tmp_path / "tiny.onnx", (1, CELLS, 6)))
    assert detector.candidate_threshold == 0.1
    assert detector.confirm_threshold == 0.5
    # Every number is the mean of the picture, 1: all scores are, all boxes are e cells wide.
    picture = Picture(640, 640)
    picture.pixels[:] = 1
    found = detector.detect(picture, regions(FULL_FRAME), candidate_threshold=0.1)
    assert found
    assert found[0].score == pytest.approx(1.0)
    assert detector.inferences == 1


@pytest.mark.parametrize(
    ("shape", "changes", "words"),
    [
        ((1, CELLS, 85), {}, ("expects 1x84x6, found 1x84x85", "classes")),
        ((1, CELLS + 1, 6), {}, ("expects 1x84x6, found 1x85x6",)),
        ((1, CELLS, 6), {"decoder": "fastestdet", "strides": (16,)}, ("expects 1x6x4x4",)),
        ((1, CELLS, 6), {"decoder": "nanodet"}, ("found 1x84x6",)),
        (
            (1, CELLS, 6),
            {"input": ModelInput(width=96, height=64)},
            ("input does not fit", "expected 1x3x64x96, found 1x3x64x64"),
        ),
    ],
)
def test_a_file_that_does_not_fit_its_manifest_is_refused_with_both_shapes(
    tmp_path: Path, shape: tuple[int, ...], changes: dict[str, object], words: tuple[str, ...]
) -> None:
    tiny_network(tmp_path / "tiny.onnx", shape)
    with pytest.raises(ModelError) as caught:
        OnnxDetector.open(resolved(tmp_path / "tiny.onnx", **changes))
    assert all(word in str(caught.value) for word in (str(tmp_path), *words))


def test_another_file_than_the_manifests_is_refused_with_both_hashes(tmp_path: Path) -> None:
    model = tiny_network(tmp_path / "tiny.onnx", (1, CELLS, 6))
    model.path.write_bytes(model.path.read_bytes()[:-20])
    found = hashlib.sha256(model.path.read_bytes()).hexdigest()
    with pytest.raises(ModelError, match=rf"sha256 is {found} .*says {model.manifest.sha256}"):
        OnnxDetector.open(model)


@pytest.mark.parametrize("data", [b"", b"not a network", b"\x08\x08"])
def test_a_file_that_is_no_network_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"tiny\.onnx: .*cannot run this file"):
        OnnxDetector.open(resolved(path, bytes=1))


def test_a_truncated_network_is_refused_even_when_its_manifest_agrees(tmp_path: Path) -> None:
    model = tiny_network(tmp_path / "tiny.onnx", (1, CELLS, 6))
    model.path.write_bytes(model.path.read_bytes()[:-200])
    with pytest.raises(ModelError, match="cannot run this file"):
        OnnxDetector.open(resolved(model.path))


def test_a_file_that_went_away_is_a_model_error(tmp_path: Path) -> None:
    model = tiny_network(tmp_path / "tiny.onnx", (1, CELLS, 6))
    model.path.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        OnnxDetector.open(model)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_found_does_not_depend_on_the_floor(seed: int) -> None:
    """Weak boxes that overlap sure ones, cut by their crop's edge, in any number."""
    rng = random.Random(seed)
    detector, picture = OnnxDetector(manifest(), FindsRed()), Picture(640, 360)
    for _ in range(rng.randrange(1, 9)):
        x, y = rng.uniform(0, 0.9), rng.uniform(0, 0.7)
        box = BBox(x, y, rng.uniform(0.02, 0.2), rng.uniform(0.05, 0.4))
        picture.person(box.clipped(), blue=rng.randrange(40))
    regions = [Region(BBox(rng.uniform(0, 0.6), rng.uniform(0, 0.6), 0.3, 0.3)) for _ in range(3)]
    threshold = rng.uniform(0.51, 0.57)
    sure = detector.detect(picture, regions, candidate_threshold=threshold)
    (seen,) = detector.look_together(
        [(picture, regions)], candidate_threshold=threshold, floor=0.05
    )
    assert list(seen.detections) == list(sure)
    assert len(seen.faint) >= len(sure)
    assert max((each.score for each in seen.faint), default=0) >= max(
        (each.score for each in sure), default=0
    )
