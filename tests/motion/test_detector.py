"""The motion stage on scenes drawn from a seed: a textured yard, noise, light, a walker."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
from shared_data import require_footage

from edge_agent.config.schema import MotionConfig
from edge_agent.domain import U8, Lighting, Motion
from edge_agent.geometry import BBox, Polygon
from edge_agent.motion import MotionDetector

Light = Callable[[np.ndarray, float], np.ndarray]

LEFT_HALF = Polygon.of([(0, 0), (0.5, 0), (0.5, 1), (0, 1)])


class Yard:
    """A still place of `size` (width, height) with noise; `light` changes it as a whole."""

    def __init__(
        self, size: tuple[int, int] = (320, 180), *, noise: float = 3.0, light: Light | None = None
    ) -> None:
        self.size, self._light = size, light
        self._rng = np.random.default_rng(7)
        coarse = self._rng.uniform(50, 170, (9, 16)).astype(np.float32)
        fine = self._rng.normal(0, 8, (size[1], size[0])).astype(np.float32)
        grain = (size[1] + 32, size[0] + 32)
        self._grain = self._rng.standard_normal(grain).astype(np.float32) * noise
        self._still = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
        self._still += cv2.GaussianBlur(fine, (3, 3), 0)

    def luma(self, at_s: float, walkers: Sequence[BBox] = (), *, contrast: float = 50) -> U8:
        """The Y plane at a moment, with walkers darker (or lighter) than what is behind."""
        picture = self._still.copy()
        width, height = self.size
        for box in walkers:
            centre = (box.center[0] * width, box.center[1] * height)
            shape = np.zeros_like(picture)
            cv2.ellipse(shape, (centre, (box.w * width, box.h * height), 0), 1.0, -1, cv2.LINE_AA)
            picture -= contrast * shape
        if self._light is not None:
            picture = self._light(picture, at_s)
        left, top = self._rng.integers(0, 32, 2)
        picture = picture + self._grain[top : top + height, left : left + width]
        return np.clip(picture, 0, 255).astype(np.uint8)


def walker_at(at_s: float, *, height: float = 0.3, start_s: float = 0.0) -> BBox:
    """Somebody who crosses from the left, the width in 8 s."""
    x = -0.1 + (at_s - start_s) / 8 * 1.2
    return BBox(x, 0.6 - height / 2, height * 0.25, height)


def watch(
    yard: Yard,
    detector: MotionDetector,
    until_s: float,
    *,
    from_s: float = 0.0,
    fps: float = 5.0,
    walker: Callable[[float], BBox] | None = None,
    contrast: float = 50,
) -> list[tuple[float, Motion]]:
    """What the detector says of each picture."""
    said = []
    for i in range(round((until_s - from_s) * fps)):
        at_s = from_s + i / fps
        walkers = [walker(at_s)] if walker else []
        said.append((at_s, detector.update(yard.luma(at_s, walkers, contrast=contrast), at_s)))
    return said


def detector_of(*ignore: Polygon, **config: float) -> MotionDetector:
    return MotionDetector(MotionConfig(**config), ignore)


def found(box: BBox, motion: Motion) -> bool:
    """As the recall figure has it: a region of at most 4 times the area holds the centre."""
    return any(
        region.bbox.contains(box.center) and region.bbox.area_frac <= 4 * box.area_frac
        for region in motion.regions
    )


def found_share(said: list[tuple[float, Motion]], walker: Callable[[float], BBox]) -> float:
    """Share of the pictures with the walker wholly inside in which they were found."""
    inside = [(t, m) for t, m in said if walker(t).x >= 0 and walker(t).x2 <= 1]
    return sum(found(walker(t), m) for t, m in inside) / len(inside)


@pytest.mark.parametrize("noise", [0.0, 2.0, 6.0, 15.0])
def test_noise_alone_is_no_motion(noise: float) -> None:
    said = watch(Yard(noise=noise), detector_of(), 30)

    assert [t for t, motion in said if motion.regions] == []
    assert said[-1][1].lighting is Lighting.STEADY


def test_noise_that_grows_when_night_falls_is_no_motion() -> None:
    detector = detector_of()
    watch(Yard(noise=2.0), detector, 20)

    said = watch(Yard(noise=25.0), detector, 40, from_s=20)

    assert [t for t, motion in said if motion.regions and t >= 22] == []


def test_a_lamp_that_lights_a_part_softly_is_followed_and_blinds_nobody() -> None:
    def lamp(picture: np.ndarray, at_s: float) -> np.ndarray:
        across = (np.linspace(0, 1, picture.shape[1], dtype=np.float32) - 0.1) / 0.2
        return picture * (1 + 0.6 * np.exp(-(across**2)))[None, :] if at_s >= 15 else picture

    def walker(at_s: float) -> BBox:
        return walker_at(at_s, start_s=18)

    yard, detector = Yard(light=lamp), detector_of()
    watch(yard, detector, 15)
    said = watch(yard, detector, 18, from_s=15)
    after = watch(yard, detector, 26, from_s=18, walker=walker)

    assert [t for t, motion in said if motion.regions and t >= 16.5] == []
    assert found_share(after, walker) >= 0.9


@pytest.mark.parametrize(
    "light",
    [
        pytest.param(lambda p, t: p * (1 + 0.3 * np.sin(t / 10)), id="clouds"),
        pytest.param(lambda p, t: p * (1 - 0.6 * min(t, 60) / 60), id="dusk"),
    ],
)
def test_slow_light_is_no_motion(light: Light) -> None:
    said = watch(Yard(light=light), detector_of(), 60)

    assert [t for t, motion in said if motion.regions] == []
    assert all(motion.lighting is not Lighting.CHANGED for _, motion in said)


def _lamp(picture: np.ndarray, at_s: float) -> np.ndarray:
    """A lamp on the left from 15 s on: more light there than the gain of a camera explains."""
    reach = np.linspace(90, 25, picture.shape[1], dtype=np.float32)[None, :]
    return picture + reach if at_s >= 15 else picture


def _infrared(picture: np.ndarray, at_s: float) -> np.ndarray:
    """Bright becomes dim and dark bright, as cloth and leaves do in infrared."""
    return 190 - 0.8 * picture if at_s >= 15 else picture


@pytest.mark.parametrize("light", [_lamp, _infrared])
def test_a_change_of_light_is_said_once_and_learned_within_a_second(light: Light) -> None:
    said = watch(Yard(light=light), detector_of(), 30)

    changed = [t for t, motion in said if motion.lighting is Lighting.CHANGED]
    assert changed[0] == pytest.approx(15)
    assert changed[-1] < 16
    assert [t for t, motion in said if motion.regions] == []
    assert said[-1][1].lighting is Lighting.STEADY


@pytest.mark.parametrize("light", [_lamp, _infrared])
def test_who_comes_after_a_change_of_light_is_seen_within_two_seconds(light: Light) -> None:
    yard, detector = Yard(light=light), detector_of()

    def walker(at_s: float) -> BBox:
        return walker_at(at_s, start_s=15)

    watch(yard, detector, 15)
    said = watch(yard, detector, 17.2, from_s=15, walker=walker)

    first_s = next(t for t, motion in said if found(walker(t), motion))
    assert first_s <= 17


@pytest.mark.parametrize("fps", [2.0, 5.0, 10.0])
@pytest.mark.parametrize("height", [0.05, 0.3, 0.8])
def test_who_crosses_is_found_at_any_rate_and_size(height: float, fps: float) -> None:
    def walker(at_s: float) -> BBox:
        return walker_at(at_s, height=height, start_s=12)

    yard, detector = Yard(), detector_of()
    watch(yard, detector, 12, fps=fps)
    said = watch(yard, detector, 20, from_s=12, fps=fps, walker=walker)

    assert found_share(said, walker) >= 0.9


def test_who_stands_still_stays_foreground_for_a_minute_and_is_then_learned() -> None:
    yard, detector = Yard(), detector_of()
    watch(yard, detector, 160, fps=2)

    said = watch(yard, detector, 280, from_s=160, fps=2, walker=lambda _: BBox(0.4, 0.4, 0.1, 0.4))

    assert all(motion.regions for t, motion in said if t < 220)
    assert not any(motion.regions for t, motion in said if t > 250)


@pytest.mark.parametrize("stood_s", [20, 120])
def test_who_stood_and_left_leaves_no_ghost(stood_s: int) -> None:
    yard, detector = Yard(), detector_of()
    left_s = 160 + stood_s
    watch(yard, detector, 160, fps=2)
    watch(yard, detector, left_s, from_s=160, fps=2, walker=lambda _: BBox(0.4, 0.4, 0.1, 0.4))

    said = watch(yard, detector, left_s + 10, from_s=left_s, fps=2)

    assert [t for t, motion in said if motion.regions and t > left_s + 1] == []


def test_a_bush_in_the_wind_is_learned_and_who_passes_it_is_still_seen() -> None:
    yard, detector = Yard(), detector_of()
    rng = np.random.default_rng(3)

    def shaken(at_s: float, walkers: Sequence[BBox]) -> U8:
        leaves = [
            BBox(0.62 + 0.26 * x, 0.1 + 0.25 * y, 0.05, 0.09) for x, y in rng.uniform(0, 1, (14, 2))
        ]
        return yard.luma(at_s, [*leaves, *walkers], contrast=35)

    said = [detector.update(shaken(t, []), t) for t in np.arange(0, 90, 0.2)]
    changed = [motion.changed_frac for motion in said]
    passing = [
        found(walker_at(t, start_s=90), detector.update(shaken(t, [walker_at(t, start_s=90)]), t))
        for t in np.arange(91, 95, 0.2)
    ]

    assert np.mean(changed[-100:]) < 0.25 * np.mean(changed[15:50])
    assert sum(passing) >= 0.9 * len(passing)


def test_motion_in_an_ignore_zone_wakes_nobody() -> None:
    def walker(at_s: float) -> BBox:
        return walker_at(at_s, start_s=10)

    yard, detector = Yard(), detector_of(LEFT_HALF)
    watch(yard, detector, 10)
    said = watch(yard, detector, 18, from_s=10, walker=walker)

    assert [t for t, motion in said if motion.regions and walker(t).x2 < 0.5] == []
    assert any(found(walker(t), motion) for t, motion in said if walker(t).x > 0.5)


def test_a_wholly_ignored_picture_has_no_motion() -> None:
    everything = Polygon.of([(0, 0), (1, 0), (1, 1), (0, 1)])
    yard, detector = Yard(), detector_of(everything)
    watch(yard, detector, 10)

    said = watch(yard, detector, 14, from_s=10, walker=lambda t: walker_at(t, start_s=8))

    assert all(not motion.regions and motion.changed_frac == 0 for _, motion in said)


def test_sensitivity_decides_on_faint_contrast() -> None:
    def share(sensitivity: float) -> float:
        yard, detector = Yard(noise=4), detector_of(sensitivity=sensitivity)
        watch(yard, detector, 12)

        def walker(at_s: float) -> BBox:
            return walker_at(at_s, start_s=12)

        return found_share(watch(yard, detector, 20, from_s=12, walker=walker, contrast=12), walker)

    assert share(2.0) > 0.9
    assert share(0.3) == 0


def test_what_is_smaller_than_min_area_frac_does_not_count() -> None:
    for min_area_frac, seen in ((0.0002, True), (0.05, False)):
        yard, detector = Yard(), detector_of(min_area_frac=min_area_frac)
        watch(yard, detector, 10)
        said = watch(yard, detector, 16, from_s=10, walker=lambda t: walker_at(t, start_s=8))
        assert any(motion.regions for _, motion in said) is seen


def test_two_people_walking_apart_have_a_region_each() -> None:
    yard, detector = Yard(), detector_of()
    watch(yard, detector, 10)
    both = [BBox(0.2, 0.3, 0.08, 0.35), BBox(0.5, 0.3, 0.08, 0.35)]

    motion = detector.update(yard.luma(10, both), 10)

    assert len(motion.regions) == 2
    assert all(found(box, motion) for box in both)


def test_a_storm_gives_few_regions_inside_the_frame() -> None:
    yard, detector = Yard(), detector_of()
    watch(yard, detector, 10)
    rng = np.random.default_rng(1)
    spots = [BBox(x, y, 0.03, 0.05) for x, y in rng.uniform(0, 1, (90, 2))]

    motion = detector.update(yard.luma(10, spots), 10)

    assert 1 <= len(motion.regions) <= 24
    for region in motion.regions:
        assert region.bbox.x >= 0
        assert region.bbox.y >= 0
        assert region.bbox.x2 <= 1 + 1e-9
        assert region.bbox.y2 <= 1 + 1e-9
    covered = sum(any(r.bbox.contains(s.center) for r in motion.regions) for s in spots)
    inside = sum(0 < s.center[0] < 1 and 0 < s.center[1] < 1 for s in spots)
    assert covered >= 0.95 * inside


@pytest.mark.parametrize(
    "size", [(1, 1), (2, 3), (16, 16), (33, 17), (626, 360), (768, 432), (1920, 1080), (3840, 2160)]
)
def test_any_picture_size_is_taken(size: tuple[int, int]) -> None:
    detector = detector_of()
    empty = np.full((size[1], size[0]), 120, np.uint8)
    for i in range(25):
        assert detector.update(empty, i / 5).regions == ()
    shown = empty.copy()
    shown[size[1] // 4 : size[1] // 2 + 1, size[0] // 4 : size[0] // 2 + 1] = 30

    motion = detector.update(shown, 5.0)

    if min(size) >= 16:
        truth = BBox(0.25, 0.25, 0.25, 0.25)
        assert len(motion.regions) == 1
        assert motion.regions[0].bbox.contains(truth.center)
        assert motion.regions[0].bbox.iou(truth) > (0.5 if min(size) > 300 else 0.2)


def test_a_picture_with_padded_rows_is_read_in_place_and_not_written_to() -> None:
    detector = detector_of()
    plane = np.full((360, 704), 90, np.uint8)
    luma = plane[:, :640]
    luma.setflags(write=False)
    before = luma.copy()

    for i in range(5):
        detector.update(luma, i / 5)

    assert np.array_equal(luma, before)


def test_a_new_picture_size_begins_again() -> None:
    detector = detector_of()
    watch(Yard(), detector, 10)

    said = watch(Yard((240, 180)), detector, 20, from_s=10)

    assert said[0][1].lighting is Lighting.WARMING_UP
    assert said[-1][1].lighting is Lighting.STEADY
    assert [t for t, motion in said if motion.regions] == []


def test_a_still_clock_or_one_that_steps_back_breaks_nothing() -> None:
    yard, detector = Yard(), detector_of()
    watch(yard, detector, 10)

    said = [detector.update(yard.luma(10), at_s) for at_s in (10.0, 10.0, 4.0, 4.2, 500.0, 500.2)]

    assert all(motion.regions == () for motion in said)


def test_recall_on_real_people_is_no_less_than_the_peers() -> None:
    clip, truth_path = (
        require_footage("PETS09-S2L1_480x360.mp4"),
        require_footage("PETS09-S2L1_gt.txt"),
    )
    from benchmarks.frigate_like import FrigateLikeMotion
    from benchmarks.motion_recall import AFTER_S, PETS_FPS, is_covered, luma_frames, pets_truth

    truth = pets_truth(truth_path)
    ours, peer = detector_of(), FrigateLikeMotion()
    wanted = our_hits = peer_hits = 0
    for at_s, luma in luma_frames(clip):
        regions = [region.bbox for region in ours.update(luma, at_s).regions]
        boxes = peer.update(luma)
        if at_s < AFTER_S:
            continue
        people = truth.get(round(at_s * PETS_FPS), [])
        wanted += len(people)
        our_hits += sum(is_covered(person, regions) for person in people)
        peer_hits += sum(is_covered(person, boxes) for person in people)

    assert wanted > 1500
    assert our_hits >= peer_hits
    assert our_hits / wanted >= 0.8
