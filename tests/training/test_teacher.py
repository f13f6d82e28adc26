"""What becomes of what the teachers see."""

import numpy as np

from models.training.augment import IGNORED
from models.training.teacher import Agreement, fused, load, save

RULE = Agreement(suspected=0.12, person=0.3, sure=0.7, rare=0.4)
NOBODY = np.zeros((0, 5), np.float32)


def rows(*boxes: tuple[float, ...]) -> np.ndarray:
    return np.array(boxes, np.float32).reshape(-1, 5)


def sure(found: np.ndarray) -> list[float]:
    return [round(value, 3) for value in found[:, 4].tolist()]


def test_a_person_is_as_sure_as_the_teachers_together() -> None:
    look = rows((10, 10, 50, 90, 0.8))
    both = fused([look, look], "teacher", RULE)
    assert both[:, :4].tolist() == [[10, 10, 50, 90]]
    assert sure(both) == [1.0]
    assert sure(fused([look, NOBODY], "teacher", RULE)) == [round(0.4 / 0.7, 3)]


def test_what_only_one_sees_at_a_low_score_is_ignored_and_what_none_does_is_nobody() -> None:
    look = rows((10, 10, 50, 90, 0.4))
    assert sure(fused([look, NOBODY], "teacher", RULE)) == [IGNORED]
    assert len(fused([rows((10, 10, 50, 90, 0.2)), NOBODY], "teacher", RULE)) == 0


def test_where_people_are_rare_nobody_is_learnt_and_the_surest_are_ignored() -> None:
    look = rows((10, 10, 50, 90, 0.9), (100, 10, 150, 90, 0.35))
    found = fused([look, look], "rare", RULE)
    assert found[:, :4].tolist() == [[10, 10, 50, 90]]
    assert sure(found) == [IGNORED]


def test_a_source_without_people_has_none_whatever_the_teachers_see() -> None:
    assert fused([rows((10, 10, 50, 90, 1.0))], "empty", RULE).shape == (0, 5)


def test_ragged_rows_survive_storage(tmp_path) -> None:
    boxes = [rows((1, 2, 3, 4, 0)), NOBODY, rows((5, 6, 7, 8, 1), (9, 9, 10, 10, 0))]
    save(tmp_path / "boxes.npz", boxes)
    assert [b.tolist() for b in load(tmp_path / "boxes.npz")] == [b.tolist() for b in boxes]
