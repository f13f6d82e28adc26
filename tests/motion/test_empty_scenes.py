"""The rendered emptiness that benchmarks rely on: long enough, the same each time, alive."""

from __future__ import annotations

from itertools import islice

import cv2
import numpy as np
from shared_data import require_footage

from benchmarks.scenes.emptiness import Scene, scenes
from edge_agent.config.schema import MotionConfig
from edge_agent.motion import MotionDetector


def _scene(name: str) -> Scene:
    folder = require_footage("PETS09-S2L1_480x360.mp4").parent
    return next(scene for scene in scenes(folder) if scene.name == name)


def test_the_scenes_last_more_than_twenty_minutes() -> None:
    folder = require_footage("PETS09-S2L1_480x360.mp4").parent

    assert sum(scene.seconds for scene in scenes(folder)) >= 20 * 60


def test_a_scene_is_the_same_each_time() -> None:
    scene = _scene("car-park-rain-night")

    first, again = (np.stack(list(islice(scene.frames(), 12))) for _ in range(2))

    assert np.array_equal(first, again)
    assert first.shape == (12, scene.size[1], scene.size[0], 3)


def test_something_moves_in_a_scene() -> None:
    detector = MotionDetector(MotionConfig())

    seen = [
        bool(detector.update(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), i / 5).regions)
        for i, picture in enumerate(islice(_scene("car-park-rain-night").frames(), 200))
    ]

    assert any(seen)
