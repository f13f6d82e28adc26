"""Random edits under load, on four cameras of which one is a recorder's folder.

`EDGE_AGENT_EDITS=1000 EDGE_AGENT_SEED=7` asks for more and others than the 300 of `make
test-system`.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flash
import pytest
from agent_inside import AgentInside, inside, wait_until
from agent_process import Heard, listening, write_config
from broker import Mosquitto
from edits import Editor

from edge_agent.config import load_config
from edge_agent.config.history import History
from edge_agent.errors import ConfigError

#: Yesterday: an edit that is half written may leave out how old a recording may be.
_FIRST_UPLOAD = dt.datetime.combine(
    dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1), dt.time(8), dt.UTC
)
_FOLDER = '[source]\nkind = "folder"\npath = "{path}"\nmax_age_days = 3650\nnext_clip_s = 2\n'
_UPLOAD_EVERY = 5  # edits


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`standing`, `flashing`, `other`, and `visit-N`: somebody for two of four seconds."""
    folder = tmp_path_factory.mktemp("clips")
    # So long that they do not begin again, which would count as a new connection.
    flash.clip(folder / "standing.avi", bright_s=1200, dark_s=0)
    flash.clip(folder / "flashing.avi", rounds=170, bright_s=2, dark_s=5)
    flash.clip(folder / "other.avi", rounds=5, seed=9)
    return folder


@dataclass
class Load:
    """The agent, its editor, and the recorder that uploads meanwhile."""

    folder: Path
    clips: Path
    heard: Heard
    agent: AgentInside
    editor: Editor
    uploads: int = 0
    took_s: list[float] = field(default_factory=list)
    loads_s: list[float] = field(default_factory=list)  # of the files alone: how busy it is here

    def go(self, edits: int) -> None:
        for number in range(edits):
            if number % _UPLOAD_EVERY == 0:
                self.upload()
            self.editor.edit()
            self.follow()
        self.editor.settle()
        self.follow()

    def follow(self) -> None:
        """Wait until the edit is in force, or refused."""
        begun_s = time.monotonic()
        try:
            wanted = load_config(self.folder).config
        except ConfigError:
            self.heard.wait(lambda: self.heard.bodies("/st/config")[-1]["result"] == "rejected")
            return
        self.loads_s.append(time.monotonic() - begun_s)
        wait_until(lambda: self.agent.config == wanted)
        self.took_s.append(time.monotonic() - begun_s)

    def upload(self) -> None:
        """As a recorder does: under a temporary name, then renamed. A minute after the last."""
        start = _FIRST_UPLOAD + dt.timedelta(minutes=self.uploads)
        end = start + dt.timedelta(seconds=4)
        clip = flash.clip(self.clips / "new.avi", bright_s=2, dark_s=2, seed=100 + self.uploads)
        day = self.folder / "uploads" / f"{start:%Y-%m-%d}"
        day.mkdir(parents=True, exist_ok=True)
        name = day / f"{start:%H.%M.%S}-{end:%H.%M.%S}.avi"
        shutil.copy(clip, name.with_suffix(".tmp"))
        os.utime(name.with_suffix(".tmp"), (end.timestamp() + 1,) * 2)
        name.with_suffix(".tmp").rename(name)
        self.uploads += 1

    def persons(self, camera: str) -> list[dict[str, Any]]:
        return [body["data"] for body in self.heard.bodies(f"/ev/{camera}/person")]


@pytest.fixture
def load(
    tmp_path: Path, clips: Path, mosquitto: Mosquitto, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Load]:
    (tmp_path / "uploads").mkdir()
    sources = {name: flash.camera(clips / f"{name}.avi") for name in ("standing", "flashing")}
    others = (flash.camera(clips / "other.avi"), flash.camera(clips / "flashing.avi"))
    sources |= {"changing": others[0], "folder": _FOLDER.format(path=tmp_path / "uploads")}
    detector = flash.settings(flash.model(tmp_path_factory.mktemp("model")))
    config = write_config(tmp_path, mosquitto.port, sources, box="edited", extra=detector)
    seed = int(os.environ.get("EDGE_AGENT_SEED", "1"))
    editor = Editor(tmp_path, sources, others, seed)
    with listening(mosquitto, "edited") as (heard, _), inside(config) as agent:
        made = Load(tmp_path, clips, heard, agent, editor)
        heard.wait(lambda: made.persons("standing"))
        yield made


