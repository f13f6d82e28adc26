"""Recorder folders in the agent as a process: a real broker, real files, real kills."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path
from typing import Any

import flash
import pytest
from agent_process import Heard, agent, listening, write_config
from broker import Mosquitto

SOURCE = """
[source]
kind = "folder"
path = "{folder}"
max_age_days = 3650
next_clip_s = {next_clip_s}
"""
BEGIN = dt.datetime(2026, 11, 20, 8, 0, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four seconds each; somebody comes in the first and is there until the end of the last."""
    folder = tmp_path_factory.mktemp("recorded")
    return [
        flash.clip(folder / "coming.avi", bright_s=2, dark_s=2, dark_first=True),
        flash.clip(folder / "staying.avi", bright_s=4, dark_s=0, seed=4),
        flash.clip(folder / "going.avi", bright_s=2, dark_s=2, seed=5),
    ]


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> str:
    return flash.settings(flash.model(tmp_path_factory.mktemp("model")))


def upload(clip: Path, folder: Path, second: int) -> None:
    """As a recorder does: under a temporary name, then renamed."""
    start = BEGIN + dt.timedelta(seconds=second)
    end = start + dt.timedelta(seconds=4)
    day = folder / f"{start:%Y-%m-%d}"
    day.mkdir(parents=True, exist_ok=True)
    name = f"{start:%H.%M.%S}-{end:%H.%M.%S}.avi"
    shutil.copy(clip, day / f"{name}.tmp")
    os.utime(day / f"{name}.tmp", (end.timestamp() + 1,) * 2)
    (day / f"{name}.tmp").rename(day / name)


def persons(heard: Heard) -> list[dict[str, Any]]:
    return [body["data"] for body in heard.bodies("/ev/gate/person")]


@pytest.mark.slow
def test_event_spans_clips_and_a_kill_and_ends_when_no_clip_follows(
    tmp_path: Path, clips: list[Path], detector: str, mosquitto: Mosquitto
) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    cameras = {"gate": SOURCE.format(folder=folder, next_clip_s=8)}
    config = write_config(tmp_path, mosquitto.port, cameras, box="folder1", extra=detector)
    with listening(mosquitto, "folder1") as (heard, _):
        with agent(config) as process:
            heard.wait(lambda: heard.bodies("/st/cam/gate"))
            upload(clips[0], folder, 0)
            heard.wait(lambda: persons(heard))
            process.kill()
        upload(clips[1], folder, 4)
        with agent(config) as process:
            heard.wait(lambda: [one for one in persons(heard) if one["phase"] == "end"])
            assert process.stop() == 0, process.log
        messages = persons(heard)
    assert len({one["event_id"] for one in messages}) == 1
    end = messages[-1]
    assert end["start_time"] == "2026-11-20T08:00:02.000Z"
    assert "08:00:07.4" < end["end_time"][11:21] < "08:00:08.0"  # seen at nearly every frame
    assert end["end_reason"] == "camera_lost"
    assert end["time_basis"] == "recorded"
    assert end["media"]["source"] == "template"
    # What the kill kept from being acknowledged may come twice, under the same number.
    assert {(one["seq"], one["phase"]) for one in messages} == {(1, "start"), (2, "end")}


def test_event_of_a_camera_that_is_switched_off_while_somebody_is_there_ends(
    tmp_path: Path, clips: list[Path], detector: str, mosquitto: Mosquitto
) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    camera = SOURCE.format(folder=folder, next_clip_s=300)
    with listening(mosquitto, "folder2") as (heard, _):
        for text in (camera, "enabled = false\n" + camera):
            config = write_config(
                tmp_path, mosquitto.port, {"gate": text}, box="folder2", extra=detector
            )
            with agent(config) as process:
                if text == camera:
                    heard.wait(lambda: heard.bodies("/st/cam/gate"))
                    upload(clips[0], folder, 0)
                phase = "start" if text == camera else "end"
                heard.wait(lambda phase=phase: [o for o in persons(heard) if o["phase"] == phase])
                process.kill()
        assert len({one["event_id"] for one in persons(heard)}) == 1
