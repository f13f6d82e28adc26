from __future__ import annotations

import numpy as np
import pytest

from edge_agent.detect.evaluation import LabelledFrame, evaluate

PERSON = (0.0, 0.0, 10.0, 20.0)
OTHER = (50.0, 0.0, 60.0, 20.0)
NOTHING = (100.0, 100.0, 110.0, 120.0)


def frame(truth: list[tuple[float, ...]], *found: tuple[tuple[float, ...], float]) -> LabelledFrame:
    return LabelledFrame(
        np.array(truth, np.float32).reshape(-1, 4),
        np.array([box for box, _ in found], np.float32).reshape(-1, 4),
        np.array([score for _, score in found], np.float32),
    )


@pytest.mark.parametrize(
    ("frames", "ap", "at_1", "at_01"),
    [
        ([frame([PERSON], (PERSON, 0.9))], 1, 1, 1),
        ([frame([PERSON])], 0, 0, 0),
        ([frame([PERSON], (NOTHING, 0.9), (PERSON, 0.5))], 0.5, 1, 0),
        ([frame([PERSON, OTHER], (PERSON, 0.9), (NOTHING, 0.8), (OTHER, 0.7))], 5 / 6, 1, 0.5),
        # The same person found twice is once right and once wrong.
        ([frame([PERSON, OTHER], (PERSON, 0.9), (PERSON, 0.8))], 0.5, 0.5, 0.5),
        # Ranked over all frames, not within each.
        ([frame([PERSON], (PERSON, 0.5)), frame([], (NOTHING, 0.9))], 0.5, 1, 0),
    ],
)
def test_quality_of_hand_made_answers(
    frames: list[LabelledFrame], ap: float, at_1: float, at_01: float
) -> None:
    quality = evaluate(frames)
    assert quality.ap == pytest.approx(ap)
    assert quality.recall_at_1 == pytest.approx(at_1)
    assert quality.recall_at_01 == pytest.approx(at_01)


def test_without_a_labelled_person_there_is_no_recall() -> None:
    with pytest.raises(ValueError, match="no labelled person"):
        evaluate([frame([], (NOTHING, 0.5))])
