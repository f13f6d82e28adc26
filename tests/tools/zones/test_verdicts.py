"""Would this tell? Each reason, and the agent's own rules as the judge."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from edge_agent.analysis.live_view import LiveFrame
from edge_agent.config import (
    CameraConfig,
    FileSource,
    IgnoreZoneConfig,
    PersonConfig,
    PrivacyMaskConfig,
    Schedule,
    ZoneConfig,
)
from edge_agent.domain import Track
from edge_agent.geometry import BBox
from edge_agent.tools.zones.verdicts import Held, RecentLooks, WalkVerdict
from edge_agent.tools.zones.words import live_sentence

BOX = BBox(0.4, 0.4, 0.1, 0.3)  # feet at (0.45, 0.7)
ROUND = ((0.3, 0.6), (0.6, 0.6), (0.6, 0.8), (0.3, 0.8))
ELSEWHERE = ((0.7, 0.6), (0.9, 0.6), (0.9, 0.8))
MONDAY_NOON = 12 * 60


def camera(**more: object) -> CameraConfig:
    return CameraConfig(id="gate", source=FileSource(path=""), **more)  # type: ignore[arg-type]


def looks(
    scores: Sequence[float],
    confidence: float = 0.0,
    *,
    told: Sequence[int] = (),
    step_s: float = 0.2,
) -> list[LiveFrame]:
    """One person, seen once in each."""
    return [
        LiveFrame(
            number,
            number * step_s,
            0.0,
            MONDAY_NOON,
            (),
            True,
            (),
            (
                Track(
                    1,
                    BOX,
                    score,
                    max(scores[:number]),
                    confidence if number >= 3 else 0.0,
                    step_s,
                    number * step_s,
                    number,
                ),
            ),
            dict.fromkeys(told, ()),
        )
        for number, score in enumerate(scores, start=1)
    ]


def verdict(config: CameraConfig, seen: Sequence[LiveFrame]) -> WalkVerdict:
    recent = RecentLooks()
    recent.add(seen)
    (found,) = recent.verdicts(config, 0.5)
    return found


SURE = looks([0.6, 0.7, 0.65], 0.6)
ZONE = ZoneConfig(name="door", polygon=ROUND)


@pytest.mark.parametrize(
    ("config", "seen", "held"),
    [
        (camera(), SURE, Held.NOTHING),
        (camera(zones=(ZONE,)), SURE, Held.NOTHING),
        (camera(zones=(ZoneConfig(name="a", polygon=ELSEWHERE),)), SURE, Held.OUTSIDE),
        (camera(ignore_zones=(IgnoreZoneConfig(name="a", polygon=ROUND),)), SURE, Held.IGNORED),
        (
            camera(privacy_masks=(PrivacyMaskConfig(name="a", polygon=((0, 0), (1, 0), (1, 1))),)),
            SURE,
            Held.NOTHING,
        ),
        (
            camera(
                privacy_masks=(
                    PrivacyMaskConfig(name="a", polygon=((0, 0), (1, 0), (1, 1), (0, 1))),
                )
            ),
            SURE,
            Held.MASK,
        ),
        (camera(person=PersonConfig(min_height_frac=0.31)), SURE, Held.SMALL),
        (camera(person=PersonConfig(min_height_frac=0.3)), SURE, Held.NOTHING),
        (camera(person=PersonConfig(max_height_frac=0.29)), SURE, Held.TALL),
        (camera(), looks([0.4, 0.45]), Held.SCORE),
        (camera(), looks([0.6, 0.7]), Held.LOOKS),
        (camera(zones=(ZoneConfig(name="a", polygon=ROUND, dwell_s=60),)), SURE, Held.DWELL),
        (
            camera(zones=(ZoneConfig(name="a", polygon=ROUND, confirm_threshold=0.8),)),
            SURE,
            Held.SCORE,
        ),
        (
            camera(
                zones=(
                    ZoneConfig(
                        name="a", polygon=ROUND, schedule=(Schedule(start="22:00", end="06:00"),)
                    ),
                )
            ),
            SURE,
            Held.SCHEDULE,
        ),
    ],
)
def test_each_reason(config: CameraConfig, seen: list[LiveFrame], held: Held) -> None:
    found = verdict(config, seen)
    assert (found.tells, found.held) == (held is Held.NOTHING, held)


def test_looks_are_counted_within_the_window_and_above_the_threshold() -> None:
    assert verdict(camera(), looks([0.6, 0.4, 0.7])).looks == 2
    slow = looks([0.6, 0.6, 0.6], step_s=1.5)
    assert verdict(camera(), slow).looks == 2
    assert verdict(camera(), looks([0.6] * 5, 0.6)).looks == 3, "never more than needed"


def test_what_is_told_and_what_would_be_are_two_things() -> None:
    seen = looks([0.6, 0.7, 0.65], 0.6, told=[1])
    told = verdict(camera(zones=(ZoneConfig(name="a", polygon=ELSEWHERE),)), seen)
    assert (told.told, told.tells) == (True, False)
    assert live_sentence(told) == "seen 0.65, 3 of 3 looks: not told: outside all zones"
    assert live_sentence(verdict(camera(zones=(ZONE,)), SURE)) == (
        "seen 0.65, 3 of 3 looks, zone door: would be told"
    )


def test_who_was_not_seen_for_a_while_is_not_here_and_a_new_stream_begins_anew() -> None:
    recent = RecentLooks()
    recent.add(SURE)
    gone = LiveFrame(9, 10.0, 0.0, 0, (), False, (), SURE[-1].tracks, {})
    recent.add([gone])
    assert recent.verdicts(camera(), 0.5) == ()
    recent.add(looks([0.6]))
    assert recent.newest is not None
    assert len(recent.verdicts(camera(), 0.5)) == 1
