"""What the teachers add to incomplete labels."""

import numpy as np

from models.training.augment import IGNORED, PERSON
from models.training.teacher import Agreement, completed, load, save

RULE = Agreement(suspected=0.2, label=0.4, same_iou=0.5, unseen_height=0.05)
NOBODY = np.zeros((0, 5), np.float32)


def rows(*boxes: tuple[float, ...]) -> np.ndarray:
    return np.array(boxes, np.float32).reshape(-1, 5)


def sure(found: np.ndarray) -> list[float]:
    return [round(value, 3) for value in found[:, 4].tolist()]


def test_somebody_whom_nobody_labelled_is_as_sure_as_the_teachers_together() -> None:
    look = rows((10, 10, 50, 90, 0.8))
    found = completed(NOBODY, [look, look], 264, RULE)
    assert found[:, :4].tolist() == [[10, 10, 50, 90]]
    assert sure(found) == [0.8]
    assert sure(completed(NOBODY, [look, NOBODY], 264, RULE)) == [0.4]


def test_what_the_teachers_hardly_suspect_is_nobody() -> None:
    assert len(completed(NOBODY, [rows((10, 10, 50, 90, 0.3)), NOBODY], 264, RULE)) == 0


def test_a_label_keeps_its_box_is_not_doubled_and_is_surer_where_teachers_see_it() -> None:
    labels = rows((10, 10, 50, 90, PERSON), (100, 100, 150, 250, PERSON))
    look = rows((12, 11, 52, 93, 0.9))
    found = completed(labels, [look, look], 264, RULE)
    assert found[:, :4].tolist() == labels[:, :4].tolist()
    assert sure(found) == [0.94, 0.4]


def test_a_tiny_label_that_no_teacher_sees_is_ignored_a_large_one_stays() -> None:
    labels = rows((10, 10, 14, 20, PERSON), (100, 100, 150, 250, PERSON))
    found = completed(labels, [NOBODY, NOBODY], 264, RULE)
    assert sure(found) == [IGNORED, 0.4]


def test_ragged_rows_survive_storage(tmp_path) -> None:
    boxes = [rows((1, 2, 3, 4, 0)), NOBODY, rows((5, 6, 7, 8, 1), (9, 9, 10, 10, 0))]
    save(tmp_path / "boxes.npz", boxes)
    assert [b.tolist() for b in load(tmp_path / "boxes.npz")] == [b.tolist() for b in boxes]
