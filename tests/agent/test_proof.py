"""Proof of life: a known person goes all the way to the ward, and nobody takes them for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from agent_inside import inside, wait_until
from agent_process import write_config
from broker import Mosquitto
from mqtt_box import Ear

from edge_agent.agent.proof import CAMERA, FIRST_AFTER_S, KIND, ProofOfLife, clip_path
from edge_agent.agent.proof_run import ProofOutcome, ProofParts, run_proof
from edge_agent.analysis.detector import BlindDetector, open_detector
from edge_agent.analysis.exchange import FrameExchange
from edge_agent.analysis.loop import AnalysisLoop
from edge_agent.clock import ManualClock, SystemClock
from edge_agent.config import DetectorConfig
from edge_agent.contract import decode_telemetry
from edge_agent.domain import EndReason, Event, EventId, Label, Phase, Severity
from edge_agent.runtime import Heartbeat, StopToken, Worker
from edge_agent.ward import NewEvent, News, WardSetup, WardSubscriber

HOUR_S = 3600.0


# --- when, and what is told -------------------------------------------------------------


class Outbox:
    """Stands for the writer and its outbox: what was recorded has a number at once."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.watermark: int | None = None
        self.epoch = "01KAQZ0000ZZ5Y0T7M2N9R6XBC"

    def record(self, events: list[Event]) -> None:
        self.events += events

    def in_turn(self, do: Callable[[object], None]) -> None:
        do(self)

    def head(self) -> SimpleNamespace:
        last = len(self.events)
        return SimpleNamespace(epoch=self.epoch, last_seq=last, watermark=self.watermark)


class Box:
    """A proof whose clip is played at once, with the outcomes given."""

    def __init__(self, *outcomes: str, every_h: float = 24.0) -> None:
        self.clock, self.outbox = ManualClock(), Outbox()
        self._outcomes, ids = list(outcomes), count()
        self.played = 0
        self.proof = ProofOfLife(
            self._play,
            self.outbox,
            self.clock,
            lambda label, at_s: EventId(f"{next(ids)}"),
            every_h=every_h,
        )

    def _play(self, stop: StopToken) -> ProofOutcome:
        self.played += 1
        return ProofOutcome(self._outcomes.pop(0), 60, 0.7, 2.0)

    def live(self, hours: float, *, step_s: float = 300.0) -> None:
        for _ in range(int(hours * HOUR_S / step_s)):
            self.clock.advance(step_s)
            self.proof.poll()
            worker = self.proof._worker
            if worker is not None:
                assert worker.join(5)
                self.proof.poll()

    @property
    def told(self) -> list[tuple[str, str, str]]:
        return [
            (event.event_id, str(event.phase), str(event.health.severity))
            for event in self.outbox.events
            if event.health is not None
        ]


def test_it_is_tested_a_while_after_the_start_and_then_each_day() -> None:
    box = Box("", "", "")
    box.live(FIRST_AFTER_S / HOUR_S - 0.1)
    assert box.played == 0
    box.live(0.2)
    assert box.played == 1
    box.live(48)
    assert box.played == 3


def test_it_can_be_switched_off_and_on() -> None:
    box = Box("", every_h=0.0)
    box.live(30)
    assert box.played == 0
    box.proof.every_h = 24.0
    box.live(1)
    assert box.played == 1


def test_the_event_ends_when_the_ward_has_it() -> None:
    box = Box("")
    box.live(1)
    assert box.told == [("0", "start", "info")]
    box.outbox.watermark = 0
    box.live(1)
    assert len(box.told) == 1, "a watermark below it is no acknowledgement"
    box.outbox.watermark = 1
    box.live(0.2)
    end = box.outbox.events[-1]
    assert (end.phase, end.end_reason) == (Phase.END, EndReason.GONE)
    assert end.health is not None
    assert end.health.detail["acknowledged"] is True
    assert end.health.detail["passed"] is True
    assert box.proof.figures == {"selftests_passed": 1, "selftests_failed": 0}


def test_a_ward_that_never_acknowledges_is_told_at_the_next_test() -> None:
    box = Box("", "")
    box.live(30)
    assert box.told == [("0", "start", "info"), ("0", "end", "info"), ("1", "start", "info")]
    end = box.outbox.events[1]
    assert end.end_reason is EndReason.TIMEOUT
    assert end.health is not None
    assert end.health.detail["acknowledged"] is False


def test_a_new_epoch_does_not_count_as_an_acknowledgement() -> None:
    box = Box("")
    box.live(1)
    box.outbox.epoch, box.outbox.watermark = "01KAQZ0000ZZ5Y0T7M2N9R6XBD", 7
    box.live(1)
    assert len(box.told) == 1


def test_a_failure_is_critical_a_reason_and_ends_when_the_test_passes_again() -> None:
    box = Box("nobody was found", "nobody was found", "")
    box.live(0.5)
    assert box.proof.reasons == ("self-test: nobody was found",)
    box.live(1)
    assert box.played == 2, "after a failure it is tried each hour"
    assert box.told == [("0", "start", "critical")], "and told once"
    box.live(1)
    assert box.told == [
        ("0", "start", "critical"),
        ("0", "end", "critical"),
        ("1", "start", "info"),
    ]
    assert box.proof.reasons == ()


def test_a_test_that_crashes_has_failed() -> None:
    box = Box()  # pops from an empty list
    box.live(0.5)
    assert "crashed" in box.proof.reasons[0]


# --- through the analysis ---------------------------------------------------------------


