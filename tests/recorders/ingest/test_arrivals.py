"""Clips that are found in another order than they were recorded in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import flash
import numpy as np
import pytest
from ingest_box import BEGIN_S, GATE, Box, found, ingest_box

from edge_agent.clock import SystemClock
from edge_agent.domain import Phase
from edge_agent.recorders.ingest import arrivals
from edge_agent.recorders.ingest import planner as planner_module
from edge_agent.recorders.ingest.planner import ClipPlanner
from edge_agent.recorders.ledger import ClipProgress, LedgerClip, LedgerReader
from edge_agent.recorders.ledger import rows as ledger


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flash.model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[LedgerClip]:
    """Somebody comes in the first, and stays in the second; much later somebody else comes."""
    folder = tmp_path_factory.mktemp("recorded")
    coming = flash.clip(folder / "coming.avi", bright_s=2, dark_s=2, dark_first=True)
    staying = flash.clip(folder / "staying.avi", bright_s=3, dark_s=1, seed=4)
    later = flash.clip(folder / "later.avi", bright_s=1, dark_s=4, seed=6)
    return [found(coming, 0, 4), found(staying, 4, 4), found(later, 600, 5)]


def running(box: Box) -> threading.Thread:
    thread = threading.Thread(target=box.ingest.run, args=(box.stop,), name="ingest")
    thread.start()
    return thread


def until(happened: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def asked_again(box: Box) -> None:
    """The ingest has asked the folder for earlier clips, and had time to think of the answer."""
    asked = box.folder.asked
    until(lambda: box.folder.asked > asked + 2)


def both_done(box: Box, thread: threading.Thread) -> None:
    until(lambda: box.states() == {"done": 2})
    box.stop.stop()
    thread.join(10)


def visits(box: Box) -> list[tuple[float, float]]:
    """When each person event began and ended, in seconds of the recorder's day."""
    return [
        (round(one.envelope.start_utc_s - BEGIN_S), round((one.envelope.end_utc_s or 0) - BEGIN_S))
        for one in box.messages()
        if one.event.phase is Phase.END
    ]


def test_clip_waits_for_an_earlier_one_that_is_being_found(
    tmp_path: Path, model: Path, clips: list[LedgerClip]
) -> None:
    """Found together after a start, the newest is handed over first."""
    first, second, _ = clips
    with ingest_box(tmp_path / "state", model) as box:
        box.folder.recorded_s = [first.start_s]
        box.note(second)
        thread = running(box)
        asked_again(box)
        assert box.states() == {"waiting": 1}
        box.note(first)
        box.folder.recorded_s = []
        both_done(box, thread)
    with ingest_box(tmp_path / "state", model) as box:
        box.ingest.finish(box.stop)
        assert visits(box) == [(2, 7)]


def test_clip_found_before_a_restart_waits_for_what_the_first_scan_will_see(
    tmp_path: Path, model: Path, clips: list[LedgerClip]
) -> None:
    """However long ago it was found: nobody looked for the earlier one meanwhile."""
    first, second, _ = clips
    with ingest_box(tmp_path / "state", model) as box:
        box.folder.scanned = False
        box.note(found(second.path, 4, 4, found_s=second.found_s - 60))
        thread = running(box)
        asked_again(box)
        assert box.states() == {"waiting": 1}
        box.folder.recorded_s = [first.start_s]
        box.folder.scanned = True
        asked_again(box)
        assert box.states() == {"waiting": 1}
        box.note(first)
        box.folder.recorded_s = []
        both_done(box, thread)
    with ingest_box(tmp_path / "state", model) as box:
        box.ingest.finish(box.stop)
        assert visits(box) == [(2, 7)]


def test_clip_found_after_the_plan_was_made_still_comes_in_its_place(
    tmp_path: Path, model: Path, clips: list[LedgerClip]
) -> None:
    """The newest clip that waits stays the same, and without this one they are a run as well."""
    first, second, later = clips
    third = found(later.path, 8, 4)
    with ingest_box(tmp_path / "state", model) as box, LedgerReader(box.state_dir) as reader:
        planner = ClipPlanner((GATE,), reader, SystemClock())
        box.note(first, third)
        taken = []
        for late in ((second,), (), ()):
            (clip,) = planner.next((GATE,))
            taken.append(clip)
            done = replace(clip, state=ClipProgress.DONE)
            box.note(*late)
            box.write(lambda database, done=done: ledger.update_clip(database, done))
    assert taken == [first, second, third]


def test_still_found_after_the_plan_was_made_is_not_left_out_of_its_burst(
    tmp_path: Path, model: Path, clips: list[LedgerClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner_module, "_BURST_STILLS", 2)
    one, two, three, four, five = (
        replace(found(clips[0].path, second, None), kind="still", digest=f"{second:064x}")
        for second in range(5)
    )
    with ingest_box(tmp_path / "state", model) as box, LedgerReader(box.state_dir) as reader:
        planner = ClipPlanner((GATE,), reader, SystemClock())
        box.note(one, two, three, five)
        assert planner.next((GATE,)) == (one, two)
        for still in (one, two):
            done = replace(still, state=ClipProgress.DONE)
            box.write(lambda database, done=done: ledger.update_clip(database, done))
        box.note(four)
        assert planner.next((GATE,)) == (three,)
        done = replace(three, state=ClipProgress.DONE)
        box.write(lambda database: ledger.update_clip(database, done))
        assert planner.next((GATE,)) == (four, five)


def test_burst_of_stills_waits_for_one_in_its_middle(tmp_path: Path, model: Path) -> None:
    stills = []
    for second in (0, 4):
        path = tmp_path / f"{second}.jpg"
        cv2.imwrite(str(path), np.full((64, 64, 3), 40 + second, np.uint8))
        stills.append(found(path, second, 0))
    with ingest_box(tmp_path / "state", model) as box:
        box.folder.recorded_s = [BEGIN_S + 2]
        box.note(*stills)
        thread = running(box)
        until(lambda: "done" in box.states())
        asked_again(box)
        assert box.states() == {"done": 1, "waiting": 1}
        box.folder.recorded_s = []
        both_done(box, thread)


def test_clip_does_not_wait_for_later_ones_or_for_long(
    tmp_path: Path, model: Path, clips: list[LedgerClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "EARLIER_WAIT_S", 0.5)
    first, second, later = clips
    with ingest_box(tmp_path / "state", model) as box:
        box.folder.recorded_s = [first.start_s, second.start_s + 4]
        box.note(second)  # the earlier one's upload drags on
        thread = running(box)
        until(lambda: box.states() == {"done": 1})
        box.note(later)  # more than an hour's worth of nothing lies between
        box.folder.recorded_s = [later.start_s + 5]
        both_done(box, thread)


def test_run_is_not_over_while_its_next_clip_is_being_found(
    tmp_path: Path, model: Path, clips: list[LedgerClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although later clips are there already, which says that no earlier one will come."""
    monkeypatch.setattr(arrivals, "EARLIER_WAIT_S", 0.5)
    first, second, later = clips
    with ingest_box(tmp_path / "state", model) as box:
        thread_of_first = running(box)
        box.note(first)
        until(lambda: box.states() == {"done": 1})
        box.folder.recorded_s = [second.start_s]
        box.note(later)
        until(lambda: box.states() == {"done": 2})
        assert (2, 4) not in visits(box)
        box.note(second)
        box.folder.recorded_s = []
        until(lambda: box.states() == {"done": 3})
        box.stop.stop()
        thread_of_first.join(10)
    with ingest_box(tmp_path / "state", model) as box:
        box.ingest.finish(box.stop)
        assert (2, 7) in visits(box)
