"""Does the camera see? A drawn street with noise, and what people and weather do to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import get_args

import cv2
import msgspec
import numpy as np
import pytest

from edge_agent.config.camera import FaultName
from edge_agent.domain import U8, Severity
from edge_agent.geometry import FrameSize
from edge_agent.health import Fault, HealthChange, PictureHealth
from edge_agent.health.look import Glance, PictureFigures, look_closer, take_glance

WIDTH, HEIGHT = 640, 360
LEARN_S, SPELL_S = 70, 60


@dataclass
class Still:
    picture: U8

    @property
    def size(self) -> FrameSize:
        return FrameSize(self.picture.shape[1], self.picture.shape[0])

    def luma(self) -> U8:
        return np.asarray(cv2.cvtColor(self.picture, cv2.COLOR_BGR2GRAY), np.uint8)

    def bgr(self) -> U8:
        return self.picture


def street(seed: int = 1) -> U8:
    """Houses, windows, a road and a fence: edges everywhere, sharp texture, colour."""
    rng = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH, 3), (190, 170, 150), np.uint8)
    picture[HEIGHT // 2 :] = (90, 95, 100)
    for _ in range(60):
        x, y = int(rng.integers(WIDTH - 60)), int(rng.integers(HEIGHT - 50))
        w, h = int(rng.integers(15, 60)), int(rng.integers(12, 50))
        colour = tuple(int(value) for value in rng.integers(20, 235, 3))
        cv2.rectangle(picture, (x, y), (x + w, y + h), colour, -1)
    grain = rng.normal(0, 9, (HEIGHT, WIDTH, 1))
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


SCENE = street()
Draw = Callable[[U8, int], U8]


def as_it_is(picture: U8, second: int) -> U8:
    return picture


class Camera:
    """Gives pictures with a sensor's noise, one a second."""

    def __init__(self, health: PictureHealth | None = None) -> None:
        self.health = health or PictureHealth()
        self.second = 0
        self._rng = np.random.default_rng(7)

    def watch(
        self, seconds: int, draw: Draw = as_it_is, *, noise: float = 2.0
    ) -> list[HealthChange]:
        changes: list[HealthChange] = []
        for _ in range(seconds):
            picture = draw(SCENE, self.second)
            if noise:
                shake = self._rng.normal(0, noise, picture.shape[:2])[..., None]
                picture = np.clip(picture + shake, 0, 255).astype(np.uint8)
            changes += self.health.update(Still(picture), float(self.second))
            self.second += 1
        return changes


def cloth(picture: U8, second: int) -> U8:
    return np.full_like(picture, 95)


def sheet(picture: U8, second: int) -> U8:
    shown = picture.copy()
    alpha = np.zeros(picture.shape[:2], np.float32)
    cv2.ellipse(alpha, (300, 190), (250, 160), 20, 0, 360, 1, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 18)[..., None]
    return np.asarray(shown * (1 - alpha) + np.array((80, 100, 130)) * alpha, np.uint8)


def shifted(picture: U8, second: int) -> U8:
    move = np.array([[1, 0, 40], [0, 1, 18]], np.float32)
    return np.asarray(
        cv2.warpAffine(picture, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT), np.uint8
    )


def defocused(picture: U8, second: int) -> U8:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.6), np.uint8)


def hardly_defocused(picture: U8, second: int) -> U8:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.uint8)


def web(picture: U8, second: int) -> U8:
    """Threads near the lens, out of focus, lit by the lamp; the scene shows between them."""
    alpha = np.zeros(picture.shape[:2], np.float32)
    for angle in np.linspace(0, 2 * np.pi, 12, endpoint=False):
        end = (int(280 + 640 * np.cos(angle)), int(170 + 640 * np.sin(angle)))
        cv2.line(alpha, (280, 170), end, 1, 11)
    for ring in range(1, 6):
        cv2.circle(alpha, (280, 170), 62 * ring, 1, 9)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 8)[..., None]
    return np.asarray(picture * (1 - 0.9 * alpha) + 205 * 0.9 * alpha, np.uint8)


