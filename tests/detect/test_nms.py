from __future__ import annotations

import numpy as np
import pytest

from edge_agent.detect.nms import cover_matrix, iou_with, suppress


def boxes(*corners: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(corners, np.float32)


def test_overlap_is_measured_against_the_union_and_against_the_smaller_box() -> None:
    one, others = boxes((0, 0, 2, 2)), boxes((1, 0, 3, 2), (0, 0, 1, 1), (5, 5, 6, 6), (1, 1, 1, 1))
    assert iou_with(one[0], others) == pytest.approx([1 / 3, 1 / 4, 0, 0])
    assert cover_matrix(np.concatenate((one, others)))[0, 1:] == pytest.approx([1 / 2, 1, 0, 0])


def test_the_better_of_two_overlapping_boxes_stays_and_neighbours_stay_too() -> None:
    many = boxes((0, 0, 10, 10), (1, 0, 11, 10), (8, 0, 18, 10))
    scores = np.array([0.5, 0.9, 0.4], np.float32)
    assert suppress(many, scores, 0.5).tolist() == [1, 2]


def test_a_suppressed_box_suppresses_nobody() -> None:
    chain = boxes((0, 0, 10, 10), (3, 0, 13, 10), (6, 0, 16, 10))
    scores = np.array([0.9, 0.8, 0.7], np.float32)
    assert suppress(chain, scores, 0.5).tolist() == [0, 2]


def test_no_boxes_are_no_problem() -> None:
    assert suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.5).size == 0
