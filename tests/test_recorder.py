"""The recorder of the tests, and a watcher that stands up to it: every readable clip, once."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest
from recorder import CLIPS_PER_VISIT, Habit, Shelf, drawn_pictures, play, record
from watched_folder import Watched

from edge_agent.domain import CameraId

BEGIN = dt.datetime(2026, 11, 20, 8, 0, tzinfo=dt.UTC)
TEMPLATES = {
    "dahua": ("dahua", "001"),
    "reolink": ("reolink", "Yard_00"),
    "ring": ("generic-one", ""),
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"), drawn_pictures(64, 36))


def test_a_seed_gives_the_same_recording_and_each_habit_comes_up() -> None:
    one, other = (record(5, 300, begin_utc_s=BEGIN.timestamp()) for _ in range(2))
    assert one == other
    assert one != record(6, 300, begin_utc_s=BEGIN.timestamp())
    assert {file.habit for file in one.files} == set(Habit)
    assert one.visits == len(one.readable) / CLIPS_PER_VISIT


@pytest.mark.slow
def test_watchers_find_every_readable_clip_once_whatever_the_recorder_does(
    tmp_path: Path, shelf: Shelf
) -> None:
    recording = record(4, 40, begin_utc_s=BEGIN.timestamp())
    watched = {}
    for name, (template, channel) in TEMPLATES.items():
        (tmp_path / name).mkdir()
        cameras = {channel: CameraId(name)}
        watched[name] = Watched(tmp_path / name, template, cameras, now=BEGIN)

    def between(step: int) -> None:
        for each in watched.values():
            each.clock.advance(1.0)
            each.quiet()

    play(recording, tmp_path, shelf, between=between, pace=0.0)
    for name, each in watched.items():
        each.pass_time(30.0)
        found = {clip.content for clip in each.found}
        wanted = [file for file in recording.readable if file.camera == name]
        assert len(found) == len(wanted)
        starts = sorted({round(clip.span.start_utc_s) for clip in each.found})
        assert starts == sorted(round(file.start_utc_s) for file in wanted)
        each.pass_time(300.0, step_s=10.0)
        # What was withdrawn went before anybody could open it; the rest is quarantined.
        never = {Habit.CUT, Habit.EMPTY, Habit.TEXT}
        broken = {file.path for file in recording.files if file.habit in never}
        broken -= {file.path for file in wanted}  # written over
        refused = {one.path.relative_to(tmp_path) for one in each.refused}
        assert refused == {path for path in broken if path.parts[0] == name}
        each.watcher.close()


def test_awaited_clip_is_dated_by_its_newest_mtime(tmp_path: Path, shelf: Shelf) -> None:
    """Uploads have the time of the upload until they are complete."""
    watched = Watched(tmp_path, "generic-one", {"": CameraId("ring")}, now=BEGIN)
    path = tmp_path / "slot01.mp4"
    path.write_bytes(shelf.content(record(4, 1, begin_utc_s=0.0).readable[0]))
    watched.quiet()
    os.utime(path, (BEGIN.timestamp() - 60,) * 2)
    watched.pass_time(3.0)
    assert watched.watcher.awaited() == [(CameraId("ring"), BEGIN.timestamp() - 60)]
    watched.pass_time(10.0)
    assert watched.watcher.awaited() == []
    assert len(watched.found) == 1
    watched.watcher.close()
