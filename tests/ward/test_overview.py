"""`ward cameras`, with a real subscriber at a real broker."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from broker import Mosquitto
from mqtt_box import CAMERA, Ear, draft, new_event_id

from edge_agent.cli.main import main
from edge_agent.clock import ManualClock, SystemClock
from edge_agent.contract import (
    BoxStatus,
    BoxTopics,
    CameraStatus,
    LiveTimeline,
    Position,
    Sender,
    State,
    Telemetry,
    encode_box_status,
    encode_camera_status,
    encode_event,
    encode_telemetry,
    new_ulid,
)
from edge_agent.domain import EndReason, Event, EventId, Health, Label, Phase, Severity
from edge_agent.errors import OperatorError
from edge_agent.runtime import StopToken, Worker
from edge_agent.ward import WardListenOptions, overview_lines, read_overview, run_listen

_WARDS = count()
CONN, EPOCH = "01KAS3V6A1ZZ5Y0T7M2N9R6XBA", "01KAQZ0000ZZ5Y0T7M2N9R6XBC"
CLOCK = SystemClock()


class Listener:
    """`ward listen` in a thread, by a clock that runs ahead when it is told to."""

    def __init__(
        self, broker: Mosquitto, ward: str, path: Path, begins_utc_s: float | None = None
    ) -> None:
        self.lines: list[str] = []
        self.clock = ManualClock(utc_s=begins_utc_s or CLOCK.read().utc_s, mono_s=1000.0)
        self._stop = StopToken()
        options = WardListenOptions(path, ward, "127.0.0.1", broker.port, insecure=True)
        self._worker = Worker(
            "ward",
            lambda s: run_listen(options, s, write=self.lines.append, clock=self.clock),
            self._stop,
        )

    def __enter__(self) -> Listener:
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.stop()
        assert self._worker.join(10)
        assert self._worker.crash is None

    def until(self, condition: Callable[[], object]) -> None:
        """Time runs on a little with each look."""
        deadline_s = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline_s, self.lines
            self.clock.advance(0.2)
            time.sleep(0.01)

    def said(self, words: str) -> bool:
        return any(words in line for line in tuple(self.lines))


@pytest.fixture
def ward() -> str:
    return f"overview{next(_WARDS)}"


def online(interval_s: float = 60.0) -> bytes:
    at = CLOCK.read().utc_s
    return encode_box_status(BoxStatus(State.ONLINE, CONN, EPOCH, 1, 0, "1", at, interval_s))


def camera(name: str, state: State, reason: str = "") -> bytes:
    return encode_camera_status(CameraStatus(name, state, CLOCK.read().utc_s, reason))


def telemetry(*cameras: str) -> bytes:
    figures = {name: {"analysed_fps": 5.0} for name in cameras}
    return encode_telemetry(Telemetry(CLOCK.read(), "1", 1.0, EPOCH, 0, 0, cameras=figures))


def health(topics: BoxTopics, seq: int, phase: Phase, event_id: EventId) -> tuple[str, bytes]:
    reading = CLOCK.read()
    ended = phase is Phase.END
    event = Event(
        event_id=event_id,
        camera=CAMERA,
        label=Label.HEALTH,
        phase=phase,
        rev=int(ended),
        at_s=reading.mono_s,
        start_s=reading.mono_s,
        end_s=reading.mono_s if ended else None,
        score=0.0,
        top_score=0.0,
        bbox=None,
        end_reason=EndReason.GONE if ended else None,
        health=Health("blocked", Severity.CRITICAL),
    )
    envelope = Sender(topics.ward, topics.box).envelope(
        event,
        LiveTimeline(reading),
        message_id=new_ulid(reading.utc_s, os.urandom(10)),
        position=Position(EPOCH, seq),
        clock=reading,
    )
    return topics.event(CAMERA, Label.HEALTH), encode_event(event, envelope)


def test_cameras_are_listed_worst_first_with_person_and_health(
    mosquitto: Mosquitto, tmp_path: Path, ward: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = BoxTopics(ward, "box-1"), BoxTopics(ward, "box-2")
    path, blocked = tmp_path / "w", new_event_id(CLOCK)
    with Listener(mosquitto, ward, path) as listener, Ear(mosquitto) as ear:
        listener.until(lambda: _listens_since(path))
        for topics in (one, two):
            ear.say(topics.box_status, online(), retain=True)
        ear.say(one.camera_status("front"), camera("front", State.ONLINE), retain=True)
        ear.say(one.camera_status("gate"), camera("gate", State.OFFLINE, "no answer"), retain=True)
        ear.say(two.camera_status("yard"), camera("yard", State.ONLINE), retain=True)
        ear.say(two.camera_status("old"), camera("old", State.ONLINE), retain=True)
        ear.say(two.camera_status("old"), b"", retain=True)  # no longer configured
        ear.say(*draft(one, CLOCK).encode(Position(EPOCH, 1)))
        ear.say(*health(one, 2, Phase.START, blocked))
        listener.until(lambda: listener.said("blocked (critical)"))
        capsys.readouterr()
        assert main(["ward", "cameras", "--db", str(path), "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert answer["listens"]
        assert [(each["box"], each["camera"]) for each in answer["cameras"]] == [
            ("box-1", "gate"),
            ("box-1", "front"),
            ("box-2", "yard"),
        ]
        gate, front, yard = answer["cameras"]
        assert (gate["state"], gate["reason"], gate["last_person"]) == (
            "offline",
            "no answer",
            None,
        )
        assert [each["kind"] for each in front["health"]] == ["blocked"]
        assert front["last_person"]
        assert yard["health"] == []
        ear.say(*health(one, 4, Phase.END, blocked))
        ear.say(*health(one, 3, Phase.START, blocked))  # overtaken: the end is final
        listener.until(lambda: len([line for line in listener.lines if "blocked" in line]) == 3)
        assert main(["ward", "cameras", "--db", str(path)]) == 0
    table = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in table] == [
        "CAMERA",
        "box-1/gate",
        "box-1/front",
        "box-2/yard",
    ]
    assert "blocked" not in table[2]


def test_a_short_gap_is_no_news_and_a_long_one_is_an_alarm(
    mosquitto: Mosquitto, tmp_path: Path, ward: str
) -> None:
    topics, path = BoxTopics(ward, "box-1"), tmp_path / "w"
    front = topics.camera_status("front")
    with Listener(mosquitto, ward, path) as listener, Ear(mosquitto) as ear:
        listener.until(lambda: _listens_since(path))
        ear.say(topics.box_status, online(interval_s=1000), retain=True)
        ear.say(front, camera("front", State.ONLINE), retain=True)
        listener.until(lambda: listener.said("box-1  is online"))
        ear.say(front, camera("front", State.OFFLINE, "rebooting"), retain=True)
        listener.until(lambda: _state(path) == "offline")
        listener.clock.advance(280)
        ear.say(front, camera("front", State.ONLINE), retain=True)
        listener.until(lambda: _state(path) == "online")
        assert not listener.said("front")
        ear.say(front, camera("front", State.OFFLINE, "no answer"), retain=True)
        listener.until(lambda: _state(path) == "offline")
        listener.clock.advance(300)
        listener.until(lambda: listener.said("ALARM camera_silent: offline for 5 min: no answer"))
        ear.say(front, camera("front", State.ONLINE), retain=True)
        listener.until(lambda: listener.said("box-1/front  is online"))


def test_a_box_that_falls_silent_is_an_alarm_that_a_new_start_does_not_repeat(
    mosquitto: Mosquitto, tmp_path: Path, ward: str
) -> None:
    topics, path = BoxTopics(ward, "box-1"), tmp_path / "w"
    with Listener(mosquitto, ward, path) as listener, Ear(mosquitto) as ear:
        listener.until(lambda: _listens_since(path))
        ear.say(topics.box_status, online(), retain=True)
        ear.say(topics.camera_status("front"), camera("front", State.ONLINE), retain=True)
        listener.until(lambda: listener.said("box-1  is online"))
        listener.clock.advance(295)
        listener.until(lambda: listener.said("ALARM box_silent: nothing heard since"))
        assert listener.said("box-1  is offline")
        now_s = listener.clock.read().utc_s
        assert [view.belief.state for view in read_overview(path, now_s).cameras] == ["silent"]
    with Listener(mosquitto, ward, path, now_s + 4000) as again:
        before_s = _listens_since(path)
        again.until(lambda: _listens_since(path) > before_s)
        assert not again.said("box-1  is online"), "it only listens again"
        again.clock.advance(400)
        noted_s = _seen(path)
        again.until(lambda: _seen(path) > noted_s)
        with Ear(mosquitto) as ear:
            ear.say(topics.telemetry, telemetry("front"))
            again.until(lambda: again.said("box-1  is online"))
        assert not again.said("ALARM")


def test_who_reads_later_is_told_that_nobody_listens(
    mosquitto: Mosquitto, tmp_path: Path, ward: str
) -> None:
    path = tmp_path / "w"
    with Listener(mosquitto, ward, path) as listener:
        listener.until(lambda: _listens_since(path))
    overview = read_overview(path, CLOCK.read().utc_s + 3600)
    assert not overview.listens
    assert overview_lines(overview)[0].startswith("nobody listens: as of ")


def test_a_database_that_is_none_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="no such database"):
        read_overview(tmp_path / "none", 0.0)
    path = tmp_path / "old"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=2")
    connection.close()
    with pytest.raises(OperatorError, match="format 2"):
        read_overview(path, 0.0)


def _state(path: Path) -> str:
    overview = read_overview(path, CLOCK.read().utc_s)
    return next((view.belief.state for view in overview.cameras), "")


def _seen(path: Path) -> float:
    return _listener(path, "seen_utc_s")


def _listens_since(path: Path) -> float:
    return _listener(path, "since_utc_s")


def _listener(path: Path, column: str) -> float:
    try:
        with sqlite3.connect(path) as connection:
            row = connection.execute(f"SELECT {column} FROM listener").fetchone()
    except sqlite3.Error:
        return 0.0
    return float(row[0]) if row else 0.0