def check(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    heard, agent = load.heard, load.agent
    ended = lambda name: [e for e in load.persons(name) if e["phase"] == "end"]  # noqa: E731
    heard.wait(lambda: len(ended("folder")) == load.uploads, 120.0)
    seen = len(heard.bodies("/tm"))
    heard.wait(lambda: len(heard.bodies("/tm")) > seen + 1)
    cameras = heard.bodies("/tm")[-1]["cameras"]
    # No crash, and no new connection of a camera whose edits only decided.
    assert [r.getMessage() for r in caplog.records if "crashed" in r.getMessage()] == []
    assert (cameras["standing"]["connections"], cameras["flashing"]["connections"]) == (1, 1)
    # The end is as a fresh start with the same files.
    assert agent.config == load_config(load.folder).config
    fresh_sha = heard.bodies("/st/config")[-1]["cfg_sha"]
    assert heard.bodies("/st/config")[-1]["result"] == "applied"
    assert set(cameras) == {camera.id for camera in agent.config.cameras}
    newest = History(load.folder / "state").newest()
    assert newest is not None
    assert newest.cfg_sha == fresh_sha
    assert agent.stop() == 0
    heard.wait(lambda: heard.bodies("/st/box")[-1]["state"] == "offline")
    # No event is lost or doubled.
    data = [body["data"] for body in heard.bodies("/ev/")]
    assert sorted(one["seq"] for one in data) == list(range(1, len(data) + 1))
    phases = Counter((one["event_id"], one["phase"]) for one in data if one["phase"] != "update")
    assert set(phases.values()) == {1}
    ids = {event_id for event_id, _ in phases}
    assert {(one, phase) for one in ids for phase in ("start", "end")} == set(phases)
    assert len({one["event_id"] for one in load.persons("standing")}) == 1
    assert len({one["event_id"] for one in load.persons("folder")}) == load.uploads
    with inside(load.folder) as fresh:
        assert fresh.config == agent.config
        heard.wait(lambda: heard.bodies("/st/config")[-1]["cfg_sha"] == fresh_sha)


@pytest.mark.system
def test_random_edits_crash_nothing_lose_nothing_and_end_as_a_fresh_start(
    load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    load.go(20)
    check(load, caplog)


@pytest.mark.system
@pytest.mark.timeout(1200)
def test_three_hundred_random_edits(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    load.go(int(os.environ.get("EDGE_AGENT_EDITS", "300")))
    check(load, caplog)
    took_s, loads_s = sorted(load.took_s), sorted(load.loads_s)
    print(f"{load.editor.made} edits, {dict(load.editor.kinds)}; {load.uploads} uploads")
    print(f"in force after {took_s[len(took_s) // 2]:.2f} s (median), {took_s[-1]:.2f} s at most;")
    print(f"to load the files alone took {loads_s[len(loads_s) // 2]:.3f} s (median)")


@pytest.mark.system
def test_another_source_leaves_the_other_cameras_their_frame_rate(load: Load) -> None:
    def mean_fps(after: int, count: int) -> dict[str, float]:
        load.heard.wait(lambda: len(load.heard.bodies("/tm")) >= after + count)
        told = [body["cameras"] for body in load.heard.bodies("/tm")[after : after + count]]
        return {
            name: sum(cameras[name]["analysed_fps"] for cameras in told) / count
            for name in ("standing", "flashing")
        }

    def now() -> int:
        return len(load.heard.bodies("/tm"))

    mean_fps(now(), 3)  # warm up
    before = mean_fps(now(), 15)
    begun = now()
    while now() < begun + 15:
        load.editor.other_source()
        load.follow()
        seen = now()
        load.heard.wait(lambda seen=seen: now() > seen + 1)
    during = mean_fps(begun, 15)
    print(f"analysed frames a second: before {before}, during {during}")
    for name, fps in before.items():
        assert during[name] == pytest.approx(fps, rel=0.05)
