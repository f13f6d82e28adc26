from __future__ import annotations

import numpy as np

from edge_agent.config import (
    CameraConfig,
    FileSource,
    IgnoreZoneConfig,
    PersonConfig,
    PrivacyMaskConfig,
    ZoneConfig,
)
from edge_agent.domain import U8
from edge_agent.tools.zones.grid import with_grid


def camera(**more: object) -> CameraConfig:
    return CameraConfig(id="gate", source=FileSource(path=""), **more)  # type: ignore[arg-type]


def grey(width: int = 1000, height: int = 500) -> U8:
    return np.full((height, width, 3), 128, np.uint8)


def changed(picture: U8) -> np.ndarray:
    return np.any(np.abs(picture.astype(int) - 128) > 8, axis=2)


def test_lines_lie_on_the_tenths_and_nothing_between_them() -> None:
    drawn = changed(with_grid(grey(), camera()))
    assert drawn[245, [100, 300, 900]].all()
    assert drawn[[50, 250, 450], 550].all()
    assert not drawn[275, 150]


def test_small_pictures_are_enlarged_and_the_given_one_is_kept() -> None:
    given = grey(64, 48)
    assert with_grid(given, camera()).shape == (720, 960, 3)
    assert not changed(given).any()


def test_each_kind_is_drawn_where_it_lies_in_a_colour_of_its_own() -> None:
    square = ((0.12, 0.12), (0.48, 0.12), (0.48, 0.88), (0.12, 0.88))
    colours = set()
    for area in (
        {"zones": (ZoneConfig(name="a", polygon=square),)},
        {"ignore_zones": (IgnoreZoneConfig(name="a", polygon=square),)},
        {"privacy_masks": (PrivacyMaskConfig(name="a", polygon=square),)},
    ):
        drawn = with_grid(grey(), camera(**area))
        assert changed(drawn)[75, 150]
        assert not changed(drawn)[75, 550]
        colours.add(tuple(drawn[75, 150]))
    assert len(colours) == 3


def test_heights_are_drawn_as_tall_as_they_are() -> None:
    person = PersonConfig(min_height_frac=0.33, max_height_frac=0.77)
    bare = changed(with_grid(grey(), camera()))
    drawn = changed(with_grid(grey(), camera(person=person))) & ~bare
    assert drawn[333:338, 965].any()
    assert not drawn[338:480, 965].any()
    assert drawn[113:118, 905].any()
    assert not drawn[118:480, 905].any()
