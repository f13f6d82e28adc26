"""Labels by hand, as repositories keep them."""

import numpy as np
import pytest

from models.training.truth import label_path, read_voc, read_yolo


@pytest.mark.parametrize(
    ("picture", "label"),
    [
        ("data/train/images/a.b.jpg", "data/train/labels/a.b.txt"),
        ("images/a.png", "labels/a.txt"),
        ("set/all_images/a.jpg", "set/all_labels/a.txt"),
        ("JPEGImages/1.jpg", "Annotations/1.xml"),
    ],
)
def test_where_a_label_lies(picture: str, label: str) -> None:
    assert label_path(picture) == label


def test_boxes_and_outlines_of_any_class_are_people() -> None:
    found = read_yolo("3 0.5 0.5 0.2 0.4\n1 0.1 0.1 0.3 0.1 0.3 0.5 0.1 0.5\n", 200, 100)
    assert found[:, :4] == pytest.approx(np.array([[80, 30, 120, 70], [20, 10, 60, 50]]))
    assert read_yolo("", 200, 100).shape == (0, 5)


def test_voc_boxes_are_scaled_to_the_picture_of_the_shard() -> None:
    text = (
        "<annotation><size><width>400</width><height>200</height></size><object><bndbox>"
        "<xmin>40</xmin><ymin>20</ymin><xmax>80</xmax><ymax>120</ymax></bndbox></object></annotation>"
    )
    assert read_voc(text, 200, 100)[0, :4] == pytest.approx(np.array([20, 10, 40, 60]))
