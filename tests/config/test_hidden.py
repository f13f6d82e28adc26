"""A mask over most of the picture is told; one over a neighbour's garden is not."""

import pytest

from edge_agent.config import CameraConfig, FileSource
from edge_agent.config.camera import IgnoreZoneConfig, PrivacyMaskConfig
from edge_agent.config.hidden import mostly_hidden


def square(left: float, right: float) -> tuple[tuple[float, float], ...]:
    return ((left, 0.02), (right, 0.02), (right, 0.98), (left, 0.98))


def camera(*sides: tuple[float, float]) -> CameraConfig:
    masks = tuple(PrivacyMaskConfig(name=f"m{i}", polygon=square(*s)) for i, s in enumerate(sides))
    return CameraConfig(id="gate", source=FileSource(path="/x.mp4"), privacy_masks=masks)


@pytest.mark.parametrize("sides", [((0.02, 0.98),), ((0.0, 0.4), (0.3, 0.7))])
def test_masks_that_leave_little_are_told_with_their_share(
    sides: tuple[tuple[float, float], ...],
) -> None:
    (found,) = mostly_hidden(camera(*sides))
    assert found.path == "privacy_masks"
    assert found.is_warning
    share = {0.02: "92%", 0.0: "67%"}[sides[0][0]]
    assert found.found.startswith(f"privacy masks hide {share} of the picture")


def test_masks_that_overlap_are_not_counted_twice() -> None:
    assert not list(mostly_hidden(camera((0.0, 0.4), (0.0, 0.4))))


def test_ignore_zones_are_told_apart() -> None:
    zone = IgnoreZoneConfig(name="street", polygon=square(0.0, 0.9))
    camera = CameraConfig(id="gate", source=FileSource(path="/x.mp4"), ignore_zones=(zone,))
    (found,) = mostly_hidden(camera)
    assert (found.path, found.fix) == ("ignore_zones", "draw them smaller")
