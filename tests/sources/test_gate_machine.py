"""The gate's decisions, with packets, sights and findings made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from edge_agent.domain import Lighting, Track
from edge_agent.geometry import BBox
from edge_agent.sources.gate import (
    Finding,
    GateMachine,
    GateMemory,
    GateState,
    GateStep,
    PacketFact,
    PeopleWatch,
    Policy,
    Sight,
)

FPS = 10.0
SOMEBODY = BBox(0.4, 0.4, 0.1, 0.3)
ELSEWHERE = BBox(0.8, 0.1, 0.1, 0.2)


def track(at_s: float, bbox: BBox = SOMEBODY, *, track_id: int = 1, seen_s: float | None = None):
    return Track(track_id, bbox, 0.9, 0.9, 0.8, 0.0, at_s if seen_s is None else seen_s, 9)


@dataclass
class Camera:
    """Sends packets, shows what moves on keyframes, and lets an analysis find things.

    `moving(at_s)`: what the gate sees; `tracks(at_s)`: whom the analysis follows. The
    analysis looks at every frame that the gate hands on and nothing else.
    """

    gop_s: float = 1.0
    enabled: bool = True
    memory: GateMemory = field(default_factory=GateMemory)
    moving: object = staticmethod(lambda at_s: ())
    found: object = None  # what the analysis says moves; None: the same
    tracks: object = staticmethod(lambda at_s: ())
    candidates: object = staticmethod(lambda at_s: ())
    deaf: bool = False  # the analysis does not answer
    at_s: float = 0.0
    steps: list = field(default_factory=list)

    def __post_init__(self) -> None:
        self.machine = GateMachine(self.memory, enabled=self.enabled)
        self.since_key = 0

    def run(self, until_s: float) -> list[tuple[float, GateStep]]:
        begin = len(self.steps)
        while self.at_s < until_s - 1e-9:
            is_key = self.since_key == 0
            step = self.machine.packet(PacketFact(is_key, self.at_s, self.at_s))
            self._obey(step)
            self.since_key = (self.since_key + 1) % round(self.gop_s * FPS)
            self.at_s = round(self.at_s + 1 / FPS, 6)
        return self.steps[begin:]

    def _obey(self, step: GateStep) -> None:
        handed = step in (GateStep.DECODE, GateStep.LOOK, GateStep.WAKE)
        woke = step
        if step is GateStep.LOOK:
            answer = self.machine.looked(
                Sight(self.at_s, tuple(self.moving(self.at_s)), Lighting.STEADY)
            )
            if answer is GateStep.WAKE:
                woke, handed = GateStep.WAKE, True
        self.steps.append((self.at_s, woke))
        if handed and not self.deaf:
            found = self.moving if self.found is None else self.found
            self.machine.heed(
                Finding(
                    self.at_s,
                    tuple(found(self.at_s)),
                    tuple(self.tracks(self.at_s)),
                    tuple(self.candidates(self.at_s)),
                )
            )

    def decoded_frac(self, steps) -> float:
        return sum(step is not GateStep.SKIP for _, step in steps) / len(steps)


def between(begin_s: float, end_s: float, *boxes: BBox):
    return lambda at_s: boxes if begin_s <= at_s < end_s else ()


def test_everything_is_decoded_until_the_stream_and_its_background_are_known() -> None:
    camera = Camera()
    early = camera.run(5.0)
    assert {step for _, step in early} == {GateStep.DECODE, GateStep.LOOK}
    assert camera.machine.state is GateState.ACTIVE
    camera.run(6.5)
    assert camera.machine.state is GateState.IDLE


def test_idle_decodes_only_keyframes() -> None:
    camera = Camera()
    camera.run(10.0)
    steps = camera.run(40.0)
    assert [at_s for at_s, step in steps if step is not GateStep.SKIP] == [
        float(s) for s in range(10, 40)
    ]
    assert camera.memory.counters.wakes == 0
    assert camera.memory.counters.idle_s == pytest.approx(34, abs=1)


def test_keyframe_with_motion_wakes_and_replays_from_the_keyframe_before() -> None:
    camera = Camera(moving=between(19.4, 23.0, SOMEBODY))
    steps = camera.run(20.1)
    assert steps[-1] == (20.0, GateStep.WAKE)
    assert camera.machine.rewind_to_s == 19.0
    assert {step for _, step in camera.run(23.0)} == {GateStep.DECODE, GateStep.LOOK}
    camera.run(40.0)
    assert camera.machine.state is GateState.IDLE
    assert (camera.memory.counters.wakes, camera.memory.counters.false_wakes) == (1, 0)


def test_gate_stays_open_for_a_quiet_second_and_closes_in_the_middle_of_a_gop() -> None:
    camera = Camera(moving=between(20.0, 23.75, SOMEBODY))
    camera.run(40.0)
    assert rested_s(camera) == pytest.approx(24.8)  # a second after the last of it
    camera = Camera(gop_s=2.0, moving=between(20.0, 23.75, SOMEBODY))
    camera.run(40.0)
    assert rested_s(camera) == pytest.approx(24.8)  # 1 s after the last that moved


def test_gate_waits_for_an_analysis_that_is_behind_but_not_for_ever() -> None:
    camera = Camera(gop_s=2.0, moving=between(20.0, 23.75, SOMEBODY))
    camera.run(23.5)
    camera.deaf = True
    camera.run(40.0)
    assert rested_s(camera) == pytest.approx(27.5)


def rested_s(camera: Camera) -> float:
    return next(at_s for at_s, step in camera.steps if at_s > 20.5 and step is GateStep.SKIP)


def test_wake_in_which_the_analysis_sees_nothing_is_counted_as_false() -> None:
    camera = Camera(moving=between(20.0, 20.05, SOMEBODY), found=lambda at_s: ())
    camera.run(40.0)
    assert (camera.memory.counters.wakes, camera.memory.counters.false_wakes) == (1, 1)


@pytest.mark.parametrize(
    ("gop_s", "policy", "state"),
    [
        (0.5, Policy.KEYS, GateState.IDLE),
        (1.0, Policy.KEYS, GateState.IDLE),
        (2.0, Policy.KEYS, GateState.IDLE),
        (4.0, Policy.KEYS, GateState.IDLE),
        (5.0, Policy.FULL, GateState.ALWAYS),
        (16.7, Policy.FULL, GateState.ALWAYS),
    ],
)
def test_time_between_keyframes_decides(gop_s: float, policy: Policy, state: GateState) -> None:
    camera = Camera(gop_s=gop_s)
    camera.run(60.0)
    assert camera.machine.plan.policy is policy
    assert camera.machine.state is state
    assert ("smart codec" in str(camera.machine.plan)) == (policy is Policy.FULL)


def test_smart_codec_that_stretches_its_gop_ends_the_gating_and_replays_what_was_skipped() -> None:
    camera = Camera()
    camera.run(20.0)
    assert camera.machine.state is GateState.IDLE
    camera.gop_s = 16.0
    steps = camera.run(30.0)
    woken = [at_s for at_s, step in steps if step is GateStep.WAKE]
    assert woken == [pytest.approx(24.2)]
    assert camera.machine.rewind_to_s == 20.0
    assert camera.machine.state is GateState.ALWAYS
    assert {step for at_s, step in steps if at_s > 24.2} == {GateStep.DECODE}


def test_lost_keyframe_does_not_end_the_gating_for_good() -> None:
    camera = Camera(gop_s=5.0)
    camera.run(20.0)
    camera.gop_s, camera.since_key = 1.0, 0
    camera.run(310.0)
    assert camera.machine.state is GateState.ALWAYS
    camera.run(340.0)
    assert camera.machine.state is GateState.IDLE


def test_varying_time_between_keyframes_is_not_trusted() -> None:
    camera = Camera()
    camera.run(10.0)
    camera.gop_s = 3.0
    camera.run(13.5)
    assert camera.machine.plan.policy is Policy.FULL
    assert "varies" in camera.machine.plan.reason


def test_gate_that_is_off_decodes_everything() -> None:
    camera = Camera(enabled=False)
    steps = camera.run(30.0)
    assert {step for _, step in steps} == {GateStep.DECODE}
    assert camera.machine.mode.name == "always"
    assert not camera.machine.lean


def test_ungated_stream_is_decoded_without_loop_filter_only_while_nothing_happens() -> None:
    camera = Camera(gop_s=10.0, found=between(30.0, 31.0, SOMEBODY))
    camera.run(29.0)
    assert camera.machine.lean
    camera.run(31.5)
    assert not camera.machine.lean
    camera.run(36.0)
    assert camera.machine.lean


def test_all_intra_stream_is_looked_at_once_a_second() -> None:
    camera = Camera(gop_s=1 / FPS)
    camera.run(10.0)
    assert camera.machine.all_intra
    steps = camera.run(30.0)
    assert sum(step is GateStep.LOOK for _, step in steps) == 20
    assert camera.decoded_frac(steps) == pytest.approx(0.1)


def test_lamp_wakes() -> None:
    camera = Camera()
    camera.run(20.0)
    fact = PacketFact(True, 20.0, 20.0)
    assert camera.machine.packet(fact) is GateStep.LOOK
    assert camera.machine.looked(Sight(20.0, (), Lighting.CHANGED)) is GateStep.WAKE


# --- people and nuisance ----------------------------------------------------------------


def test_still_person_is_verified_on_keyframes_instead_of_full_decode() -> None:
    camera = Camera(
        moving=between(20.0, 120.0, SOMEBODY),
        tracks=lambda at_s: [track(at_s)] if 20.0 <= at_s < 120.0 else [],
    )
    camera.run(40.0)
    steps = camera.run(110.0)
    assert camera.decoded_frac(steps) == pytest.approx(0.1)
    assert camera.machine.state is GateState.IDLE


def test_still_person_who_moves_wakes_with_the_pictures_before() -> None:
    def where(at_s: float) -> BBox:
        return SOMEBODY if at_s < 60.0 else BBox(0.4 + 0.2 * (at_s - 60.0), 0.4, 0.1, 0.3)

    camera = Camera(
        moving=lambda at_s: [where(at_s)] if 20 <= at_s < 62 else [],
        tracks=lambda at_s: [track(at_s, where(at_s))] if 20 <= at_s < 62 else [],
    )
    camera.run(60.5)
    assert camera.machine.state is GateState.IDLE
    steps = camera.run(61.5)
    assert [at_s for at_s, step in steps if step is GateStep.WAKE] == [61.0]
    assert camera.machine.rewind_to_s == 60.0


def test_still_person_who_is_not_found_again_wakes() -> None:
    camera = Camera(
        moving=between(20.0, 24.0, SOMEBODY),
        tracks=lambda at_s: [track(at_s, seen_s=min(at_s, 60.0))] if 20 <= at_s < 63 else [],
    )
    camera.run(60.9)
    assert camera.machine.state is GateState.IDLE
    steps = camera.run(62.0)
    assert [at_s for at_s, step in steps if step is GateStep.WAKE] == [pytest.approx(61.1)]


def test_second_person_wakes_although_the_first_is_still() -> None:
    camera = Camera(
        moving=lambda at_s: [SOMEBODY] + ([ELSEWHERE] if at_s >= 50 else []) if at_s >= 20 else [],
        tracks=lambda at_s: [track(at_s)] if at_s >= 20 else [],
    )
    camera.run(49.9)
    assert camera.machine.state is GateState.IDLE
    assert camera.run(50.1)[-1] == (50.0, GateStep.WAKE)


def wind(at_s: float) -> list[BBox]:
    return [BBox(0.6, 0.2, 0.2, 0.3)] if at_s >= 20 else []


def test_gate_rests_in_wind_once_it_is_known() -> None:
    camera = Camera(moving=wind)
    camera.run(120.0)
    steps = camera.run(600.0)
    assert camera.decoded_frac(steps) == pytest.approx(0.1)
    assert 0.06 < camera.memory.nuisance.frac < 0.25


@pytest.mark.parametrize(
    ("what", "wakes"),
    [
        ({"moving": [BBox(0.1, 0.2, 0.1, 0.3)]}, True),  # beside the leaves
        ({"moving": [BBox(0.5, 0.2, 0.4, 0.8)]}, True),  # in them, but larger
        ({"tracks": [track(0, BBox(0.65, 0.25, 0.1, 0.2))]}, True),  # in them, found
        ({"candidates": [BBox(0.65, 0.25, 0.1, 0.2)]}, True),  # in them, perhaps found
        ({}, False),
    ],
)
def test_person_in_the_leaves_is_still_found(what: dict, wakes: bool) -> None:
    def seen(kind: str):
        return lambda at_s: what.get(kind, []) if 300 <= at_s < 303 else []

    def moving(at_s: float) -> list[BBox]:
        return [*wind(at_s), *seen("moving")(at_s)]

    camera = Camera(moving=moving, tracks=seen("tracks"), candidates=seen("candidates"))
    camera.run(300.0)
    before = camera.memory.counters.wakes
    camera.run(305.0)
    assert camera.memory.counters.wakes - before == (1 if wakes else 0)


def test_weak_detections_in_the_leaves_do_not_keep_the_gate_open() -> None:
    camera = Camera(moving=wind, candidates=wind)
    camera.run(120.0)
    assert camera.decoded_frac(camera.run(720.0)) < 0.4


def test_leaf_in_a_new_place_does_not_keep_the_gate_open() -> None:
    def leaf(at_s: float) -> list[BBox]:
        return [BBox(0.07 * (int(at_s) * 7 % 13), 0.2, 0.02, 0.05)] if at_s >= 20 else []

    camera = Camera(moving=lambda at_s: leaf(at_s) if at_s % 10 < 0.05 else [])
    camera.run(60.0)
    assert camera.decoded_frac(camera.run(120.0)) < 0.4


@pytest.mark.parametrize("somebody", [False, True])
def test_place_that_woke_again_and_again_for_nobody_wakes_no_more(somebody: bool) -> None:
    def gust(at_s: float) -> list[BBox]:
        return [BBox(0.3, 0.05, 0.03, 0.05)] if at_s >= 20 and at_s % 40 < 1.25 else []

    def tracks(at_s: float) -> list[Track]:
        return [track(at_s, BBox(0.3, 0.05, 0.03, 0.05))] if somebody and gust(at_s) else []

    camera = Camera(moving=gust, tracks=tracks)
    camera.run(200.0)
    wakes = camera.memory.counters.wakes
    assert wakes >= 2
    camera.run(400.0)
    assert camera.memory.counters.wakes - wakes == (5 if somebody else 0)


def test_calm_weather_is_believed() -> None:
    camera = Camera(moving=lambda at_s: wind(at_s) if at_s < 200 else [])
    camera.run(200.0)
    assert camera.memory.nuisance.frac > 0
    camera.run(2000.0)
    assert camera.memory.nuisance.frac == 0


def test_place_where_somebody_was_found_has_to_earn_its_name_again() -> None:
    camera = Camera(
        moving=wind,
        tracks=lambda at_s: [track(at_s, BBox(0.6, 0.2, 0.2, 0.3))] if 300 <= at_s < 301 else [],
    )
    camera.run(299.0)
    assert camera.memory.nuisance.covers(BBox(0.6, 0.2, 0.2, 0.3))
    camera.run(302.0)
    assert not camera.memory.nuisance.covers(BBox(0.6, 0.2, 0.2, 0.3))


def test_who_walked_away_is_not_waited_for_until_the_tracker_gives_up() -> None:
    def tracks(at_s: float) -> list[Track]:
        seen_s = min(at_s, 30.0)
        where = BBox(0.1 + 0.05 * (seen_s - 20), 0.4, 0.1, 0.3)
        return [track(at_s, where, seen_s=seen_s)] if 20 <= at_s < 32.5 else []

    camera = Camera(moving=between(20.0, 30.0, SOMEBODY), tracks=tracks)
    camera.run(40.0)
    assert rested_s(camera) == pytest.approx(
        31.4
    )  # after a second look at where they were, at 31.3


def test_gate_does_not_rest_while_the_light_changes() -> None:
    camera = Camera()
    camera.run(3.0)
    camera.machine.looked(Sight(3.0, (), Lighting.CHANGED))
    looked = camera.machine.looked
    camera.machine.looked = lambda sight: looked(  # type: ignore[method-assign]
        Sight(sight.at_s, (), Lighting.CHANGED if sight.at_s < 20 else Lighting.STEADY)
    )
    camera.run(40.0)
    first_skip_s = next(at_s for at_s, step in camera.steps if step is GateStep.SKIP)
    assert first_skip_s >= 20.0


@pytest.mark.parametrize("looks", [2, 3])
def test_gate_does_not_rest_before_its_background_is_known(looks: int) -> None:
    """Two looks are too few, whatever the time; three in five seconds are enough."""
    machine = GateMachine(GateMemory())
    for index in range(80):
        at_s = index / 10
        step = machine.packet(PacketFact(index % 10 == 0, at_s, at_s))
        if step is GateStep.LOOK and machine._looks < looks:
            machine.looked(Sight(at_s, (), Lighting.STEADY))
            machine.heed(Finding(at_s, (), ()))
    assert (machine.state is GateState.IDLE) == (looks == 3)


def test_who_appeared_before_the_rest_is_not_looked_for_before_it() -> None:
    """All was decoded then: there is nothing that nobody saw."""
    camera = Camera()
    camera.run(20.5)
    assert camera.machine.state is GateState.IDLE
    rested_s = camera.machine._rested_s
    early = Finding(rested_s - 0.1, (), (track(rested_s - 0.1),))
    camera.machine._heard_s = float("-inf")
    camera.machine.heed(early)
    assert camera.machine._recall_wanted is False


def test_a_keyframe_without_a_picture_ends_the_gating_and_replays_the_past() -> None:
    camera = Camera()
    camera.run(20.5)
    assert camera.machine.state is GateState.IDLE
    camera.machine.pictureless()
    (step,) = {step for _, step in camera.run(20.6)}
    assert step is GateStep.WAKE
    assert camera.machine.rewind_to_s <= 19.0, "from the keyframe before"
    assert {step for _, step in camera.run(200.0)} <= {GateStep.DECODE, GateStep.LOOK}
    assert camera.machine.plan.policy is Policy.FULL
    assert "a keyframe alone gave no picture" in camera.machine.plan.reason
    assert not camera.machine.lean, "a change of the filter begins at a keyframe alone"


def test_a_burnt_in_clock_wakes_nobody() -> None:
    line = BBox(0.0, 0.0, 0.7, 0.13)
    digits = BBox(0.5, 0.02, 0.05, 0.08)
    camera = Camera(moving=lambda at_s: (digits,), found=lambda at_s: ())
    camera.machine.heed(Finding(0.0, (), (), (), (line,)))
    camera.run(40.0)
    assert camera.machine.state is GateState.IDLE
    assert camera.memory.counters.wakes == 0


def test_who_is_never_confirmed_is_looked_for_for_ten_seconds_and_no_longer() -> None:
    watch = PeopleWatch()
    for at_s, boxes in ((0.0, [SOMEBODY]), (10.0, [SOMEBODY]), (10.1, [])):
        watch.update([Track(1, SOMEBODY, 0.4, 0.4, 0.0, 0.0, at_s, 9)], at_s)
        assert list(watch.boxes) == boxes
