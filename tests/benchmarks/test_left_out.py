"""Who counts at which height."""

import numpy as np

from benchmarks.left_out import night, of_height
from edge_agent.detect.evaluation import LabelledFrame, evaluate


def test_people_of_another_height_and_what_finds_them_count_neither_way() -> None:
    people = np.array([[0, 0, 20, 40], [100, 0, 110, 8]], np.float32)
    frame = LabelledFrame(people, people, np.array([0.9, 0.8], np.float32))
    tall = of_height(frame, 100, 0.2, 0.5)
    assert tall.truth.tolist() == [people[0].tolist()]
    assert evaluate([tall]).ap == 1.0
    small = of_height(frame, 100, 0.05, 0.1)
    assert small.truth.tolist() == [people[1].tolist()]
    assert evaluate([small]).ap == 1.0


def test_a_night_picture_is_grey_and_darker() -> None:
    day = np.full((40, 60, 3), (30, 120, 210), np.uint8)
    dark = night(day)
    assert dark.mean() < day.mean() / 2
    assert np.array_equal(dark[..., 0], dark[..., 2])
