"""A burnt-in clock on a gated stream is advised within 20 s of the stream's time, and keeps nobody
awake after that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import clips
import cv2
import numpy as np
import pytest

from edge_agent.clock import ManualClock
from edge_agent.config import FileSource
from edge_agent.config.schema import MotionConfig
from edge_agent.domain import CameraId, Frame
from edge_agent.motion import MotionDetector
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings, Finding

FPS, SECONDS = 5, 28
WIDTH, HEIGHT = 640, 360


@cache
def noisy_scene(levels: tuple[int, int], grain: int) -> np.ndarray:
    small = np.random.default_rng(3).uniform(*levels, (9, 16)).astype(np.float32)
    still = cv2.resize(small, (WIDTH, HEIGHT))
    noise = np.random.default_rng(grain).normal(0, 2, still.shape)
    return np.clip(still + noise, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class BurntIn:
    """Letters of size 1.0 are 22 pixels tall."""

    size: float = 1.0
    gop: int = 5
    text: str = "2026-11-26 12:34:{s:02d}"
    below: bool = False
    levels: tuple[int, int] = (60, 160)  # of the scene

    def picture(self, index: int) -> np.ndarray:
        """BGR, 640x360: a still scene with a little noise, and a clock that counts seconds."""
        luma = noisy_scene(self.levels, index % 7).copy()
        text = self.text.format(s=index // FPS % 60, colon=":" if index % FPS < FPS / 2 else " ")
        place = (12, HEIGHT - 14 if self.below else int(12 + 22 * self.size))
        for colour, thickness in ((0, 4), (255, 2)):
            cv2.putText(luma, text, place, cv2.FONT_HERSHEY_SIMPLEX, self.size, colour, thickness)
        return cv2.cvtColor(luma, cv2.COLOR_GRAY2BGR)


@pytest.mark.parametrize(
    "clock",
    [
        pytest.param(BurntIn(), id="22 pixels"),
        pytest.param(BurntIn(size=1.4), id="30 pixels: to the gate it soon is nobody's motion"),
        pytest.param(BurntIn(size=1.4, gop=10, below=True), id="a keyframe every 2 s, below"),
        pytest.param(BurntIn(size=1.4, levels=(5, 40)), id="in the dark"),
        pytest.param(BurntIn(text="12{colon}34{colon}{s:02d}"), id="its colons blink"),
    ],
)
def test_a_clock_is_advised_within_20_s_and_wakes_the_gate_no_more(
    tmp_path: Path, clock: BurntIn
) -> None:
    made = clips.Clip(width=WIDTH, height=HEIGHT, fps=FPS, frames=FPS * SECONDS, gop=clock.gop)
    path = clips.render(tmp_path / "clock.mp4", made, lambda index, *_: clock.picture(index))
    source = FileSource(path=str(path), pace="fast", gate="auto")
    eye, manual = MotionDetector(MotionConfig()), ManualClock()
    feed = CameraFeed(
        FeedSettings(CameraId("gate"), source, 5.0),
        credentials=CredentialGuard(None, manual),
        clock=manual,
    )
    delivered: list[float] = []
    advised: list[float] = []

    def analyse(frame: Frame) -> None:
        delivered.append(frame.captured_s)
        motion = eye.update(frame.pixels.luma(), frame.captured_s)
        feed.told(Finding.of(frame.captured_s, motion, (), ()))
        if any("ignore zone" in each and "polygon" in each for each in feed.status().remarks):
            advised.append(frame.captured_s)

    feed.run_once(StopToken(), analyse)
    assert advised
    assert advised[0] - delivered[0] < 20
    late = [at_s for at_s in delivered if at_s - delivered[0] > 20]
    assert len(late) <= (SECONDS - 19) * FPS / clock.gop, "keyframes only"
    gate = feed.status().gate
    assert gate is not None
    assert (gate.mode.name, gate.counters.wakes) == ("idle", 0)
