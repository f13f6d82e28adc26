"""Reading the labelled stills."""

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.training.augment import PERSON
from models.training.shards import read_shards


def shard(path: Path, label: str) -> Path:
    jpeg = cv2.imencode(".jpg", np.zeros((40, 60, 3), np.uint8))[1].tobytes()
    with zipfile.ZipFile(path, "w") as written:
        written.writestr("000000.jpg", jpeg)
        written.writestr("000000.txt", label)
    return path


def test_boxes_are_corners_in_pixels(tmp_path: Path) -> None:
    images, boxes = read_shards([shard(tmp_path / "a.zip", "0.5 0.5 0.5 1.0\n\n0.1 0.5 0.2 0.5\n")])
    assert images.shape == (1, 40, 60, 3)
    assert boxes[0] == pytest.approx(np.array([[15, 0, 45, 40, PERSON], [0, 10, 12, 30, PERSON]]))


@pytest.mark.parametrize("line", ["0.5 0.5 0.5", "0.5 0.5 x 1", "264 10 30 40"])
def test_a_bad_label_names_file_and_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match=r"a\.zip: 000000\.txt line 2: expected `cx cy w h`"):
        read_shards([shard(tmp_path / "a.zip", f"0.5 0.5 0.5 1.0\n{line}\n")])
