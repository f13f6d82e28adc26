"""A recording's events are dated by the file, whenever it is analysed."""

from __future__ import annotations

import json
import os
from pathlib import Path

from agent_process import agent, listening, write_config
from broker import Mosquitto
from clips import Clip, render

from edge_agent.analysis.recordings import RecordingTime

END_UTC_S = 1_780_000_000.0


def test_recording_begins_its_duration_before_the_file_was_finished(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"x")
    os.utime(path, (END_UTC_S, END_UTC_S))
    assert RecordingTime(path, lambda: 60.0).timeline().utc_s(5.0) == END_UTC_S - 55.0


def test_fast_file_camera_sends_the_times_of_the_recording(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    clip = render(tmp_path / "clip.mp4", Clip(frames=150, fps=10))  # a bar moves all the time
    os.utime(clip, (END_UTC_S, END_UTC_S))
    camera = f'[source]\nkind = "file"\npath = "{clip}"\npace = "fast"\n'
    config = write_config(tmp_path, mosquitto.port, {"tape": camera}, box="tape")
    with listening(mosquitto, "tape") as (heard, _), agent(config):
        heard.wait(
            lambda: [b for b in heard.bodies("/ev/tape/motion") if b["data"]["phase"] == "end"]
        )
        first = heard.bodies("/ev/tape/motion")[0]
    assert first["time"].startswith("2026-05-28T20:26:"), json.dumps(first)
    assert first["data"]["time_basis"] == "recorded"
    assert first["data"]["media"]["source"] == "mtime"
