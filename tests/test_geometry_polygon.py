"""Which points a polygon holds: its edges, too, and feet that the frame's border cuts."""

from __future__ import annotations

from random import Random

import pytest

from edge_agent.config import IgnoreZoneConfig, PersonConfig, ZoneConfig
from edge_agent.domain import Track
from edge_agent.geometry import BBox, Polygon
from edge_agent.rules import RuleEngine

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
SLANTED = ((0.1, 0.3), (0.9, 0.1), (0.7, 0.8))


@pytest.mark.parametrize("x", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("y", [0.0, 0.7, 1.0])
def test_the_whole_frame_holds_its_border(x: float, y: float) -> None:
    assert Polygon(WHOLE).contains((x, y))
    assert Polygon(WHOLE[::-1]).contains((x, y))


def test_every_edge_belongs_to_the_polygon_and_nothing_beyond() -> None:
    rng = Random(5)
    for a, b in zip(SLANTED, (*SLANTED[1:], SLANTED[0]), strict=True):
        for share in (0.0, 1.0, *(rng.random() for _ in range(200))):
            x, y = a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])
            assert Polygon(SLANTED).contains((x, y))
            out = (0.5667 + 1.0001 * (x - 0.5667), 0.4 + 1.0001 * (y - 0.4))
            assert not Polygon(SLANTED).contains(out)


@pytest.mark.parametrize(
    "bbox",
    [
        pytest.param(BBox(0.4, 0.5, 0.1, 0.5), id="below"),
        pytest.param(BBox(0.4, 0.5, 0.1, 0.53), id="beyond the lower edge"),
        pytest.param(BBox(-0.05, 0.3, 0.1, 0.5), id="left"),
        pytest.param(BBox(-0.09, 0.3, 0.1, 0.5), id="beyond the left edge"),
        pytest.param(BBox(0.95, 0.3, 0.1, 0.5), id="right"),
        pytest.param(BBox(0.98, 0.6, 0.1, 0.5), id="beyond the lower right corner"),
    ],
)
def test_people_whom_the_border_cuts_are_in_the_zone_that_ends_there(bbox: BBox) -> None:
    track = Track(1, bbox, 0.9, 0.9, 0.9, 0.0, 0.0, 5)
    zones = (ZoneConfig(name="yard", polygon=WHOLE),)
    rules = RuleEngine(PersonConfig(), zones, confirm_threshold=0.5)
    (hit,) = rules.update([track], 0.0, 0)
    assert hit.zones_current == ("yard",)
    street = (IgnoreZoneConfig(name="street", polygon=WHOLE),)
    assert not RuleEngine(PersonConfig(), (), street, confirm_threshold=0.5).update([track], 0.0, 0)
