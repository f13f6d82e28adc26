"""Which profile is in force, and what goes on when another one comes."""

from __future__ import annotations

from random import Random

import msgspec
import numpy as np
import pytest
import untold

from edge_agent.config import CameraConfig, FileSource
from edge_agent.config.camera import ProfileConfig, Schedule
from edge_agent.domain import U8, CameraId, EndReason, EventId, Frame, Label, Phase
from edge_agent.geometry import FrameSize
from edge_agent.health.darkness import HOLDS_S
from edge_agent.pipeline import CameraPipeline
from edge_agent.pipeline.profiles import Profiles
from edge_agent.pipeline.stages import build_pipeline
from edge_agent.tools.tuning.words import reason_text

GATE = CameraConfig(id="gate", source=FileSource(path="x"))
LATE = (Schedule(start="22:00", end="06:00"),)
MIDNIGHT, NOON = 0, 12 * 60


def with_profiles(camera: CameraConfig = GATE, **profiles: ProfileConfig) -> CameraConfig:
    return msgspec.structs.replace(camera, profiles=profiles)


class Painted:
    """A picture of one colour (B, G, R)."""

    size = FrameSize(64, 36)

    def __init__(self, *colour: int) -> None:
        self._bgr = np.full((36, 64, 3), colour, np.uint8)

    def luma(self) -> U8:
        return self._bgr.mean(2).astype(np.uint8)

    def bgr(self) -> U8:
        return self._bgr


DAY, DUSK, NIGHT = Painted(90, 140, 120), Painted(40, 60, 50), Painted(5, 12, 9)
INFRARED = Painted(120, 120, 120)


def frame(at_s: float, pixels: Painted = DAY, weekminute: int = NOON) -> Frame:
    return Frame(CameraId("gate"), at_s, pixels, weekminute=weekminute)


def shown(profiles: Profiles, pixels: Painted, from_s: float, to_s: float) -> str:
    """The profile in force after pictures like that, five a second."""
    for i in range(int((to_s - from_s) * 5)):
        profiles.update(frame(from_s + i / 5, pixels))
    return profiles.in_force


# --- which one ----------------------------------------------------------------------------


def test_first_profile_in_the_file_whose_time_it_is_holds() -> None:
    dusk = (Schedule(start="18:00", end="24:00"),)
    profiles = Profiles(
        with_profiles(night=ProfileConfig(schedule=LATE), evening=ProfileConfig(schedule=dusk))
    )
    found = [
        profiles.update(frame(i, weekminute=m)) for i, m in enumerate((NOON, 19 * 60, 23 * 60))
    ]
    assert found == ["", "evening", "night"]


@pytest.mark.parametrize("night", [NIGHT, INFRARED], ids=["dark", "infrared"])
def test_darkness_must_hold_before_the_profile_changes(night: Painted) -> None:
    profiles = Profiles(with_profiles(night=ProfileConfig(dark=True)))
    assert shown(profiles, DAY, 0, 5) == ""
    assert shown(profiles, night, 5, 5 + HOLDS_S / 2) == ""  # cloth before the lens
    assert shown(profiles, DAY, 30, 40) == ""
    assert shown(profiles, night, 40, 45 + HOLDS_S) == "night"
    assert shown(profiles, DAY, 100, 100 + HOLDS_S / 2) == "night"  # headlights
    assert shown(profiles, night, 120, 130) == "night"
    assert shown(profiles, DAY, 140, 145 + HOLDS_S) == ""


def test_dusk_between_the_two_levels_changes_nothing() -> None:
    profiles = Profiles(with_profiles(night=ProfileConfig(dark=True)))
    assert shown(profiles, DAY, 0, 5) == ""
    assert shown(profiles, DUSK, 5, 60) == ""
    assert shown(profiles, NIGHT, 60, 90) == "night"
    assert shown(profiles, DUSK, 90, 150) == "night"


def test_a_profile_with_both_conditions_needs_both() -> None:
    profiles = Profiles(with_profiles(night=ProfileConfig(schedule=LATE, dark=True)))
    assert profiles.update(frame(0, NIGHT, NOON)) == ""
    assert profiles.update(frame(1, NIGHT, MIDNIGHT)) == "night"
    assert profiles.by == "schedule and dark"


def test_a_command_outranks_hour_and_darkness_until_auto() -> None:
    profiles = Profiles(
        with_profiles(night=ProfileConfig(schedule=LATE), party=ProfileConfig(person={}))
    )
    assert profiles.update(frame(0, weekminute=MIDNIGHT)) == "night"
    profiles.ask("party")
    assert (profiles.in_force, profiles.by) == ("party", "command")
    assert profiles.update(frame(1, weekminute=MIDNIGHT)) == "party"
    profiles.ask("none")
    assert profiles.update(frame(2, weekminute=MIDNIGHT)) == ""
    profiles.ask("auto")
    assert profiles.update(frame(3, weekminute=MIDNIGHT)) == "night"


