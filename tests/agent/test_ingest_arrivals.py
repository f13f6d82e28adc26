"""Clips that are found in another order than they were recorded in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import flash
import pytest
from ingest_box import BEGIN_S, Box, found, ingest_box

from edge_agent.domain import Phase
from edge_agent.outbox import LedgerClip


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
        asked = box.folder.asked
        until(lambda: box.folder.asked > asked + 2)
        assert box.states() == {"waiting": 1}
        box.note(first)
        box.folder.recorded_s = []
        until(lambda: box.states() == {"done": 2})
        box.stop.stop()
        thread.join(10)
    with ingest_box(tmp_path / "state", model) as box:
        box.ingest.finish(box.stop)
        assert visits(box) == [(2, 7)]


def test_clip_does_not_wait_for_later_ones_or_for_long(
    tmp_path: Path, model: Path, clips: list[LedgerClip]
) -> None:
    first, second, later = clips
    long_found = found(second.path, 4, 4, found_s=second.found_s - 60)
    with ingest_box(tmp_path / "state", model) as box:
        box.folder.recorded_s = [first.start_s, second.start_s + 4]
        box.note(long_found)  # the earlier one has been uploading for a minute
        thread = running(box)
        until(lambda: box.states() == {"done": 1})
        box.note(later)  # more than an hour's worth of nothing lies between
        box.folder.recorded_s = [later.start_s + 5]
        until(lambda: box.states() == {"done": 2})
        box.stop.stop()
        thread.join(10)


def test_run_is_not_over_while_its_next_clip_is_being_found(
    tmp_path: Path, model: Path, clips: list[LedgerClip]
) -> None:
    """Although later clips are there already, which says that no earlier one will come."""
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
