from __future__ import annotations

import numpy as np
import pytest

from edge_agent.detect.mapping import Found, distinct


def test_a_part_of_somebody_seen_whole_goes_and_leaves_its_better_score() -> None:
    whole, part, other = (0, 0, 10, 40), (1, 0, 9, 15), (50, 0, 60, 15)
    found = Found(
        np.array((part, whole, other), np.float32),
        np.array((0.9, 0.6, 0.7), np.float32),
        np.array((True, False, True)),
    )
    kept = distinct(found, 0.5)
    assert kept.boxes.tolist() == [list(whole), list(other)]
    assert kept.scores == pytest.approx([0.9, 0.7])


def test_a_small_person_in_front_of_a_large_one_stays_when_both_are_whole() -> None:
    boxes = np.array(((0, 0, 40, 100), (10, 50, 25, 95)), np.float32)
    found = Found(boxes, np.array((0.9, 0.8), np.float32), np.array((False, False)))
    assert len(distinct(found, 0.5).scores) == 2
