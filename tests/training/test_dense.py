"""What a teacher says in every cell is what the agent's own code finds with it."""

import av
import numpy as np
import pytest
from shared_data import require_footage, require_model

from edge_agent.detect import OnnxDetector, find_model
from models.training.dense import DenseTeacher
from models.training.teacher import seen


def test_surest_cells_are_the_boxes_that_the_detector_finds() -> None:
    path = require_model("yolox_nano_416.onnx")
    clip = require_footage("intel_one-by-one-person-detection.mp4")
    with av.open(str(clip)) as container:
        container.seek(9_000_000)
        bgr = next(container.decode(video=0)).to_ndarray(format="bgr24")
    picture = np.full((416, 416, 3), 114, np.uint8)
    picture[:312] = bgr[::2, ::2][:312, :416] if bgr.shape[0] >= 624 else bgr[:312, :416]
    (found, *_) = seen(OnnxDetector.open(find_model("yolox-nano-416")), picture, flip=False)
    both = DenseTeacher(path, 0).look(np.stack([picture.transpose(2, 0, 1)] * 2))
    assert both.shape == (2, 3549, 5)
    best = both[1, both[1, :, 4].argmax()]
    assert best[4] == pytest.approx(found[4], abs=0.01)
    assert best[:4].clip(0, 416) == pytest.approx(found[:4], abs=2)


def test_it_takes_pictures_of_any_size() -> None:
    teacher = DenseTeacher(require_model("yolox_nano_416.onnx"), 0)
    assert teacher.look(np.zeros((3, 3, 96, 160), np.uint8)).shape == (3, 315, 5)
