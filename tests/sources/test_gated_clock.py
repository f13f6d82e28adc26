"""A burnt-in clock on a gated stream keeps nobody awake after 20 s of the stream's time."""

from __future__ import annotations

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

FPS, SECONDS = 10, 45


def picture(index: int, size: float) -> np.ndarray:
    """RGB, 640x360: a still scene with a little noise, and a clock that counts seconds."""
    random = np.random.default_rng(index)
    still = cv2.resize(
        np.random.default_rng(3).uniform(60, 160, (9, 16)).astype(np.float32), (640, 360)
    )
    luma = np.clip(still + random.normal(0, 2, still.shape), 0, 255).astype(np.uint8)
    text = f"2026-11-26 12:34:{index // FPS % 60:02d}"
    for colour, thickness in ((0, 4), (255, 2)):
        place = (12, int(12 + 22 * size))
        cv2.putText(luma, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, thickness)
    return cv2.cvtColor(luma, cv2.COLOR_GRAY2RGB)


@pytest.mark.parametrize(("size", "gop"), [(1.4, 20), (1.0, 10)])
def test_a_clock_wakes_the_gate_no_more_after_20_s(tmp_path: Path, size: float, gop: int) -> None:
    """Letters of 1.0 are 22 pixels tall. Those of 1.4 (30) are nobody's motion to the gate before
    their line is known."""
    made = clips.Clip(width=640, height=360, fps=FPS, frames=FPS * SECONDS, gop=gop)
    path = clips.render(tmp_path / "clock.mp4", made, lambda index, *_: picture(index, size))
    clock, eye = ManualClock(), MotionDetector(MotionConfig())
    source = FileSource(path=str(path), pace="fast", gate="auto")
    feed = CameraFeed(
        FeedSettings(CameraId("gate"), source, 5.0),
        credentials=CredentialGuard(None, clock),
        clock=clock,
    )
    delivered: list[float] = []

    def analyse(frame: Frame) -> None:
        delivered.append(frame.captured_s)
        motion = eye.update(frame.pixels.luma(), frame.captured_s)
        feed.told(Finding.of(frame.captured_s, motion, (), ()))

    feed.run_once(StopToken(), analyse)
    late = [at_s for at_s in delivered if at_s - delivered[0] > 20]
    assert len(late) <= 26 * FPS / gop, "keyframes only"
    if size <= 1:
        (advice,) = [each for each in feed.status().remarks if "polygon" in each]
        assert "ignore" in advice
    gate = feed.status().gate
    assert gate is not None
    assert (gate.mode.name, gate.counters.wakes) == ("idle", 0)
