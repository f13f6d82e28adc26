"""A box whose monotonic clock is nonsense re-dates nothing beyond the calendar."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from mqtt_box import draft

from edge_agent.clock import ClockQuality, ManualClock
from edge_agent.contract import (
    MAX_NUMBER,
    BoxTopics,
    CameraStatus,
    Position,
    State,
    Telemetry,
    encode_camera_status,
    encode_telemetry,
)
from edge_agent.domain import Phase
from edge_agent.mqtt import Incoming
from edge_agent.ward import (
    Printer,
    WardDatabase,
    overview_json,
    overview_lines,
    read_overview,
)
from edge_agent.ward.intake import WardIntake

TOPICS = BoxTopics("ward1", "box-1")
EPOCH = "01KAQZ0000ZZ5Y0T7M2N9R6XBC"


@pytest.mark.parametrize("mono_s", [MAX_NUMBER / 1000, -MAX_NUMBER / 1000])
@pytest.mark.parametrize("event_first", [True, False])
def test_moments_beyond_the_calendar_are_not_re_dated(
    tmp_path: Path, mono_s: float, event_first: bool
) -> None:
    clock = ManualClock(utc_s=1_790_000_000.0, mono_s=1000.0)
    unset = ManualClock(utc_s=100.0, mono_s=500.0, quality=ClockQuality.UNSET)
    topic, event = draft(TOPICS, unset, phase=Phase.START).encode(Position(EPOCH, 1))
    reading = replace(clock.read(), mono_s=mono_s, boot_id=unset.read().boot_id)
    told = [
        (TOPICS.telemetry, encode_telemetry(Telemetry(reading, "1", 5.0, EPOCH, 1, 0))),
        (topic, event),
    ]
    status = CameraStatus("front", State.ONLINE, 1_790_000_000.0)
    told = told[::-1] if event_first else told
    told = [(TOPICS.camera_status("front"), encode_camera_status(status)), *told]
    database = WardDatabase(tmp_path / "ward.sqlite")
    intake = WardIntake(database, "ward1", keep_images=False)
    lines: list[str] = []
    for name, payload in told:
        with database.transaction():
            news = intake.take(Incoming(name, payload, 1, False, 1), clock.read())
        for as_json in (True, False):
            Printer(lines.append, clock, as_json=as_json).emit(news)
    database.close()
    assert any("1970-01-01" in line for line in lines), "as the box dated it"
    overview = read_overview(tmp_path / "ward.sqlite", 1_790_000_000.0)
    assert overview_lines(overview)
    assert overview_json(overview)
