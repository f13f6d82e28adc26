"""Settings from the command line: what can be tried, and what is refused in words."""

from __future__ import annotations

import pytest
import untold

from edge_agent.config import CameraConfig, IgnoreZoneConfig, ZoneConfig
from edge_agent.errors import ConfigError
from edge_agent.tools.tuning.candidates import swept, with_changes

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
CAMERA = CameraConfig(
    id="gate",
    source=untold.CAMERA.source,
    zones=(ZoneConfig(name="door", polygon=WHOLE), ZoneConfig(name="path", polygon=WHOLE)),
    ignore_zones=(IgnoreZoneConfig(name="street", polygon=WHOLE),),
)


def test_keys_of_every_table_are_changed_and_nothing_else() -> None:
    changes = [
        "person.confirm_threshold=0.4",
        "motion.sensitivity=1.5",
        "zones[path].dwell_s=3",
        "zones[0].polygon=[[0,0],[1,0],[1,1]]",
        "ignore_zones[street].polygon=[[0,0],[0.5,0],[0.5,0.5]]",
    ]
    camera = with_changes(CAMERA, changes).camera
    assert camera.person.confirm_threshold == 0.4
    assert camera.motion.sensitivity == 1.5
    assert [zone.dwell_s for zone in camera.zones] == [0.0, 3.0]
    assert camera.zones[0].polygon == ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
    assert camera.ignore_zones[0].polygon[1] == (0.5, 0.0)
    assert (camera.id, camera.source) == (CAMERA.id, CAMERA.source)
    assert (
        with_changes(camera, ["person.confirm_threshold=auto"]).camera.person.confirm_threshold
        == "auto"
    )


def test_a_sweep_is_every_combination_without_rounding() -> None:
    sweeps = ["person.confirm_threshold=0.3:0.6:0.1", "person.confirm_looks=2,3"]
    found = swept(CAMERA, sweeps)
    assert len(found) == 8
    thresholds = [each.camera.person.confirm_threshold for each in found]
    assert thresholds == [0.3, 0.3, 0.4, 0.4, 0.5, 0.5, 0.6, 0.6]
    assert found[1].name == "person.confirm_threshold=0.3 person.confirm_looks=3"
    polygons = swept(CAMERA, ["zones[0].polygon=[[0,0],[1,0],[1,1]],[[0,0],[1,0],[0,1]]"])
    assert len({each.camera.zones[0].polygon for each in polygons}) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("person.confirm_treshold=0.4", "confirm_threshold"),
        ("person.confirm_threshold=2", "person.confirm_threshold"),
        ("person.confirm_threshold", "write it as"),
        ("source.path=other.mp4", "replay with the other file"),
        ("zones[gate].dwell_s=3", r"zones\[door\], zones\[path\]"),
        ("zones[7].dwell_s=3", r"zones\[door\]"),
        ("zones=3", "in full"),
        ("person.confirm_looks.x=3", "in full|no confirm_looks"),
        ("=3", "write it as"),
    ],
)
def test_what_cannot_be_tried(change: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        with_changes(CAMERA, [change])


@pytest.mark.parametrize(
    "sweep",
    ["person.confirm_looks=1:0:1", "person.confirm_looks=0:1:0", "motion.sensitivity=0.5:2:0.0001"],
)
def test_sweeps_without_end_are_refused(sweep: str) -> None:
    with pytest.raises(ConfigError, match=r"a <= b|at most"):
        swept(CAMERA, [sweep])
