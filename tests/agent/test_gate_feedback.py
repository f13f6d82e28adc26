"""The way back: what the analysis found reaches the gate, the telemetry and the camera's status."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import msgspec
import pytest
from gate_clips import Transit, render

from edge_agent.agent.camera_source import CameraSource, CameraStatusTeller
from edge_agent.agent.clip_player import ClipPlayer
from edge_agent.agent.telemetry import TelemetrySource
from edge_agent.analysis.exchange import FrameExchange
from edge_agent.analysis.loop import AnalysisLoop, Seat, SeatCounters
from edge_agent.clock import ClockQuality, ManualClock, SystemClock
from edge_agent.config import CameraConfig, FileSource
from edge_agent.config.profiles import in_profile
from edge_agent.contract import (
    BoxTopics,
    MediaTimeSource,
    Nuisance,
    RecordedTimeline,
    State,
    decode_camera_status,
)
from edge_agent.domain import CameraId, Detection, EventId, Label, NuisanceSpot, Phase
from edge_agent.geometry import BBox
from edge_agent.pipeline.stages import build_pipeline
from edge_agent.recorders.ingest.clip_analysis import ClipAnalysis, PreparedClip
from edge_agent.recorders.ingest.pace import Pace
from edge_agent.runtime import Heartbeat, StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings
from edge_agent.sources.file import open_file

YARD = CameraId("yard")
VISIT = Transit(12.4, 15.0)


class BrightDetector:
    """Finds the one bright thing in a picture."""

    candidate_threshold, confirm_threshold = 0.1, 0.5

    def detect(self, pixels, regions, *, candidate_threshold):
        luma = pixels.luma()
        bright = luma[:, :] > 200
        if bright.sum() < 300:
            return []
        rows, columns = bright.any(1).nonzero()[0], bright.any(0).nonzero()[0]
        height, width = luma.shape
        box = BBox.from_corners(
            columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height
        )
        return [Detection(box, 0.9)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("clips") / "visit.mp4", 25.0, VISIT)


def test_person_event_begins_when_the_person_came_not_when_the_gate_woke(clip: Path) -> None:
    def start_s(gate: bool) -> tuple[float, int]:
        player = ClipPlayer(
            BrightDetector(), default_fps=5.0, zone=ZoneInfo("UTC"), clock=SystemClock(), gate=gate
        )
        result = player.play(clip, CameraConfig(id=YARD, source=FileSource(path="")))
        starts = [
            event.start_s
            for event in result.events
            if event.label is Label.PERSON and event.phase is Phase.START
        ]
        assert len(starts) == 1
        return starts[0], result.decoded

    (full_s, all_of_it), (gated_s, decoded) = start_s(False), start_s(True)
    assert gated_s == pytest.approx(VISIT.begin_s, abs=0.4)
    assert gated_s == pytest.approx(full_s, abs=0.01)
    assert decoded < 0.75 * all_of_it


#: While the profile is in force, which it always is, nothing is ignored.
PROFILED = """
id = "yard"
[source]
kind = "file"
path = ""
[[ignore_zones]]
name = "all"
polygon = [[0, 0], [1, 0], [1, 1], [0, 1]]
[profiles.open]
[[profiles.open.ignore_zones]]
name = "all"
polygon = [[0, 0], [0.01, 0], [0, 0.01]]
[[profiles.open.schedule]]
start = "00:00"
end = "24:00"
"""


def test_gate_of_a_recording_goes_by_the_profile_in_force(clip: Path) -> None:
    """The camera's own settings ignore the whole picture: its gate would open for the analysis
    alone, a keyframe later."""

    def replayed(camera: CameraConfig) -> list[float]:
        replay = ClipPlayer(
            BrightDetector(), default_fps=5.0, zone=ZoneInfo("UTC"), clock=SystemClock(), gate=True
        )
        events = replay.play(clip, camera).events
        return [e.start_s for e in events if (e.label, e.phase) == (Label.PERSON, Phase.START)]

    camera = msgspec.toml.decode(PROFILED, type=CameraConfig)
    assert replayed(camera) == replayed(in_profile(camera, "open")) != []
    assert replayed(msgspec.structs.replace(camera, profiles={})) == []


def test_gate_of_a_recorders_clip_goes_by_the_profile_in_force(clip: Path) -> None:
    clock, exchange, journal = SystemClock(), FrameExchange(), Journal()
    folder = PROFILED.replace('kind = "file"', 'kind = "folder"\ngate = "auto"')
    camera = msgspec.toml.decode(folder, type=CameraConfig)
    exchange.add(YARD, recorded=True)
    loop = AnalysisLoop(
        exchange,
        {},
        journal,
        clock=clock,
        heartbeat=Heartbeat("analysis", clock, limit_s=60),
        make_snapshot=None,
    )
    play = ClipAnalysis(
        camera,
        exchange,
        loop.enter,
        default_fps=5.0,
        zone=ZoneInfo("UTC"),
        counters=SeatCounters(),
        pace=Pace(1.0),
        clock=clock,
    )
    pipeline = build_pipeline(camera, BrightDetector(), lambda *_: EventId("e"))
    timeline = RecordedTimeline(1.7e9, MediaTimeSource.TEMPLATE, 1.0)
    prepared = PreparedClip(pipeline, timeline, journal)
    stop = StopToken()
    analysis = threading.Thread(target=loop.run, args=(stop,))
    analysis.start()

    def opener(*_, **rest):
        source = FileSource(path=str(clip), pace="fast")
        return open_file(source, camera=YARD, stop=stop, clock=clock, rules=rest["rules"])

    play.play(prepared, opener, lambda: None, StopToken())
    stop.stop()
    analysis.join(10)
    starts = [
        e.start_s for e in journal.events if (e.label, e.phase) == (Label.PERSON, Phase.START)
    ]
    # The keyframe that follows would say so, too, but later.
    assert starts == [pytest.approx(VISIT.begin_s, abs=0.03)]


def test_agents_threads_replay_the_beginning_and_report_what_was_saved(clip: Path) -> None:
    """Source thread's and analysis thread's halves, one after the other, on a live pace."""
    clock, camera = (
        SystemClock(),
        CameraConfig(id=YARD, source=FileSource(path=str(clip), pace="fast", gate="auto")),
    )
    feed = CameraFeed(
        FeedSettings.of(camera, 5.0), credentials=CredentialGuard(None, clock), clock=clock
    )
    exchange, journal = FrameExchange(), Journal()
    exchange.add(YARD)
    pipeline = build_pipeline(camera, BrightDetector(), lambda *_: EventId("e"))
    seat = Seat(YARD, pipeline, SeatCounters(), tell=feed.told)
    loop = AnalysisLoop(
        exchange,
        {YARD: seat},
        journal,
        clock=clock,
        heartbeat=Heartbeat("analysis", clock, limit_s=60),
        make_snapshot=None,
    )
    stop = StopToken()
    analysis = threading.Thread(target=loop.run, args=(stop,))
    analysis.start()
    CameraSource(camera, feed, exchange, clock).run(StopToken())
    stop.stop()
    analysis.join(10)
    starts = [
        e.start_s for e in journal.events if (e.label, e.phase) == (Label.PERSON, Phase.START)
    ]
    assert starts == [pytest.approx(VISIT.begin_s, abs=0.4)]
    telemetry = TelemetrySource(
        {YARD: SimpleNamespace(feed=feed, counters=seat.counters, clock_figures={})},
        exchange,
        clock,
        Path("/"),
    )
    figures = telemetry.telemetry().cameras[YARD]
    assert (figures["wakes"], figures["false_wakes"]) == (1, 0)
    assert 0 < figures["decoded_frac"] < 0.75
    assert figures["idle_s"] > 5
    assert figures["source_cpu_s"] > 0


class Journal:
    def __init__(self) -> None:
        self.events = []

    def record(self, events) -> None:
        self.events += events

    def keep(self, snapshot) -> None:
        raise AssertionError("no pictures are asked for")


class Clear:
    """Eyes that find nothing wrong with the picture."""

    faults: tuple[str, ...] = ()


def test_status_tells_how_a_camera_is_decoded_and_only_when_the_plan_changes(clip: Path) -> None:
    clock, told = SystemClock(), []
    camera = CameraConfig(id=YARD, source=FileSource(path=str(clip), pace="fast", gate="auto"))
    feed = CameraFeed(
        FeedSettings.of(camera, 5.0), credentials=CredentialGuard(None, clock), clock=clock
    )
    topics = BoxTopics("ward", "box-1")
    teller = CameraStatusTeller(
        feed,
        YARD,
        topics,
        clock,
        lambda topic, payload: told.append(decode_camera_status(payload)),
        Clear(),
    )
    feed.run_once(StopToken(), lambda frame: teller.poll(crashed=False))
    assert [(status.state, status.decoding) for status in told] == [
        (State.ONLINE, "measuring: the stream is being measured"),
        (State.ONLINE, "keyframes: a keyframe every 1.0 s"),
    ]


def test_status_tells_nuisances_when_they_come_and_go(clip: Path) -> None:
    clock, told = SystemClock(), []
    camera = CameraConfig(id=YARD, source=FileSource(path=str(clip), pace="fast"))
    feed = CameraFeed(
        FeedSettings.of(camera, 5.0), credentials=CredentialGuard(None, clock), clock=clock
    )
    teller = CameraStatusTeller(
        feed,
        YARD,
        BoxTopics("ward", "box-1"),
        clock,
        lambda topic, payload: told.append(decode_camera_status(payload).nuisances),
        Clear(),
    )
    statue = NuisanceSpot(BBox(0.6, 0.3, 0.1, 0.4), 6, 100.0, 100.0)
    for spots in ((), (), (statue,), (replace(statue, times=7, seen_s=200.0),), ()):
        teller.poll(crashed=True, nuisances=spots)
    assert told == [(), (Nuisance((0.6, 0.3, 0.1, 0.4), 6),), ()]


def test_a_state_of_1970_is_told_again_once_the_clock_is_set(clip: Path) -> None:
    clock, told = ManualClock(utc_s=50.0, mono_s=50.0, quality=ClockQuality.UNSET), []
    camera = CameraConfig(id=YARD, source=FileSource(path=str(clip), pace="fast"))
    feed = CameraFeed(
        FeedSettings.of(camera, 5.0), credentials=CredentialGuard(None, clock), clock=clock
    )
    teller = CameraStatusTeller(
        feed,
        YARD,
        BoxTopics("ward", "box-1"),
        clock,
        lambda topic, payload: told.append(decode_camera_status(payload).since_utc_s),
        Clear(),
    )
    for _ in range(3):
        teller.poll(crashed=True)
        clock.advance(100)
    clock.step_utc(1_800_000_000.0)
    for _ in range(3):
        teller.poll(crashed=True)
    assert told == [50.0, 1_800_000_050.0]
    assert teller.since_utc_s == 1_800_000_050.0