def scaled(gain: float, offset: float = 0) -> Draw:
    return lambda picture, second: np.clip(picture * gain + offset, 0, 255).astype(np.uint8)


def sensed(picture: U8, second: int) -> U8:
    """With the noise that the sensor adds before the coding goes wrong."""
    noise = np.random.default_rng(second).normal(0, 2, (HEIGHT, WIDTH, 1))
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def smeared(picture: U8, second: int) -> U8:
    shown = sensed(picture, second)
    shown[200:] = shown[200]
    return shown


def green(picture: U8, second: int) -> U8:
    shown = sensed(picture, second)
    shown[150:] = (0, 135, 0)
    return shown


def stamped(picture: U8, second: int) -> U8:
    shown = picture.copy()
    cv2.putText(shown, f"22:10:{second % 60:02}", (8, 20), 0, 0.5, (255, 255, 255), 1)
    return shown


BLIND: list[tuple[str, Draw, float]] = [
    ("black", lambda p, s: np.full_like(p, 16), 1.0),
    ("dark", scaled(0.1, 6), 1.0),
    ("overexposed", scaled(1.6, 170), 1.0),
    ("frozen", stamped, 0.0),
    ("glitching", smeared, 0.0),
    ("glitching", green, 0.0),
    ("blocked", cloth, 2.0),
    ("blocked", sheet, 2.0),
    ("moved", shifted, 2.0),
    ("blurred", defocused, 1.0),
    ("blurred", hardly_defocused, 2.0),
    ("blocked", web, 2.0),
]


@pytest.mark.parametrize(("fault", "draw", "noise"), BLIND)
def test_a_blind_camera_is_told_within_a_minute_and_its_recovery_too(
    fault: str, draw: Draw, noise: float
) -> None:
    camera = Camera()
    assert camera.watch(LEARN_S) == []
    told = camera.watch(SPELL_S, draw, noise=noise)
    assert [(change.fault, change.begins) for change in told] == [(Fault(fault), True)]
    assert told[0].score >= told[0].threshold
    assert told[0].since_s <= LEARN_S + 18  # looks are few while all is well
    assert camera.health.raised == (Fault(fault),)
    gone = camera.watch(SPELL_S)
    assert [(change.fault, change.begins) for change in gone] == [(Fault(fault), False)]
    assert camera.health.raised == ()


def lorry(picture: U8, second: int) -> U8:
    shown = picture.copy()
    cv2.rectangle(shown, (80, 130), (360, 300), (205, 205, 200), -1)
    cv2.rectangle(shown, (360, 180), (450, 300), (40, 40, 160), -1)
    cv2.rectangle(shown, (372, 190), (440, 225), (30, 30, 40), -1)
    for x in (130, 250, 400):
        cv2.circle(shown, (x, 300), 24, (15, 15, 15), -1)
    cv2.putText(shown, "VAN TAI", (110, 220), 0, 1.4, (90, 60, 40), 3)
    return shown


def somebody_at_the_lens(picture: U8, second: int) -> U8:
    shown = picture.copy()
    if second % 60 < 30:
        cv2.ellipse(shown, (320, 200), (220, 190), 0, 0, 360, (90, 110, 140), -1)
    return shown


def infrared(picture: U8, second: int) -> U8:
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return np.asarray(np.repeat((grey * 0.7 + 20)[..., None], 3, 2), np.uint8)


HARMLESS: list[Draw] = [
    scaled(0.45),
    scaled(1.3, 5),
    scaled(0.45, 100),  # fog
    lorry,
    somebody_at_the_lens,
    infrared,
    lambda p, s: scaled(0.75 + 0.25 * np.cos(s / 5))(p, s),  # clouds
]


