"""Grouping of changed pixels, on masks drawn by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_agent.domain import U8
from edge_agent.motion.blobs import Box, find_blobs

MIN_AREA_PX = 12


def mask_of(*boxes: Box) -> U8:
    mask = np.zeros((180, 320), np.uint8)
    for x1, y1, x2, y2 in boxes:
        mask[y1:y2, x1:x2] = 255
    return mask


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(40, 30, 60, 90)], [(40, 30, 60, 90)], id="one thing"),
        pytest.param([(40, 30, 44, 40)], [(40, 30, 44, 40)], id="five per cent of the height"),
        pytest.param(
            [(40, 30, 60, 50), (42, 56, 58, 90)], [(40, 30, 60, 90)], id="head and legs are one"
        ),
        pytest.param(
            [(40, 30, 60, 90), (70, 30, 90, 90)],
            [(40, 30, 60, 90), (70, 30, 90, 90)],
            id="side by side are two",
        ),
        pytest.param([(40, 30, 42, 31), (200, 100, 201, 101)], [], id="specks"),
        pytest.param([(100, 100, 220, 150)], [(100, 100, 220, 150)], id="a car stays whole"),
    ],
)
def test_blobs_are_whole_things(drawn: list[Box], expected: list[Box]) -> None:
    assert sorted(find_blobs(mask_of(*drawn), MIN_AREA_PX)) == sorted(expected)


def test_people_whose_outlines_touch_are_parted() -> None:
    mask = mask_of()
    for x in (100, 126):
        cv2.ellipse(mask, (x, 90), (15, 45), 0, 0, 360, 255, -1)

    blobs = sorted(find_blobs(mask, MIN_AREA_PX))

    assert len(blobs) == 2
    assert blobs[0][2] == pytest.approx(113, abs=2)
    assert blobs[1][0] == pytest.approx(113, abs=2)


def test_salt_is_no_thing() -> None:
    rng = np.random.default_rng(0)
    mask = np.where(rng.random((180, 320)) < 0.03, 255, 0).astype(np.uint8)

    assert find_blobs(mask, MIN_AREA_PX) == []
