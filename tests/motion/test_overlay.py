"""A clock in the picture is learned within 20 s; people are never taken for one."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from edge_agent.config.schema import MotionConfig
from edge_agent.domain import U8, Motion
from edge_agent.geometry import BBox
from edge_agent.motion import MotionDetector

Draw = Callable[[U8, float], None]


def scene(draw: Draw, *, fps: float = 5.0, seconds: float = 40.0) -> list[tuple[float, Motion]]:
    rng = np.random.default_rng(3)
    still = cv2.resize(rng.uniform(60, 160, (9, 16)).astype(np.float32), (640, 360))
    detector = MotionDetector(MotionConfig())
    seen = []
    for index in range(int(seconds * fps)):
        at_s = index / fps
        picture = still + rng.normal(0, 2, still.shape)
        luma = np.clip(picture, 0, 255).astype(np.uint8)
        draw(luma, at_s)
        seen.append((at_s, detector.update(luma, at_s)))
    return seen


def clock(*, parts: bool = False, y: int = 30, size: float = 1.0) -> Draw:
    def draw(luma: U8, at_s: float) -> None:
        text = f"2026-11-26 12:34:{int(at_s) % 60:02d}"
        if parts:
            text += f".{int(at_s * 1000) % 1000:03d}"
        for colour, thickness in ((0, 4), (255, 2)):
            cv2.putText(luma, text, (12, y), cv2.FONT_HERSHEY_SIMPLEX, size, colour, thickness)

    return draw


@pytest.mark.parametrize(
    ("draw", "fps"),
    [
        pytest.param(clock(), 5.0, id="seconds"),
        pytest.param(clock(parts=True), 5.0, id="parts of a second"),
        pytest.param(clock(y=340), 5.0, id="at the bottom"),
        pytest.param(clock(size=0.7), 5.0, id="smaller"),
        pytest.param(clock(parts=True, size=0.7), 5.0, id="smaller with parts"),
    ],
)
def test_a_clock_is_learned_within_20_s(draw: Draw, fps: float) -> None:
    seen = scene(draw, fps=fps)
    assert any(motion.regions for at_s, motion in seen if at_s < 20), "it shows nothing"
    overlays = seen[-1][1].overlays
    assert len(overlays) == 1
    assert overlays[0].h < 0.25
    assert not any(motion.regions for at_s, motion in seen if at_s > 20)


def walker(luma: U8, x: float, y: float, height: int = 60) -> None:
    cv2.ellipse(luma, (int(x), int(y)), (height // 5, height // 2), 0, 0, 360, 20, -1)


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(
            lambda luma, at_s: walker(luma, 40 + at_s * 14 % 560, 180), id="walks to and fro"
        ),
        pytest.param(
            lambda luma, at_s: walker(luma, 300 + 12 * np.sin(at_s * 3), 340, 40),
            id="sways at the edge",
        ),
        pytest.param(
            lambda luma, at_s: walker(luma, 300 + 6 * np.sin(at_s * 7), 335 + 5 * np.sin(at_s), 30),
            id="a small one fidgets at the edge",
        ),
        pytest.param(
            lambda luma, at_s: walker(
                luma, 300 + 30 * (int(at_s * 1.4) % 2), 34 + 8 * np.sin(at_s), 36
            ),
            id="steps at a walker's pace",
        ),
    ],
)
def test_nobody_is_a_clock(draw: Draw) -> None:
    assert scene(draw)[-1][1].overlays == ()


def test_what_only_beats_like_a_clock_is_worth_every_picture_for_20_s_and_no_longer() -> None:
    def nods(luma: U8, at_s: float) -> None:
        walker(luma, 40 + 80 * (int(at_s) // 12), 20 + 9 * (int(at_s) % 4), 28)

    seen = scene(nods, seconds=80.0)
    suspected = [at_s for at_s, motion in seen if motion.suspects]
    assert 18 < len(suspected) / 5 <= 20.5
    assert seen[-1][1].overlays == ()


def test_people_are_seen_beside_a_clock() -> None:
    def draw(luma: U8, at_s: float) -> None:
        clock()(luma, at_s)
        if at_s > 25:
            walker(luma, 40 + (at_s - 25) * 40, 200, 90)

    seen = scene(draw)
    boxes = [region.bbox for at_s, motion in seen if at_s > 26 for region in motion.regions]
    assert boxes
    assert all(box.y > 0.2 for box in boxes)


def test_the_advice_has_the_coordinates_of_an_ignore_zone() -> None:
    from edge_agent.sources.feed_state import overlay_remark

    assert overlay_remark(()) == ""
    assert "polygon = [[0.000, 0.000], [0.750, 0.000], [0.750, 0.133], [0.000, 0.133]]" in (
        overlay_remark((BBox(0.0, 0.0, 0.75, 0.1333),))
    )