@pytest.mark.parametrize("draw", HARMLESS)
def test_weather_light_and_traffic_are_no_fault(draw: Draw) -> None:
    camera = Camera()
    assert camera.watch(LEARN_S) == []
    assert camera.watch(2 * SPELL_S, draw) == []
    assert camera.watch(SPELL_S) == []


def test_a_scene_without_features_is_judged_by_its_light_only() -> None:
    health = PictureHealth()
    rng = np.random.default_rng(3)
    changes: list[HealthChange] = []
    for second in range(200):
        level = 120 if second < 100 else 150
        wall = rng.normal(level, 2, (HEIGHT, WIDTH, 3)).clip(0, 255).astype(np.uint8)
        changes += health.update(Still(wall), float(second))
    assert changes == []


def pale(picture: U8, second: int) -> U8:
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)[..., None]
    return np.asarray(grey + 0.1 * (picture.astype(np.float32) - grey), np.uint8)


def painted_grey(picture: U8, second: int) -> U8:
    shown = pale(picture, second)
    shown[:, 150:] = 90
    return shown


def test_grey_paint_before_a_pale_scene_is_no_night() -> None:
    camera = Camera()
    assert camera.watch(LEARN_S, pale) == []
    told = camera.watch(SPELL_S, painted_grey)
    assert [change.fault for change in told] == [Fault.BLOCKED]
    assert not camera.health.night_view


def test_what_is_kept_judges_at_once_and_gives_the_same_bytes() -> None:
    camera = Camera()
    camera.watch(LEARN_S)
    kept = camera.health.state()
    assert len(kept) < 256 * 1024
    again = PictureHealth()
    again.restore(kept)
    assert again.state() == kept
    told = Camera(again).watch(SPELL_S, shifted)
    assert [change.fault for change in told] == [Fault.MOVED]


def test_an_accepted_move_is_the_new_reference() -> None:
    camera = Camera()
    camera.watch(LEARN_S)
    assert camera.watch(SPELL_S, shifted) != []
    camera.health.accept()
    cleared = camera.watch(2 * SPELL_S, shifted)
    assert [(change.fault, change.begins) for change in cleared] == [(Fault.MOVED, False)]


def test_faults_that_are_usual_here_are_not_told() -> None:
    camera = Camera(PictureHealth([Fault.DARK]))
    camera.watch(LEARN_S)
    assert camera.watch(SPELL_S, scaled(0.1, 6)) == []


def test_keyframes_four_seconds_apart_are_enough() -> None:
    health = PictureHealth()
    rng = np.random.default_rng(5)

    def pictures(draw: Draw, since: int, until: int) -> Iterable[HealthChange]:
        for second in range(since, until, 4):
            noisy = draw(SCENE, second) + rng.normal(0, 2, (HEIGHT, WIDTH, 1))
            yield from health.update(Still(np.clip(noisy, 0, 255).astype(np.uint8)), float(second))

    assert list(pictures(as_it_is, 0, 80)) == []
    assert [change.fault for change in pictures(cloth, 80, 140)] == [Fault.BLOCKED]


@pytest.fixture
def closer(monkeypatch: pytest.MonkeyPatch) -> list[Glance]:
    """What was looked at closer, and not by a glance."""
    seen: list[Glance] = []

    def counted(glance: Glance) -> PictureFigures:
        seen.append(glance)
        return look_closer(glance)

    monkeypatch.setattr("edge_agent.health.watch.look_closer", counted)
    return seen


def due_a_glance(closer: list[Glance]) -> Camera:
    """A camera that is well, and was looked at closer just now."""
    camera = Camera()
    camera.watch(LEARN_S)
    closer.clear()
    while not closer:
        camera.watch(1)
    return camera


def test_while_all_is_well_each_second_look_is_a_glance(closer: list[Glance]) -> None:
    camera = due_a_glance(closer)
    closer.clear()
    looks = set()
    for _ in range(32):
        camera.watch(1)
        looks.add(camera.health.looked_s)
    assert (len(looks - {camera.second - 33.0}), len(closer)) == (4, 2)


