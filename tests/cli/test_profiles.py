"""`replay` and `tune` honour profiles by the recording's own time and darkness."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import flash
import numpy as np
import pytest

from edge_agent.cli import main
from edge_agent.health.darkness import HOLDS_S

#: B, G, R, and for how long: whom the network finds in bright pictures came by day, and at night
#: under infrared light.
SCENES = (
    ((110, 70, 60), 6.0),
    ((150, 210, 190), 5.0),
    ((110, 70, 60), 8.0),
    ((80, 80, 80), HOLDS_S + 6.0),
    ((190, 190, 190), 5.0),
)
CONFIG = """
[person]
confirm_looks = 2

[profiles.night]
dark = true

[profiles.night.person]
confirm_threshold = 0.95
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    flash.model(tmp_path)
    size = (flash.SIDE, flash.SIDE)
    fourcc = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(tmp_path / "evening.avi"), fourcc, flash.FPS, size)
    random = np.random.default_rng(5)
    for colour, seconds in SCENES:
        for _ in range(round(seconds * flash.FPS)):
            noise = random.integers(-3, 4, (flash.SIDE, flash.SIDE, 1))
            writer.write((np.array(colour) + noise).astype(np.uint8))
    writer.release()
    (tmp_path / "gate.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> int:
    return main([*arguments, "--config", "gate.toml", "--model", "flash.onnx", "evening.avi"])


def objects(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def persons(found: list[dict[str, Any]]) -> list[str | None]:
    """The profile of each person event's start."""
    starts = [each["data"] for each in found if "person.start" in each.get("type", "")]
    return [data.get("profile") for data in starts]


def test_who_came_by_night_is_told_by_the_settings_of_the_night(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("replay", "--json", "--why") == 0
    found = objects(capsys)
    assert persons(found) == [None]
    (untold,) = [each["untold"] for each in found if "untold" in each]
    assert untold["profile"] == "night"
    assert untold["held_back_by"] == ["profiles.night.person.confirm_threshold"]
    (change,) = untold["changes"]
    assert change["key"] == "profiles.night.person.confirm_threshold"
    (folder / "gate.toml").write_text(CONFIG.replace("0.95", str(change["to"])))
    assert run("replay", "--json") == 0
    assert persons(objects(capsys)) == [None, "night"]


def test_the_table_names_the_profile(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "gate.toml").write_text(CONFIG.replace("0.95", "0.8"))
    assert run("replay") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[-1] for line in lines if line[0] in ("label", "person")] == [
        "profile",
        "-",
        "night",
    ]


def test_tune_tries_a_key_inside_a_profile_and_gains_what_its_own_replay_tells(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change = "profiles.night.person.confirm_threshold=0.8"
    assert run("tune", "--json", "--set", change) == 0
    (trial,) = objects(capsys)[0]["trials"]
    (gained,) = trial["clips"][0]["gained"]
    assert gained["profile"] == "night"
    assert gained["why"]["held_back_by"] == ["profiles.night.person.confirm_threshold"]
    assert (trial["events"], trial["lost"]) == (2, 0)
    sweep = "profiles.night.person.confirm_threshold=0.8,0.85,0.95"
    assert run("tune", "--json", "--sweep", sweep) == 0
    assert [each["events"] for each in objects(capsys)[0]["trials"]] == [2, 2, 1]


def test_other_motion_settings_of_the_night_are_tried_as_they_would_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A camera whose night looks for motion otherwise: A, and B along with it, as replayed."""
    text = CONFIG.replace("0.95", "0.8") + "\n[profiles.night.motion]\nmin_area_frac = 0.01\n"
    (folder / "gate.toml").write_text(text)
    assert run("replay", "--json") == 0
    assert persons(objects(capsys)) == [None, "night"]
    assert run("tune", "--json", "--set", "profiles.night.motion.sensitivity=2") == 0
    document = objects(capsys)[0]
    (trial,) = document["trials"]
    assert [e.get("profile") for e in document["a"]["clips"][0]["events"]] == [None, "night"]
    assert [e.get("profile") for e in trial["clips"][0]["events"]] == [None, "night"]
