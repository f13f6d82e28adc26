"""Several cameras' frames wait: the detector looks at them together."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import clips
import numpy as np
import pytest
from networks import installed

from edge_agent.analysis.detector import NamedDetector, open_detector
from edge_agent.analysis.exchange import FrameExchange
from edge_agent.analysis.loop import MAX_TOGETHER, AnalysisLoop, Seat, SeatCounters
from edge_agent.clock import ManualClock, SystemClock
from edge_agent.config import CameraConfig, DetectorConfig, FileSource, PersonConfig
from edge_agent.contract import MediaTimeSource, RecordedTimeline
from edge_agent.detect import Seen
from edge_agent.domain import (
    CameraId,
    Detection,
    Event,
    EventId,
    Frame,
    Label,
    NuisanceSpot,
    Pixels,
    Region,
)
from edge_agent.errors import ModelError
from edge_agent.geometry import FULL_FRAME, BBox
from edge_agent.pipeline.stages import build_pipeline
from edge_agent.recorders.ingest.clip_analysis import ClipAnalysis, PreparedClip
from edge_agent.recorders.ingest.pace import Pace
from edge_agent.runtime import Heartbeat, StopToken
from edge_agent.sources import Finding, PacketSource
from edge_agent.sources.file import open_file
from edge_agent.tools.trial.pictures import StillPicture

Requests = Sequence[tuple[Pixels, Sequence[Region]]]


class Together:
    """Each camera's picture holds a person whose place is the picture's brightness."""

    candidate_threshold = 0.3
    confirm_threshold = 0.5

    def __init__(self) -> None:
        self.asked: list[int] = []

    def detect(
        self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
    ) -> Sequence[Detection]:
        threshold, request = candidate_threshold, (pixels, regions)
        (seen,) = self.look_together([request], candidate_threshold=threshold, floor=threshold)
        return seen.detections

    def look_together(
        self, requests: Requests, *, candidate_threshold: float, floor: float
    ) -> Sequence[Seen]:
        self.asked.append(len(requests))
        found = [tuple(self._found(pixels)) if regions else () for pixels, regions in requests]
        return [Seen(each, each) for each in found]

    def _found(self, pixels: Pixels) -> Sequence[Detection]:
        return [Detection(BBox(pixels.bgr()[0, 0, 0] / 255, 0.3, 0.1, 0.4), 0.9)]


class Journal:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, events: Sequence[Event]) -> None:
        self.events += events

    def keep(self, snapshot: object) -> None:
        raise AssertionError("no pictures are asked for")


@pytest.mark.parametrize("cameras", [1, 3, MAX_TOGETHER + 2])
def test_each_camera_gets_its_own_answer(cameras: int) -> None:
    clock, exchange, journal, detector = SystemClock(), FrameExchange(), Journal(), Together()
    ids = (EventId(f"e{i}") for i in range(100))
    seats = {}
    for i in range(cameras):
        camera = CameraConfig(id=f"c{i}", source=FileSource(path="none"))
        pipeline = build_pipeline(camera, detector, lambda *_: next(ids))
        seats[CameraId(camera.id)] = Seat(
            CameraId(camera.id), pipeline, SeatCounters(), detector=detector
        )
        exchange.add(CameraId(camera.id))
    loop = AnalysisLoop(
        exchange,
        seats,
        journal,
        clock=clock,
        heartbeat=Heartbeat("analysis", clock, limit_s=60),
        make_snapshot=None,
    )
    stopped = StopToken()
    stopped.stop()
    for moment in range(5):
        for i in range(cameras):
            pixels = StillPicture(np.full((36, 64, 3), 20 * i, np.uint8))
            exchange.offer(Frame(CameraId(f"c{i}"), 1.0 + moment, pixels))
        # Unlike a thread's loop: it ends, and with it every event, when nothing waits any more.
        while not exchange.empty():
            item = exchange.take(0)
            assert isinstance(item, Frame)
            loop._take_up(item)
    assert max(detector.asked) == min(cameras, MAX_TOGETHER)
    people = {e.camera: e for e in journal.events if e.label is Label.PERSON}
    assert len(people) == cameras
    for i in range(cameras):
        assert people[CameraId(f"c{i}")].bbox.x == pytest.approx(20 * i / 255)
    assert all(seat.counters.frames == 5 for seat in seats.values())


def test_the_configured_input_size_is_the_detectors(tmp_path: Path) -> None:
    path = str(installed(tmp_path).path)
    detector = open_detector(DetectorConfig(model=path, input_size="256x128"))
    assert isinstance(detector, NamedDetector)
    pixels = np.zeros((128, 256, 3), np.uint8)
    pixels[32:64, 224:256] = (0, 0, 255)  # one cell only at this very size
    whole = [Region(FULL_FRAME)]
    (found,) = detector.detect(StillPicture(pixels), whole, candidate_threshold=0.3)
    assert found.score == pytest.approx(1, abs=0.01)
    odd = open_detector(DetectorConfig(model=path, input_size="250x128"))
    assert "input size 250x128: both sides must be multiples of 32" in odd.trouble


def test_a_model_that_fails_finds_nobody_anywhere_and_says_so() -> None:
    class Failing:
        manifest = type("M", (), {"name": "failing"})
        candidate_threshold = confirm_threshold = 0.5

        def look_together(self, requests: object, **_: float) -> None:
            raise ModelError("no memory")

    detector = NamedDetector(Failing())  # type: ignore[arg-type]
    requests = [(StillPicture(np.zeros((36, 64, 3), np.uint8)), ())] * 2
    found = detector.look_together(requests, candidate_threshold=0.1, floor=0.05)
    assert found == [Seen((), ()), Seen((), ())]
    assert "no memory" in detector.trouble


class Scored(Together):
    """Finds somebody of one score in every picture; remembers the threshold that was asked for."""

    def __init__(self, score: float) -> None:
        super().__init__()
        self._score = score
        self.thresholds: list[float] = []

    def look_together(
        self, requests: Requests, *, candidate_threshold: float, floor: float
    ) -> Sequence[Seen]:
        self.thresholds.append(candidate_threshold)
        found = (Detection(BBox(0.4, 0.3, 0.1, 0.4), self._score),)
        sure = found if self._score >= candidate_threshold else ()
        return [Seen(sure, found) if regions else Seen((), ()) for _, regions in requests]


def test_each_camera_keeps_its_own_candidate_threshold_in_a_joint_look() -> None:
    clock, exchange, detector = SystemClock(), FrameExchange(), Scored(0.4)
    told: dict[str, list[int]] = {"low": [], "high": []}
    seats = {}
    for name, threshold in (("low", 0.3), ("high", 0.6)):
        person = PersonConfig(candidate_threshold=threshold, confirm_threshold=0.9)
        camera = CameraConfig(id=name, source=FileSource(path="none"), person=person)
        pipeline = build_pipeline(camera, detector, lambda *_: EventId("e"))
        seats[CameraId(name)] = Seat(
            CameraId(name),
            pipeline,
            SeatCounters(),
            tell=lambda finding, name=name: told[name].append(len(finding.candidates)),
            detector=detector,
        )
        exchange.add(CameraId(name))
    loop = AnalysisLoop(
        exchange,
        seats,
        Journal(),
        clock=clock,
        heartbeat=Heartbeat("analysis", clock, limit_s=60),
        make_snapshot=None,
    )
    for moment in range(5):
        for name in told:
            pixels = StillPicture(np.full((36, 64, 3), 20, np.uint8))
            exchange.offer(Frame(CameraId(name), 1.0 + moment, pixels))
        while not exchange.empty():
            item = exchange.take(0)
            assert isinstance(item, Frame)
            loop._take_up(item)
    assert set(detector.thresholds) == {0.3}, "the lowest of those who look together"
    assert max(told["low"]) == 1
    assert max(told["high"]) == 0


def test_schedules_go_by_the_time_of_the_recording(tmp_path: Path) -> None:
    """A clip of Thursday 10:29:59 UTC, analysed at any other time, of a box east of there."""
    made = clips.render(tmp_path / "a.mp4", clips.Clip(frames=30))
    clock, exchange, name = ManualClock(utc_s=1_700_000_000.0), FrameExchange(), CameraId("yard")
    exchange.add(name, recorded=True)
    seats: list[Seat] = []
    play = ClipAnalysis(
        CameraConfig(id="yard", source=FileSource(path=str(made), pace="fast")),
        exchange,
        seats.append,
        default_fps=5.0,
        zone=ZoneInfo("Asia/Ho_Chi_Minh"),
        counters=SeatCounters(),
        pace=Pace(1.0),
        clock=SystemClock(),
    )
    thursday = dt.datetime(2026, 11, 26, 10, 29, 59, tzinfo=dt.UTC).timestamp()
    pipeline = type("P", (), {"seen_s": -1.0, "profile": ""})()
    timeline = RecordedTimeline(thursday, MediaTimeSource.TEMPLATE, 1.0)
    prepared = PreparedClip(pipeline, timeline, ())  # type: ignore[arg-type]
    stop = StopToken()

    def opener(*_: object, **rest: Any) -> PacketSource:
        config = FileSource(path=str(made), pace="fast")
        return open_file(config, camera="yard", stop=stop, clock=clock, rules=rest["rules"])

    thread = threading.Thread(
        target=play.play, args=(prepared, opener, lambda: None, stop), daemon=True
    )
    thread.start()
    minutes = []
    for _ in range(10):
        frame = exchange.take(5.0)
        assert isinstance(frame, Frame)
        minutes.append((frame.captured_s, frame.weekminute))
        seats[0].tell(Finding(frame.captured_s, (), ()))
    thread.join(10)
    thursday_1729 = 3 * 1440 + 17 * 60 + 29
    assert [minute for at_s, minute in minutes if at_s < 0.9] == [thursday_1729] * 5
    assert [minute for at_s, minute in minutes if at_s > 1.1] == [thursday_1729 + 1] * 4


def test_nuisances_of_one_camera_are_forgotten_when_asked() -> None:
    clock, forgot = SystemClock(), []

    class Knowing:
        def __init__(self, name: str) -> None:
            self.name = name

        def forget_nuisances(self) -> int:
            forgot.append(self.name)
            return 1

    spot = NuisanceSpot(BBox(0.1, 0.1, 0.1, 0.3), 9, 0.0, 1.0)
    seats = {
        CameraId(name): Seat(CameraId(name), Knowing(name), SeatCounters(nuisances=(spot,)))  # type: ignore[arg-type]
        for name in ("gate", "yard")
    }
    heartbeat = Heartbeat("analysis", clock, limit_s=60)
    loop = AnalysisLoop(
        FrameExchange(), seats, Journal(), clock=clock, heartbeat=heartbeat, make_snapshot=None
    )
    loop.forget_nuisances(CameraId("gate"))
    loop.forget_nuisances(CameraId("nobody"))
    assert forgot == ["gate"]
    assert [len(seat.counters.nuisances) for seat in seats.values()] == [0, 1]
