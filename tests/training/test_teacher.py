"""What the teachers add to incomplete labels."""

import numpy as np

from models.training.augment import IGNORED, PERSON
from models.training.teacher import Agreement, completed, load, save

RULE = Agreement(person=0.55, ignored=0.22, same_iou=0.5, unseen_height=0.05)
NOBODY = np.zeros((0, 5), np.float32)


def rows(*boxes: tuple[float, ...]) -> np.ndarray:
    return np.array(boxes, np.float32).reshape(-1, 5)


def test_somebody_whom_all_teachers_see_becomes_a_person() -> None:
    look = rows((10, 10, 50, 90, 0.8))
    found = completed(NOBODY, [look, look], 264, RULE)
    assert found.tolist() == [[10, 10, 50, 90, PERSON]]


def test_somebody_whom_one_of_two_teachers_sees_is_ignored() -> None:
    found = completed(NOBODY, [rows((10, 10, 50, 90, 0.8)), NOBODY], 264, RULE)
    assert found[:, 4].tolist() == [IGNORED]


def test_a_label_stays_as_it_is_and_is_not_doubled() -> None:
    label = rows((10, 10, 50, 90, PERSON))
    look = rows((12, 11, 52, 93, 0.9))
    assert completed(label, [look, look], 264, RULE).tolist() == label.tolist()


def test_a_tiny_label_that_no_teacher_sees_is_ignored_a_large_one_stays() -> None:
    labels = rows((10, 10, 14, 20, PERSON), (100, 100, 150, 250, PERSON))
    found = completed(labels, [NOBODY, NOBODY], 264, RULE)
    assert found[:, 4].tolist() == [IGNORED, PERSON]


def test_ragged_rows_survive_storage(tmp_path) -> None:
    boxes = [rows((1, 2, 3, 4, 0)), NOBODY, rows((5, 6, 7, 8, 1), (9, 9, 10, 10, 0))]
    save(tmp_path / "boxes.npz", boxes)
    assert [b.tolist() for b in load(tmp_path / "boxes.npz")] == [b.tolist() for b in boxes]
