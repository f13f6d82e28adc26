"""Doubles are one detection; gates keep apart what cannot be."""

from __future__ import annotations

import pytest

from edge_agent.domain import Detection
from edge_agent.geometry import BBox
from edge_agent.track.association import Expected, Gate, match, without_doubles

GATE = Gate(reach=0.35, speed=0.9, limit=1.2, min_iou=0.3, holds_size=False)
HERE = BBox(0.4, 0.3, 0.1, 0.4)


def found(*boxes: tuple[float, float, float, float, float]) -> list[Detection]:
    return [Detection(BBox(x, y, w, h), score) for x, y, w, h, score in boxes]


@pytest.mark.parametrize(
    ("detections", "kept"),
    [
        pytest.param(
            found((0.4, 0.3, 0.1, 0.4, 0.8), (0.402, 0.3, 0.1, 0.4, 0.9)),
            found((0.402, 0.3, 0.1, 0.4, 0.9)),
            id="of two looks the better",
        ),
        pytest.param(
            found((0.4, 0.3, 0.1, 0.4, 0.7), (0.4, 0.3, 0.1, 0.2, 0.9)),
            found((0.4, 0.3, 0.1, 0.4, 0.9)),
            id="of part and whole the whole with the better score",
        ),
        pytest.param(
            found((0.4, 0.3, 0.1, 0.4, 0.3), (0.4, 0.3, 0.1, 0.2, 0.9)),
            found((0.4, 0.3, 0.1, 0.2, 0.9)),
            id="a doubtful whole does not swallow a sure part",
        ),
        pytest.param(
            found((0.4, 0.3, 0.1, 0.4, 0.8), (0.47, 0.3, 0.1, 0.4, 0.7)),
            found((0.4, 0.3, 0.1, 0.4, 0.8), (0.47, 0.3, 0.1, 0.4, 0.7)),
            id="two people side by side stay two",
        ),
        pytest.param([], [], id="nothing"),
    ],
)
def test_one_detection_per_person(detections: list[Detection], kept: list[Detection]) -> None:
    assert without_doubles(detections) == kept
    assert without_doubles(detections[::-1]) == kept


@pytest.mark.parametrize(
    ("x", "unseen_s", "pairs"),
    [
        pytest.param(0.42, 0.2, [(0, 0)], id="a step on"),
        pytest.param(0.70, 0.2, [], id="too far for the time"),
        pytest.param(0.62, 2.0, [(0, 0)], id="not too far after two seconds"),
        pytest.param(0.95, 60.0, [], id="never across the picture"),
    ],
)
def test_reach_grows_with_the_time_unseen(
    x: float, unseen_s: float, pairs: list[tuple[int, int]]
) -> None:
    detections = found((x, 0.3, 0.1, 0.4, 0.9))
    assert match([Expected(HERE, unseen_s, 0.0, 0.4)], detections, GATE) == pairs


def test_a_near_person_is_not_taken_for_a_far_one() -> None:
    detections = found((0.38, 0.1, 0.3, 0.9, 0.9))
    assert match([Expected(HERE, 0.2, 0.0, 0.4)], detections, GATE) == []


def test_without_overlap_the_nearer_pairs_are_chosen() -> None:
    gate = Gate(reach=5.0, speed=0.0, limit=5.0, min_iou=0.3, holds_size=False)
    tracks = [Expected(BBox(x, 0.3, 0.05, 0.2), 0.2, 0.0, 0.2) for x in (0.1, 0.3)]
    detections = found((0.38, 0.3, 0.05, 0.2, 0.9), (0.18, 0.3, 0.05, 0.2, 0.9))
    assert match(tracks, detections, gate) == [(0, 1), (1, 0)]


def test_a_sure_track_comes_before_a_doubtful_one() -> None:
    doubtful, sure = (
        Expected(HERE, 0.2, 0.4, 0.4),
        Expected(BBox(0.41, 0.3, 0.1, 0.4), 0.2, 0.0, 0.4),
    )
    detections = found((0.402, 0.3, 0.1, 0.4, 0.9))
    assert match([doubtful, sure], detections, GATE) == [(1, 0)]


def test_who_is_near_nobody_else_changes_nobodys_pairs() -> None:
    """Groups are matched alone: the same as all at once."""
    near = [Expected(BBox(0.1 + 0.03 * i, 0.2, 0.1, 0.3), 0.2, 0.0, 0.3) for i in range(3)]
    far = [Expected(BBox(0.7 + 0.02 * i, 0.5, 0.1, 0.3), 0.2, 0.0, 0.3) for i in range(2)]
    seen = [Detection(BBox(0.11 + 0.03 * i, 0.21, 0.1, 0.3), 0.8) for i in range(3)]
    others = [Detection(BBox(0.69 + 0.03 * i, 0.5, 0.1, 0.3), 0.8) for i in range(2)]

    alone = match(near, seen, GATE), match(far, others, GATE)
    together = match([*far, *near], [*seen, *others], GATE)

    moved = [(row + 2, column) for row, column in alone[0]]
    moved += [(row, column + 3) for row, column in alone[1]]
    assert together == sorted(moved)
    assert len(together) == 5
