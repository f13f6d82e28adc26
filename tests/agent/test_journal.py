"""A day of a box in its journal: every change once, in order, with its priority, and no more."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import clips
import flash
import numpy as np
import pytest
from agent_process import write_config
from broker import Mosquitto
from fake_camera import LoginServer

from edge_agent.demo.rtsp_media import Media
from edge_agent.demo.rtsp_server import RtspServer

#: More is not read.
MOST_LINES = 40
#: At the start, in whatever order the cameras come.
FIRST = (
    (6, r"edge-agent .*: 3 cameras"),
    (6, r"gate: online: h264 64x64, .* fps, gate "),
    (3, r"(one|two): .*refused.*; try 1 of 2; check username and password_file"),
    (3, r"(one|two): .*refused.*no further try for 30 min \(until \d\d:\d\d .*\)"),
)
GREY = np.full((64, 64, 3), 60, np.uint8)

DAY = (
    # (priority, words): each is there once, in this order.
    (6, r"connected to 127\.0\.0\.1:\d+, MQTT 5"),
    (4, r"gate: .*(closed|connection|answer)"),  # unplugged
    (6, r"gate: online: h264 64x64"),
    (4, r"broker .*trying again later"),
    (6, r"connected to 127\.0\.0\.1:\d+, MQTT 5"),
    (6, r"yard: online: mjpeg 64x64"),
    (6, r"yard: person, score 0\.9"),
    (6, r"yard: person gone after \d+ s, best score 0\.9"),
    (3, r"the configuration is not changed: .*yard\.toml:\d+: fps: is 900"),
    (6, r"the configuration: its files are sound again"),
    (6, r"porch: person, score 0\.9"),
    (4, r"outbox: .*disk.*full"),
    (6, r"porch: person gone after"),
)


class Journal:
    """Reads a process' stderr as systemd does: priorities by <N>, one entry a line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def entries(self) -> list[tuple[int, str]]:
        found = (re.match(r"<(\d)>(.*)", line) for line in self._path.read_text().splitlines())
        return [(int(match[1]), match[2]) if match else (-1, "") for match in found]

    def wait(self, words: str, times: int = 1, timeout_s: float = 60.0) -> None:
        deadline_s = time.monotonic() + timeout_s
        while sum(bool(re.search(words, text)) for _, text in self.entries) < times:
            assert time.monotonic() < deadline_s, (words, self._path.read_text())
            time.sleep(0.05)


@contextmanager
def journalled(config: Path) -> Iterator[Journal]:
    """The agent as systemd starts it."""
    path = config / "journal"
    with path.open("wb") as file:
        status = os.fstat(file.fileno())
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_agent", "run", "--config", str(config)],
            stderr=file,
            env={**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"},
        )
    try:
        yield Journal(path)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    point = tmp_path / "disk"
    point.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(point)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounts are not allowed here")
    yield point
    subprocess.run(["umount", "--lazy", str(point)], check=True)


def fill(disk: Path) -> bool:
    with (disk / "ballast").open("ab", buffering=0) as file:
        try:
            file.write(bytes(shutil.disk_usage(disk).free))
        except OSError:
            return True
    return True


def until(journal: Journal, words: str, nudge: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 60
    while not any(re.search(words, text) for _, text in journal.entries):
        nudge()
        assert time.monotonic() < deadline_s, (words, journal.entries)
        time.sleep(0.1)


@pytest.mark.slow
def test_a_day_is_in_the_journal_once_in_order_and_short(tmp_path: Path, small_disk: Path) -> None:
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    grey = clips.render(
        tmp_path / "grey.mp4", clips.Clip(width=64, height=64, frames=50, gop=5), lambda *_: GREY
    )
    wrong = tmp_path / "pw"
    wrong.write_text("wrong")
    wrong.chmod(0o600)
    visit = flash.clip(tmp_path / "visit.avi", rounds=1, bright_s=3, dark_s=6)
    with RtspServer({"gate": Media.load(grey)}) as server, LoginServer("v", "right") as recorder:
        login = f'username = "v"\npassword_file = "{wrong}"\n'
        rtsp = '[source]\nkind = "rtsp"\nopen_timeout_s = 2\nurl = "{}"\n'
        cameras = {
            "gate": rtsp.format(server.url("gate")),
            "one": rtsp.format(recorder.url("1")) + login,
            "two": rtsp.format(recorder.url("2")) + login,
        }
        extra = flash.settings(flash.model(tmp_path))
        config = write_config(
            tmp_path, broker.port, cameras, box="day", extra=extra, state_dir=str(small_disk)
        )
        with journalled(config) as journal:
            journal.wait("gate: online")
            journal.wait("no further try")
            server.stop()
            journal.wait("gate: (?!online)")
            server.start()
            journal.wait("gate: online", 2)
            broker.kill()
            journal.wait("trying again later")
            broker.start()
            journal.wait("connected to", 2)
            yard = config / "cameras.d" / "yard.toml"
            yard.write_text(f'id = "yard"\n{flash.camera(visit, loop=False)}')
            journal.wait("yard: person gone")
            good = yard.read_text()
            yard.write_text(good.replace("[source]", "fps = 900\n[source]"))
            journal.wait("the configuration is not changed")
            yard.write_text(good)
            journal.wait("sound again")
            fill(small_disk)
            porch = flash.camera(visit, loop=False)
            (config / "cameras.d" / "porch.toml").write_text(f'id = "porch"\n{porch}')
            until(journal, "outbox: .*disk.*full", lambda: fill(small_disk))
            (small_disk / "ballast").unlink()
            journal.wait("porch: person gone")
    broker.stop()
    entries = journal.entries
    rest = iter(entries)
    for wanted, words in DAY:
        found = next(((p, text) for p, text in rest if re.search(words, text)), None)
        assert found is not None, (words, entries)
        assert found[0] == wanted, found
    for wanted, words in FIRST:
        assert [p for p, text in entries[:6] if re.search(words, text)] == [wanted], words
    assert len(entries) <= MOST_LINES, entries
    said = [text for _, text in entries]
    assert len(set(said)) >= len(said) - 3, "nothing twice but what happened twice"
    assert not any(re.match(r"\d{4}-", text) for text in said)
