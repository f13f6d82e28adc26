"""What comes with the agent: a box that never sees the internet finds people with it."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.assets import asset_dir
from edge_agent.detect import OnnxDetector, find_model
from edge_agent.domain import U8, Region
from edge_agent.geometry import FULL_FRAME, BBox, FrameSize

MODELS = asset_dir("models")
SHIPPED = ("edge-person", "edge-person-int8")


class _Grey:
    """A picture in which there is nothing."""

    size = FrameSize(640, 360)

    def luma(self) -> U8:
        return np.full((360, 640), 90, np.uint8)

    def bgr(self) -> U8:
        return np.full((360, 640, 3), 90, np.uint8)


def test_auto_takes_the_shipped_one_without_anything_else() -> None:
    model = find_model("auto", [MODELS])
    assert model.manifest.name == "edge-person-int8"
    assert model.path.parent == MODELS


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("size", [None, FrameSize(416, 256), FrameSize(192, 192)], ids=str)
def test_it_runs_at_every_size_of_the_ladder_and_sees_nobody_in_nothing(
    name: str, size: FrameSize | None
) -> None:
    detector = OnnxDetector.open(find_model(name, [MODELS]).at(size), threads=1)
    regions = [Region(FULL_FRAME), Region(BBox(0.1, 0.1, 0.2, 0.5))]
    found = detector.detect(_Grey(), regions, candidate_threshold=0.02)
    assert [d for d in found if d.score >= detector.candidate_threshold] == []


@pytest.mark.parametrize("name", SHIPPED)
def test_it_is_small_enough_to_be_part_of_the_project(name: str) -> None:
    assert (MODELS / f"{name}.onnx").stat().st_size <= 2_500_000


@pytest.mark.parametrize("name", SHIPPED)
def test_its_input_ends_where_the_picture_ends(name: str) -> None:
    detector = OnnxDetector.open(find_model(name, [MODELS]), threads=1)
    detector.detect(_Grey(), [Region(FULL_FRAME)], candidate_threshold=0.5)
    assert detector.input_px == detector.manifest.input.width * 256


def test_scores_of_int8_are_fine_enough_for_a_threshold() -> None:
    """Where scores share a scale with distances they know sixteen values."""
    detector = OnnxDetector.open(find_model("edge-person-int8", [MODELS]), threads=1)
    chance = np.random.default_rng(1)

    class _Noise(_Grey):
        def bgr(self) -> U8:
            noise = chance.integers(0, 255, (9, 16, 3), np.uint8)
            return np.asarray(np.kron(noise, np.ones((40, 40, 1))), np.uint8)

    found = [
        each
        for _ in range(6)
        for each in detector.detect(_Noise(), [Region(FULL_FRAME)], candidate_threshold=1e-4)
    ]
    assert len({d.score for d in found}) > 20
    assert len({round(d.score, 4) for d in found}) > 5
