"""The values that are tried are as round as a technician would write them."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import msgspec
import pytest
import untold

from edge_agent.config import ZoneConfig
from edge_agent.geometry import BBox
from edge_agent.pipeline.change import Setting, settings_of
from edge_agent.pipeline.near_miss import NearMiss, Sighting


def near_miss(key: str, seed: int = 4) -> tuple[NearMiss, dict[str, Setting]]:
    """Of somebody hidden by this key, whose scores below .41 are not known."""
    walker = untold.Walker(lasts_s=7.0)
    recording, camera = untold.planted((key,), Random(seed), walker)
    (why,) = untold.ask(recording, camera).whys
    zone = 0 if camera.zones else None
    settings = settings_of(camera, why.miss, (0.2, 0.95), 0.411, zone)
    return why.miss, {setting.key: setting for setting in settings}


def test_stays_are_tenths_of_seconds_down_to_none() -> None:
    miss, settings = near_miss("zones[0].dwell_s")
    stays = settings["zones[0].dwell_s"].values
    assert stays[-1] == 0.0
    assert len(stays) > 3
    assert all(stay == round(stay, 1) for stay in stays)  # type: ignore[call-overload]
    assert max(stays) <= miss.last_s - miss.first_s  # type: ignore[type-var]


def test_thresholds_are_hundredths_and_none_is_below_what_was_looked_for() -> None:
    miss, settings = near_miss("person.min_height_frac")
    levels = settings["person.confirm_threshold"].values
    assert all(level == round(level, 2) for level in levels)  # type: ignore[call-overload]
    assert max(levels) <= max(sighting.score for sighting in miss.sightings)  # type: ignore
    recording = untold.walk(untold.Walker(scores=(0.3, 0.4)), Random(2))
    (why,) = untold.ask(recording, untold.CAMERA).whys
    found = settings_of(untold.CAMERA, why.miss, (0.2, 0.5), 0.411, None)
    assert {setting.key: setting for setting in found}["person.confirm_threshold"].values == (0.42,)


SQUARE = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))


def test_a_change_costs_its_share_of_the_number_and_redrawing_costs_most() -> None:
    threshold = Setting("person.confirm_threshold", "auto", (0.4, 0.25), effective=0.5)
    assert [threshold.cost(level) for level in (0, 1)] == pytest.approx([0.2, 0.5])
    sure = replace(threshold, handicap=3.0)
    assert sure.cost(0) == pytest.approx(3.2)
    drawn = Setting("zones[0].polygon", SQUARE, (SQUARE, SQUARE, None))
    assert [drawn.cost(level) for level in (0, 1, 2)] == pytest.approx([1, 1 + 1 / 3, 1 + 2 / 3])
    none = Setting("zones[0].dwell_s", 0.0, (0.5,))
    assert none.cost(0) > 1000, "of nothing every change is much"


def test_a_stay_is_at_most_as_long_as_they_were_there() -> None:
    box = BBox(0.4, 0.4, 0.1, 0.3)
    miss = NearMiss(tuple(Sighting(1000.0 + i / 5, 0, box, 0.8) for i in range(21)))
    zone = ZoneConfig(name="gate", polygon=SQUARE, dwell_s=60.0)
    camera = msgspec.structs.replace(untold.CAMERA, zones=(zone,))
    found = {each.key: each for each in settings_of(camera, miss, (0.2, 0.5), 0.1, 0)}
    stays = found["zones[0].dwell_s"].values
    assert (stays[0], stays[-1], len(stays)) == (4.0, 0.0, 13)