def test_what_was_in_force_and_asked_for_outlives_a_restart() -> None:
    camera = with_profiles(night=ProfileConfig(dark=True), party=ProfileConfig())
    before = Profiles(camera)
    assert shown(before, NIGHT, 0, 5) == "night"
    after = Profiles(camera)
    after.restore(before.state())
    assert after.in_force == "night"
    assert shown(after, DAY, 1000, 1000 + HOLDS_S / 2) == "night"  # a torch at the start
    before.ask("party")
    after.restore(before.state())
    assert after.update(frame(2000)) == "party"


def test_a_profile_that_was_asked_for_and_is_gone_gives_way_to_auto() -> None:
    before = Profiles(with_profiles(party=ProfileConfig()))
    before.ask("party")
    after = Profiles(with_profiles(night=ProfileConfig(schedule=LATE)))
    after.restore(before.state())
    assert (after.asked, after.update(frame(0, weekminute=MIDNIGHT))) == ("auto", "night")


# --- a pipeline with profiles ---------------------------------------------------------------


class Standing:
    """Finds somebody in the middle of every picture."""

    candidate_threshold, confirm_threshold = 0.2, 0.5

    def detect(self, pixels, regions, *, candidate_threshold):
        bbox = untold.BBox(0.45, 0.3, 0.1, 0.4)
        return [untold.Detection(bbox, 0.6)] if candidate_threshold <= 0.6 else []


def pipeline_of(camera: CameraConfig) -> CameraPipeline:
    names = iter(range(1000))
    return build_pipeline(camera, Standing(), lambda *_: EventId(f"event-{next(names)}"))


WHOLE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]


def test_open_event_lives_on_when_another_profile_comes_into_force() -> None:
    zone = {"name": "yard", "polygon": WHOLE}
    pipeline = pipeline_of(with_profiles(night=ProfileConfig(schedule=LATE, zones=(zone,))))
    messages = []
    for i in range(100):
        minute = MIDNIGHT if i >= 50 else NOON
        analysis = pipeline.update(frame(i / 5, weekminute=minute))
        assert analysis.profile == ("night" if i >= 50 else "")
        messages += [event for event in analysis.events if event.label is Label.PERSON]
    messages += [e for e in pipeline.close(EndReason.CAMERA_LOST, 20.0) if e.label is Label.PERSON]
    assert {event.event_id for event in messages} == {messages[0].event_id}
    assert [e.phase for e in messages if e.phase is not Phase.UPDATE] == [Phase.START, Phase.END]
    assert (messages[0].profile, messages[-1].profile) == ("", "night")
    assert messages[-1].zones_entered == ("yard",)


def test_a_profile_decides_by_its_own_threshold() -> None:
    strict = ProfileConfig(schedule=LATE, person={"confirm_threshold": 0.9})
    for minute, tells in ((NOON, True), (MIDNIGHT, False)):
        pipeline = pipeline_of(with_profiles(night=strict))
        analyses = [pipeline.update(frame(i / 5, weekminute=minute)) for i in range(50)]
        assert any(analysis.hits for analysis in analyses) is tells


def test_profile_and_event_go_on_in_the_next_recording() -> None:
    camera = with_profiles(night=ProfileConfig(dark=True, person={"confirm_looks": 2}))
    first, second = pipeline_of(camera), pipeline_of(camera)
    for i in range(20):
        told = first.update(frame(i / 5, NIGHT))
    second.resume(first.carry_over(), offset_s=4.0)
    assert second.profile == "night"
    assert second.update(frame(0.2, DAY)).profile == "night"  # it must hold, there too
    assert told.hits
    assert second.update(frame(0.4, DAY)).hits[0].track.track_id == told.hits[0].track.track_id


# --- why ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ({"confirm_threshold": 0.95}, "profiles.night.person.confirm_threshold"),
        ({}, "person.confirm_threshold"),
    ],
)
def test_why_names_the_key_where_the_profile_in_force_has_it(
    written: dict[str, float], key: str
) -> None:
    strict = msgspec.structs.replace(untold.CAMERA.person, confirm_threshold=0.95)
    camera = untold.CAMERA if written else msgspec.structs.replace(untold.CAMERA, person=strict)
    camera = with_profiles(camera, night=ProfileConfig(schedule=LATE, person=written))
    asked = untold.ask(untold.walk(untold.Walker(), Random(1)), camera, weekminute=MIDNIGHT)
    (why,) = asked.whys
    assert why.profile == "night"
    text = reason_text(why, camera)
    assert text.startswith(f"{key} (")
    assert f"-> {key} = 0." in text
