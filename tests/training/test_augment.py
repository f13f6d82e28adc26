"""Boxes must stay on their people whatever is done to the picture."""

import numpy as np
import pytest

from models.training.augment import IGNORED, NOBODY, PERSON, Augmentation, Augmenter, clipped

#: No colours, noise or codecs: the figure stays the only bright thing.
_PLAIN = {"grey": 0, "dark": 0, "blur": 0, "noise": 0, "jpeg": 0, "colour": 0}


class OneFigure:
    """A white ellipse on black, and the box around it."""

    def __init__(self) -> None:
        self._image = np.zeros((264, 264, 3), np.uint8)
        y, x = np.mgrid[:264, :264]
        self._image[((x - 130) / 25) ** 2 + ((y - 140) / 70) ** 2 <= 1] = 255

    def picture(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        assert index == 0
        return self._image, np.array([[105, 70, 155, 210, PERSON]], np.float32)

    def any_index(self, rng: np.random.Generator) -> int:
        return 0


@pytest.mark.parametrize("bend", [0, 1])
@pytest.mark.parametrize("mosaic", [0, 1])
def test_every_figure_fills_its_box(mosaic: float, bend: float) -> None:
    how = Augmentation(mosaic=mosaic, bend=bend, **_PLAIN)
    augmenter = Augmenter(OneFigure(), how)
    seen = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        _, clean, found = augmenter.draw(0, 288, 192, rng)
        levels = clean[..., 1].astype(int)
        bright = levels > (levels.min() + levels.max() * 3) / 4
        outside = bright.copy()
        for x1, y1, x2, y2, kind in found:
            outside[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))] = False
            if kind == PERSON:
                inside = bright[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))]
                # An ellipse fills .79 of its box; a quarter of one, cut off at a corner, less.
                assert inside.mean() > 0.35
                seen += 1
        if len(found):
            assert outside.sum() <= 0.03 * bright.sum() + 12
    assert seen > 40


def test_the_same_seed_draws_the_same_picture() -> None:
    augmenter = Augmenter(OneFigure(), Augmentation())
    one, same = (augmenter.draw(0, 160, 160, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one[0], same[0])
    assert np.array_equal(one[1], same[1])
    assert np.array_equal(one[2], same[2])


def test_an_image_leaves_no_side_empty_that_it_can_fill() -> None:
    how = Augmentation(mosaic=0, bend=0, rotate_deg=0, zoom=(1.3, 3.0), aspect=0, **_PLAIN)
    augmenter = Augmenter(OneFigure(), how)
    for seed in range(40):
        _, clean, _ = augmenter.draw(0, 256, 256, np.random.default_rng(seed))
        # The scene is black and white; what it does not reach stays grey.
        assert not (clean[[0, -1]][:, [0, -1]] == 114).any()


def test_a_person_who_is_hardly_visible_teaches_nothing() -> None:
    boxes = np.array(
        [
            [-60, 10, 30, 90, PERSON],  # a third of the width is left
            [-85, 10, 15, 90, PERSON],  # a seventh
            [-99, 10, 1, 90, PERSON],  # a hundredth
            [40, 40, 44, 45, PERSON],  # five pixels high
        ],
        np.float32,
    )
    found = clipped(boxes, 100, 100)
    assert found[:, 4].tolist() == [PERSON, IGNORED, IGNORED]
    assert found[0, :4].tolist() == [0, 10, 30, 90]


def test_a_part_without_people_stays_one_however_little_of_it_is_shown() -> None:
    found = clipped(np.array([[-400, -300, 130, 100, NOBODY]], np.float32), 120, 90)
    assert found.tolist() == [[0, 0, 120, 90, NOBODY]]