@pytest.fixture
def exchange() -> FrameExchange:
    return FrameExchange()


class Journal:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, events: object) -> None:
        self.events += events  # type: ignore[arg-type]

    def keep(self, snapshot: object) -> None:
        raise AssertionError("nobody's picture is kept")


@pytest.fixture
def running(exchange: FrameExchange) -> Iterator[tuple[AnalysisLoop, Journal]]:
    clock, journal = SystemClock(), Journal()
    heartbeat = Heartbeat("analysis", clock, limit_s=60)
    loop = AnalysisLoop(exchange, {}, journal, clock=clock, heartbeat=heartbeat, make_snapshot=None)
    stop = StopToken()
    worker = Worker("analysis", loop.run, stop)
    worker.start()
    yield loop, journal
    stop.stop()
    assert worker.join(10)
    assert worker.crash is None


@pytest.mark.parametrize(
    ("detector", "trouble"),
    [
        (lambda: open_detector(DetectorConfig()), ""),
        (lambda: BlindDetector(""), "nobody was found"),
        (lambda: BlindDetector("no person detection: damaged"), "damaged"),
    ],
)
def test_the_known_clip_goes_through_the_running_analysis(
    exchange: FrameExchange,
    running: tuple[AnalysisLoop, Journal],
    detector: Callable[[], BlindDetector],
    trouble: str,
) -> None:
    loop, journal = running
    made = detector()
    parts = ProofParts(exchange, loop, lambda: made, clip_path(), SystemClock())
    for _ in range(2 if not trouble else 1):  # again and again in one process
        outcome = run_proof(parts, StopToken())
        assert trouble in outcome.trouble
        assert bool(outcome.trouble) == bool(trouble)
        assert outcome.frames == 60
        assert (outcome.top_score > 0.5) == (not trouble)
    assert journal.events == [], "nobody is told of a person"


def test_a_clip_that_cannot_be_read_is_a_failure(
    exchange: FrameExchange, running: tuple[AnalysisLoop, Journal], tmp_path: Path
) -> None:
    broken = tmp_path / "person.mp4"
    broken.write_bytes(clip_path().read_bytes()[:5000])
    parts = ProofParts(exchange, running[0], lambda: BlindDetector(""), broken, SystemClock())
    assert run_proof(parts, StopToken()).trouble


def test_an_analysis_that_is_away_is_a_failure(
    exchange: FrameExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.agent.proof_run._ASK_S", 0.05)
    clock = SystemClock()
    heartbeat = Heartbeat("analysis", clock, limit_s=60)
    loop = AnalysisLoop(
        exchange, {}, Journal(), clock=clock, heartbeat=heartbeat, make_snapshot=None
    )  # never run
    parts = ProofParts(exchange, loop, lambda: BlindDetector(""), clip_path(), clock)
    assert "does not take up" in run_proof(parts, StopToken()).trouble


def test_a_stop_in_the_middle_ends_it(
    exchange: FrameExchange, running: tuple[AnalysisLoop, Journal]
) -> None:
    stop, detector = StopToken(), BlindDetector("")
    parts = ProofParts(exchange, running[0], lambda: detector, clip_path(), SystemClock())
    detector.detect = lambda *_, **__: stop.stop() or ()  # type: ignore[method-assign]
    assert run_proof(parts, stop).frames < 60


# --- all the way ------------------------------------------------------------------------


def test_the_ward_gets_a_self_test_and_no_person(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.agent.proof.FIRST_AFTER_S", 0.0)
    monkeypatch.setattr("edge_agent.agent.proof._STORED_AFTER_S", 1.2)
    config = write_config(tmp_path / "c", mosquitto.port, {}, box="proof")
    news: list[News] = []
    stop = StopToken()
    setup = WardSetup(
        "ward1",
        tmp_path / "w",
        mosquitto.config(),
        SystemClock(),
        news.extend,
        client_id="proof-server",
    )
    worker = Worker("ward", WardSubscriber(setup).run, stop)
    worker.start()

    def told() -> list[NewEvent]:
        events = (item for item in tuple(news) if isinstance(item, NewEvent))
        return [item for item in events if item.header.source == "/ward1/proof"]

    try:
        with inside(config), Ear(mosquitto, "ea/v1/ward1/proof/tm") as ear:
            wait_until(lambda: len(told()) >= 2, 40)
            wait_until(lambda: _figures(ear).get("selftests_passed") == 1)
            assert "clock_steps" in _figures(ear)
    finally:
        stop.stop()
        assert worker.join(10)
    messages = [item.message for item in told() if item.message is not None]
    assert {message.event.label for message in messages} == {Label.HEALTH}
    start, end = (message.event for message in messages[:2])
    assert (start.camera, start.phase, end.phase) == (CAMERA, Phase.START, Phase.END)
    assert start.health is not None
    assert (start.health.kind, start.health.severity) == (KIND, Severity.INFO)
    assert start.health.detail["top_score"] > 0.5
    assert end.health is not None
    assert end.health.detail["acknowledged"] is True


def _figures(ear: Ear) -> Mapping[str, float]:
    """Of the newest telemetry."""
    heard = ear.listen(0.05)
    return decode_telemetry(heard[-1].payload).figures if heard else {}


def test_an_installation_without_the_clip_starts_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(_name: str) -> Path:
        raise FileNotFoundError

    monkeypatch.setattr("edge_agent.agent.proof.asset_dir", missing)
    assert not clip_path().exists()
