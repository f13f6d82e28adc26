"""A frame that the analysis does not answer for, and a process that was only stopped."""

from __future__ import annotations

import threading
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from ingest_box import CAMERA, GATE

from edge_agent.analysis.exchange import FrameExchange
from edge_agent.analysis.loop import LaneCounters
from edge_agent.clock import ManualClock
from edge_agent.domain import Frame
from edge_agent.recorders.ingest import clip_analysis
from edge_agent.recorders.ingest.clip_analysis import AnalysisAway, ClipAnalysis
from edge_agent.recorders.ingest.pace import Pace
from edge_agent.runtime import StopToken


class Waiting(threading.Event):
    """Each wait in vain takes so long by the clock; set after all of them."""

    def __init__(self, clock: ManualClock, waits_s: list[float]) -> None:
        super().__init__()
        self._clock, self._waits_s = clock, waits_s

    def wait(self, timeout: float | None = None) -> bool:
        if not self._waits_s:
            return True
        self._clock.advance(self._waits_s.pop(0))
        return False


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def step(clock: ManualClock, waits_s: list[float]) -> bool:
    exchange = FrameExchange()
    exchange.add(GATE, recorded=True)
    analysis = ClipAnalysis(
        CAMERA,
        exchange,
        lambda lane: None,
        default_fps=5,
        zone=ZoneInfo("UTC"),
        counters=LaneCounters(),
        pace=Pace(1.0),
        clock=clock,
    )
    analysis._analysed = Waiting(clock, waits_s)
    frame = Frame(GATE, 0.0, np.zeros((4, 4, 3), np.uint8))
    return analysis._step(frame, StopToken())


def test_process_that_was_stopped_for_minutes_is_not_taken_for_a_hung_analysis(
    clock: ManualClock,
) -> None:
    assert step(clock, [0.25, 600.0, 0.25, 120.0])


def test_analysis_that_answers_no_frame_for_a_minute_is_away(clock: ManualClock) -> None:
    with pytest.raises(AnalysisAway):
        step(clock, [0.25] * 300)
    assert clock.mono_s() == pytest.approx(clip_analysis._AWAY_S, abs=1.0)
