"""What of a camera's minutes reaches the ring, when, and how often the disk is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
import untold

from edge_agent.agent.minute_reason import MinuteReason, Supply, in_words, reason_of
from edge_agent.agent.untold_keeper import UntoldKeeper
from edge_agent.agent.untold_ring import FOLDER, MinuteRow, read_ring, ring_files
from edge_agent.analysis.exchange import ExchangeStats
from edge_agent.clock import ClockQuality, ManualClock
from edge_agent.config import CameraConfig, FileSource
from edge_agent.domain import CameraId
from edge_agent.pipeline.untold_watch import UntoldTally, UntoldWatch
from edge_agent.sources import FeedState

GATE = CameraId("gate")


@dataclass
class Camera:
    """One that plays a recording of somebody who is not told."""

    config: CameraConfig
    untold: UntoldWatch
    name: CameraId = GATE
    decoded: int = 0
    idle_s: float = 0.0
    state: FeedState = FeedState.STREAMING

    @property
    def status(self) -> Any:
        gate = SimpleNamespace(counters=SimpleNamespace(idle_s=self.idle_s))
        figures = SimpleNamespace(fps=25.0)
        return SimpleNamespace(state=self.state, decoded=self.decoded, gate=gate, figures=figures)

    def play(self, recording: untold.Recording, begun_s: float) -> None:
        played = untold.play(recording, self.config)
        for picture, analysis in zip(recording.pictures, played.analyses, strict=True):
            self.untold.add(begun_s + picture.at_s, untold.WEEKMINUTE, analysis)
            self.decoded += 1


@dataclass
class Box:
    folder: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(mono_s=5000.0))
    dropped: int = 0
    writes: int = 0

    def __post_init__(self) -> None:
        self.keeper = UntoldKeeper(
            self.folder, self.clock, self.write, lambda name: ExchangeStats(0, self.dropped)
        )

    def write(self, work: Callable[[], None]) -> None:
        self.writes += 1
        work()

    def minutes(self, *cameras: Camera, count: int = 1) -> None:
        for _ in range(count):
            self.clock.advance(60)
            self.keeper.poll(cast("Any", cameras))

    def read(self) -> Any:
        return read_ring(self.folder, GATE, 0, 1e12)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def untold_camera() -> tuple[Camera, untold.Recording]:
    recording, config = untold.planted(("person.confirm_threshold",), Random(1))
    return Camera(config, UntoldWatch(config, untold.OWN)), recording


def test_a_still_night_is_written_every_five_minutes(box: Box) -> None:
    camera, _ = untold_camera()
    box.minutes(camera, count=60)
    assert box.writes == 12
    rows = box.read().minutes
    assert len(rows) == 60
    assert {row.utc_s - rows[0].utc_s for row in rows} == {60 * i for i in range(60)}


def test_what_is_not_written_and_when_it_will_be(box: Box) -> None:
    camera, recording = untold_camera()
    begun_s = box.clock.read().mono_s
    for _ in range(2):
        from_s, next_s = box.keeper.unwritten()
        assert next_s is not None
        assert (from_s, next_s) == (begun_s, begun_s + 300)
        box.minutes(camera, count=4)
        assert box.keeper.unwritten() == (from_s, next_s)
        writes = box.writes
        box.minutes(camera)
        assert (box.writes, box.clock.read().mono_s) == (writes + 1, next_s)
        begun_s = next_s
    box.minutes(camera, count=2)
    camera.play(recording, begun_s + 120)
    camera.untold.close()
    assert box.keeper.unwritten()[0] == begun_s


def test_while_the_clock_is_not_set_no_time_is_promised(tmp_path: Path) -> None:
    box = Box(tmp_path, ManualClock(mono_s=5000.0, quality=ClockQuality.UNSET))
    assert box.keeper.unwritten() == (5000.0, None)


def test_a_near_miss_is_on_disk_at_the_end_of_its_minute_with_its_own_time(box: Box) -> None:
    camera, recording = untold_camera()
    begun_utc_s = box.clock.read().utc_s
    box.minutes(camera)
    camera.play(recording, 5060.0)
    camera.untold.close()
    box.minutes(camera)
    assert box.writes == 1
    ((miss, settings),) = box.read().windows
    assert miss.utc_s - begun_utc_s == pytest.approx(60 + 4, abs=1)  # they come after 4 s
    assert settings.camera.person == camera.config.person
    assert (settings.own_candidate, settings.own_confirm) == (0.2, 0.5)
    assert box.keeper.last[GATE].reason == MinuteReason.UNSURE


def test_nothing_of_the_source_is_written(box: Box) -> None:
    recording, config = untold.planted(("person.confirm_threshold",), Random(1))
    source = FileSource(path="/home/secret.mp4")
    config = msgspec.structs.replace(config, source=source, name="Nguyen's gate")
    camera = Camera(config, UntoldWatch(config, untold.OWN))
    camera.play(recording, 5000.0)
    box.keeper.finish(cast("Any", [camera]))
    (_, settings) = box.read().windows[0]
    assert (settings.camera.source, settings.camera.name) == (FileSource(path=""), "")
    assert settings.camera.person == config.person


def test_what_is_left_is_written_at_the_end(box: Box) -> None:
    camera, recording = untold_camera()
    camera.play(recording, 5000.0)
    box.clock.advance(20)
    box.keeper.finish(cast("Any", [camera]))
    assert len(box.read().windows) == 1
    assert len(box.read().minutes) == 1


def test_while_the_clock_is_not_set_minutes_wait_and_then_have_their_time(box: Box) -> None:
    camera, _ = untold_camera()
    box.clock.quality = ClockQuality.UNSET
    box.clock.step_utc(-1e9)
    box.minutes(camera, count=10)
    assert box.writes == 0
    box.clock.step_utc(1e9)
    box.clock.quality = ClockQuality.SYNCED
    box.minutes(camera)
    assert len(box.read().minutes) == 11
    assert box.read().minutes[0].utc_s == pytest.approx(box.clock.read().utc_s - 660, abs=1)


def test_a_tree_that_is_nearly_a_person_all_day_does_not_wash_the_ring_out(box: Box) -> None:
    camera, recording = untold_camera()
    for i in range(120):
        camera.play(recording, 5000.0 + 60 * i)
        camera.untold.close()
        box.minutes(camera)
    size = sum(path.stat().st_size for path in ring_files(box.folder / FOLDER))
    told = box.read()
    assert size < 700_000
    assert len(told.windows) + sum(row.left_out for row in told.minutes) == 120


def test_a_card_that_fails_is_said_once_and_nothing_else(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    camera, _ = untold_camera()
    (box.folder / FOLDER).write_text("in the way")
    box.minutes(camera, count=30)
    assert len(caplog.records) == 1


STREAMS = Supply(streaming=True, decoded=60, dropped=0)


@pytest.mark.parametrize(
    ("tally", "supply", "reason"),
    [
        (UntoldTally(pictures=9, told=1), STREAMS, MinuteReason.TOLD),
        (UntoldTally(), replace(STREAMS, streaming=False, decoded=0), MinuteReason.NO_CAMERA),
        (UntoldTally(), replace(STREAMS, decoded=0), MinuteReason.GATE),
        (UntoldTally(), replace(STREAMS, dropped=60), MinuteReason.OVERLOADED),
        (UntoldTally(pictures=9, unsteady=6), STREAMS, MinuteReason.LIGHT),
        (UntoldTally(pictures=9, moved=6), STREAMS, MinuteReason.VAIN),
        (UntoldTally(pictures=9, changed_frac=0.0006), STREAMS, MinuteReason.TOO_LITTLE),
        (UntoldTally(pictures=9, changed_frac=0.0001), STREAMS, MinuteReason.STILL),
        (
            UntoldTally(pictures=9, looks=3, best_score=0.9, unwatched=9),
            STREAMS,
            MinuteReason.UNWATCHED,
        ),
        (UntoldTally(pictures=9, looks=3), STREAMS, MinuteReason.NOBODY),
        (UntoldTally(pictures=9, looks=3, best_score=0.2), STREAMS, MinuteReason.NO_CANDIDATE),
        (UntoldTally(pictures=9, looks=3, best_score=0.4), STREAMS, MinuteReason.UNSURE),
        (UntoldTally(pictures=9, looks=3, best_score=0.8), STREAMS, MinuteReason.RULES),
    ],
)
def test_the_first_reason_that_holds(
    tally: UntoldTally, supply: Supply, reason: MinuteReason
) -> None:
    assert reason_of(tally, supply, (0.3, 0.5), 0.001) is reason
    row = MinuteRow(
        GATE, 0, reason, tally.pictures, tally.looks, tally.moved, tally.changed_frac,
        tally.best_score, 0.3, 0.5, told=bool(tally.told), dropped=supply.dropped,
    )  # fmt: skip
    assert bool(in_words(row)) == (reason is not MinuteReason.TOLD)


def test_a_gate_that_decodes_keyframes_only_and_a_busy_box_are_said(box: Box) -> None:
    camera, _ = untold_camera()
    camera.untold.take()
    camera.idle_s, box.dropped, camera.decoded = 59.0, 7, 60
    box.minutes(camera)
    row = box.keeper.last[GATE]
    assert row.keyframes_only
    assert "7 pictures dropped" in in_words(row)
    assert "only 60 keyframes" in in_words(replace_row(row, pictures=60, reason="still"))


def replace_row(row: MinuteRow, **changes: Any) -> MinuteRow:
    return msgspec.structs.replace(row, **changes)
