"""Which thresholds a camera really works with."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from edge_agent.config import PersonConfig
from edge_agent.domain import Detection, Pixels, Region
from edge_agent.pipeline.stages import thresholds


class Model:
    candidate_threshold = 0.2
    confirm_threshold = 0.6

    def detect(
        self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
    ) -> Sequence[Detection]:
        return ()


@pytest.mark.parametrize(
    ("candidate", "confirm", "expected"),
    [
        ("auto", "auto", (0.2, 0.6)),
        ("auto", 0.4, (0.2, 0.4)),
        ("auto", 0.1, (0.1, 0.1)),  # what is to confirm is not thrown away before
        (0.3, "auto", (0.3, 0.6)),
        (0.8, "auto", (0.8, 0.8)),
        (0.3, 0.5, (0.3, 0.5)),
    ],
)
def test_auto_gives_way_to_a_number(
    candidate: float, confirm: float, expected: tuple[float, float]
) -> None:
    person = PersonConfig(candidate_threshold=candidate, confirm_threshold=confirm)
    assert thresholds(person, Model()) == expected
