"""The values that are tried are as round as a technician would write them."""

from __future__ import annotations

from random import Random

import untold

from edge_agent.pipeline.change import Setting, settings_of
from edge_agent.pipeline.near_miss import NearMiss


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
