"""`edge-agent replay` with the detector that ships, on real footage: renewed with the detector."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import clips
import pytest
from payloads import Payload, spans, without_ids
from shared_data import require_footage

from edge_agent.cli import main

ROOM = "intel_one-by-one-person-detection.mp4"


@dataclass(frozen=True)
class Ran:
    """One run of the command."""

    code: int
    out: str
    err: str

    def payloads(self) -> list[Payload]:
        return [json.loads(line) for line in self.out.splitlines()]


def replay(*clip: Path) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["replay", "--json", *map(str, clip)])
    return Ran(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def room_begins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first visit alone."""
    clip = tmp_path_factory.mktemp("golden") / "room.mp4"
    with av.open(str(require_footage(ROOM))) as source, av.open(str(clip), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None and packet.dts * packet.time_base < 22:
                packet.stream = stream
                target.mux(packet)
    return clip


@pytest.mark.slow
def test_six_visits_are_six_person_events_at_their_times() -> None:
    room = replay(require_footage(ROOM))
    truth = json.loads(require_footage("intel_one-by-one_presence.json").read_text())
    wanted = [(a / truth["fps"], (b + 1) / truth["fps"]) for a, b in truth["presence_intervals"]]
    found = spans(room.payloads(), "person")
    assert len(found) == len(wanted), found
    for (wanted_start, wanted_end), (start, end, told) in zip(wanted, found, strict=True):
        shared = min(end, wanted_end) - max(start, wanted_start)
        assert shared / (max(end, wanted_end) - min(start, wanted_start)) >= 0.8, (start, end)
        assert told - wanted_start <= 2.0


@pytest.mark.slow
def test_a_replay_says_the_same_each_time(room_begins: Path) -> None:
    first, second = replay(room_begins).payloads(), replay(room_begins).payloads()
    assert len(spans(first, "person")) == 1
    assert without_ids(first) == without_ids(second)
    assert {payload["id"] for payload in first}.isdisjoint(payload["id"] for payload in second)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["dvrscan_traffic_camera.mp4", "ahmetozlu_vehicle_survaillance.mp4"]
)
def test_traffic_is_motion_and_nobody(name: str) -> None:
    payloads = replay(require_footage(name)).payloads()
    assert spans(payloads, "motion")
    assert not spans(payloads, "person")


def empty(path: Path) -> Path:
    path.touch()
    return path


def text(path: Path) -> Path:
    path.write_text("Dear sir or madam,\n" * 50)
    return path


def cut(path: Path) -> Path:
    return clips.truncated(clips.streamable(path.with_name("whole.mp4")), path, 0.6)


def headless(path: Path) -> Path:
    """Cut before its index, which some recorders write last."""
    return clips.truncated(clips.render(path.with_name("whole.mp4")), path, 0.6)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (empty, "empty"),
        (text, "video"),
        (cut, "cut off"),
        (headless, "end is missing"),
        (clips.audio_only, "only audio"),
        (lambda path: path, "not there"),
    ],
    ids=["empty", "text", "cut", "no-index", "audio-only", "missing"],
)
def test_a_bad_clip_is_one_clear_error_and_exit_1(
    tmp_path: Path, make: Callable[[Path], Path], word: str
) -> None:
    ran = replay(make(tmp_path / "clip.mp4"))
    assert ran.code == 1
    assert ran.out == ""
    (line,) = ran.err.splitlines()
    assert line.startswith("edge-agent: ")
    assert "clip.mp4" in line
    assert word in line.lower()


def test_a_bad_clip_does_not_stop_the_next(tmp_path: Path) -> None:
    good = clips.render(tmp_path / "good.mp4", clips.Clip(frames=90))
    ran = replay(text(tmp_path / "bad.mp4"), good)
    assert ran.code == 1
    assert "bad.mp4" in ran.err
    assert [payload["subject"] for payload in ran.payloads()]
    assert {payload["subject"] for payload in ran.payloads()} == {"good"}