@pytest.mark.parametrize("draw", [sheet, shifted, web])
def test_a_glance_sees_that_the_view_is_another(draw: Draw, closer: list[Glance]) -> None:
    camera = due_a_glance(closer)
    closer.clear()
    camera.watch(8, draw)
    assert len(closer) == 1
    assert camera.health.doubtful


def test_what_no_glance_shows_is_told_within_a_minute_too(closer: list[Glance]) -> None:
    camera = due_a_glance(closer)
    assert not camera.watch(8, hardly_defocused)
    assert not camera.health.doubtful
    assert [change.fault for change in camera.watch(52, hardly_defocused)] == [Fault.BLURRED]


def test_a_lost_stream_ends_what_was_raised() -> None:
    camera = Camera()
    camera.watch(LEARN_S)
    camera.watch(SPELL_S, cloth)
    ended = camera.health.close(200.0)
    assert [(change.fault, change.begins) for change in ended] == [(Fault.BLOCKED, False)]
    assert camera.health.raised == ()


@pytest.mark.parametrize(
    "damaged", [b"", b"\xc1", b"\x91\x81\xa6colour\x96\x02\x02\xc4\x01x\xc4\x01x\x90\x00"]
)
def test_damaged_references_are_refused(damaged: bytes) -> None:
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        PictureHealth().restore(damaged)


def test_every_fault_can_be_ignored_in_the_configuration_and_says_how_bad_it_is() -> None:
    assert set(get_args(FaultName)) == set(Fault)
    for fault in Fault:
        change = HealthChange(fault, True, 0.0, 1.0, 1.0, 1.0)
        assert change.severity in (Severity.WARNING, Severity.CRITICAL)


def test_a_tiny_picture_is_looked_at_without_harm() -> None:
    assert look_closer(take_glance(np.full((16, 16), 100, np.uint8))).median == 100


def swaying(draw: Draw, most_px: int = 25) -> Draw:
    """A camera on a pole in the wind: never at the same place, and `draw` before its lens."""

    def sway(picture: U8, second: int) -> U8:
        x, y = np.random.default_rng(second).integers(-most_px, most_px + 1, 2)
        move = np.array([[1, 0, x], [0, 1, y]], np.float32)
        moved = cv2.warpAffine(picture, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        return draw(np.asarray(moved, np.uint8), second)

    return sway


def soft(picture: U8, second: int) -> U8:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 6), np.uint8)


@pytest.mark.parametrize(("fault", "draw"), [("blocked", sheet), ("blurred", soft)])
def test_a_camera_that_sways_is_told_when_it_is_covered_or_blurred(fault: str, draw: Draw) -> None:
    camera = Camera()
    assert camera.watch(LEARN_S + 30, swaying(as_it_is)) == []
    told = camera.watch(SPELL_S, swaying(draw))
    assert [(change.fault, change.begins) for change in told] == [(Fault(fault), True)]
    assert [change.begins for change in camera.watch(SPELL_S, swaying(as_it_is))] == [False]


@pytest.mark.parametrize("draw", [scaled(0.45), scaled(0.45, 100), lorry])
def test_a_camera_that_sways_is_not_told_for_weather_and_traffic(draw: Draw) -> None:
    camera = Camera()
    camera.watch(LEARN_S + 30, swaying(as_it_is))
    assert camera.watch(2 * SPELL_S, swaying(draw)) == []


def test_a_camera_that_sways_is_told_when_it_is_turned() -> None:
    camera, sways = Camera(), swaying(as_it_is, most_px=14)
    assert camera.watch(LEARN_S + 30, sways) == []
    other_view = np.roll(SCENE, (110, 250), (0, 1))
    told = camera.watch(SPELL_S, lambda _, second: sways(other_view, second))
    assert [(change.fault, change.begins) for change in told] == [(Fault.MOVED, True)]
    assert [change.begins for change in camera.watch(SPELL_S, sways)] == [False]
