"""Clips stay as long and take as much space as agreed; what cannot be kept is counted."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from packets import Recorded, recorded, seen

from edge_agent.clock import EARLIEST_PLAUSIBLE_UTC_S, ManualClock
from edge_agent.config import ClipConfig
from edge_agent.domain import CameraId, EventId
from edge_agent.errors import InvariantBroken, MediaError, StorageError
from edge_agent.media import ClipFile, ClipPart, ClipStore
from edge_agent.media import dated_files as dated_files_module

NOW_S = EARLIEST_PLAUSIBLE_UTC_S + 40 * 86_400  # 2026-02-10T00:00Z
HOUR_S = 3600.0
FRONT, YARD = CameraId("front"), CameraId("yard")


def event(number: int) -> EventId:
    return EventId(f"01JD{number:022d}")


def part(number: int, *, camera: CameraId = FRONT, at_s: float = NOW_S, file: int = 1) -> ClipPart:
    return ClipPart(camera, event(number), file, at_s)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    found = recorded(tmp_path_factory.mktemp("source"))
    yield found
    found.container.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(utc_s=NOW_S)


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> ClipStore:
    return ClipStore(tmp_path, ClipConfig(enabled=True), clock)


def keep(store: ClipStore, source: Recorded, one: ClipPart) -> Path:
    clip = fill(store, source, one)
    assert store.finish(clip) is not None
    store.sync(10.0)
    return clip.path


def fill(store: ClipStore, source: Recorded, one: ClipPart) -> ClipFile:
    clip = store.begin(one, source.stream)
    add_all(store, clip, source)
    return clip


def add_all(store: ClipStore, clip: ClipFile, source: Recorded) -> None:
    for packet in source.packets:
        store.add(clip, packet)


def test_a_clip_is_found_plays_and_only_the_agent_may_look(
    tmp_path: Path, store: ClipStore, source: Recorded
) -> None:
    clip = fill(store, source, part(1))
    facts = store.finish(clip)
    store.sync(10.0)
    path = tmp_path / "clips" / "2026-02-10" / "front" / f"{event(1)}.mp4"
    assert store.find(event(1)) == path
    assert facts is not None
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert seen(path).frames == 30
    assert path.stat().st_mode & 0o777 == 0o600
    for folder in (path.parent, path.parent.parent, tmp_path / "clips"):
        assert folder.stat().st_mode & 0o777 == 0o700
    counts = store.counts
    assert (counts.files, counts.bytes, counts.stored) == (1, path.stat().st_size, 1)


def test_later_files_of_an_event_have_names_of_their_own(
    store: ClipStore, source: Recorded
) -> None:
    first, second = keep(store, source, part(1)), keep(store, source, part(1, file=2))
    assert second == first.with_name(f"{event(1)}-2.mp4")
    assert store.find(event(1)) == first


@pytest.mark.parametrize("name", ["../../etc/passwd", "*", "a/b", ""])
def test_names_lead_nowhere_else(store: ClipStore, source: Recorded, name: str) -> None:
    assert store.find(EventId(name)) is None
    with pytest.raises(InvariantBroken):
        store.begin(ClipPart(FRONT, EventId(name), 1, NOW_S), source.stream)


def test_clips_go_when_their_time_is_over_but_not_while_written(
    tmp_path: Path, store: ClipStore, source: Recorded, clock: ManualClock
) -> None:
    keep(store, source, part(1, at_s=NOW_S - 73 * HOUR_S))
    keep(store, source, part(2, at_s=NOW_S - 71 * HOUR_S))
    assert store.prune() == 1
    assert (store.find(event(1)), store.counts.expired) == (None, 1)
    clip = store.begin(part(3), source.stream)
    clock.advance(100 * HOUR_S)
    assert store.prune() == 1
    assert store.find(event(3)) == clip.path
    store.finish(clip)
    store.sync(10.0)
    again = ClipStore(tmp_path, ClipConfig(enabled=True), clock)
    assert again.counts.bytes == sum(path.stat().st_size for path in tmp_path.rglob("*.mp4"))


def test_the_oldest_make_room_and_the_one_being_written_stays(
    store: ClipStore, source: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = keep(store, source, part(1, at_s=NOW_S - 3 * HOUR_S)).stat().st_size
    keep(store, source, part(2, at_s=NOW_S - 2 * HOUR_S))
    agreed = size * 2.5 / ClipConfig().max_mb  # so that two and a half fit
    monkeypatch.setattr(dated_files_module, "_MB", agreed)
    writing = fill(store, source, part(3, at_s=NOW_S - 9 * HOUR_S))
    assert store.finish(writing) is not None
    assert [bool(store.find(event(n))) for n in (1, 2, 3)] == [False, True, True]
    assert store.counts.evicted == 1
    assert store.counts.bytes <= size * 2.5
    store.sync(10.0)


def test_a_clip_larger_than_all_space_is_cut_and_counted(
    store: ClipStore, source: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dated_files_module, "_MB", 3000 / ClipConfig().max_mb)
    clip = store.begin(part(1), source.stream)
    with pytest.raises(StorageError, match="max_mb"):
        add_all(store, clip, source)
    facts = store.finish(clip, cut=True)
    store.sync(10.0)
    assert facts is not None
    assert seen(clip.path).frames < 30
    assert (store.counts.stored, store.counts.failed) == (0, 1)


def test_little_disk_is_left_to_the_events(
    tmp_path: Path, clock: ManualClock, source: Recorded
) -> None:
    store = ClipStore(tmp_path, ClipConfig(enabled=True), clock, least_free_bytes=1 << 60)
    with pytest.raises(StorageError, match="MB free"):
        store.begin(part(1), source.stream)
    assert (store.counts.failed, store.counts.files) == (1, 0)


def test_a_disk_that_refuses_is_said_and_counted(
    store: ClipStore, source: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_kwargs: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(StorageError, match="No space left"):
        store.begin(part(1), source.stream)
    monkeypatch.undo()
    clip = fill(store, source, part(2))
    monkeypatch.setattr(os, "fdatasync", full)
    assert store.finish(clip) is not None
    with pytest.raises(StorageError, match="No space left"):
        store.sync(10.0)
    assert (store.counts.failed, store.counts.stored) == (1, 1)


def test_nothing_written_is_no_clip(store: ClipStore, source: Recorded) -> None:
    clip = store.begin(part(1), source.stream)
    assert store.finish(clip) is None
    store.sync(10.0)
    assert (store.counts.files, store.counts.bytes, store.counts.failed) == (0, 0, 1)
    assert store.find(event(1)) is None


def test_streams_that_cannot_be_kept_are_counted(store: ClipStore, source: Recorded) -> None:
    with pytest.raises(MediaError):
        store.begin(part(1), replace(source.stream, codec="rawvideo"))
    assert (store.counts.failed, store.counts.files) == (1, 0)


def test_erasing_takes_one_camera_and_one_time(store: ClipStore, source: Recorded) -> None:
    keep(store, source, part(1, at_s=NOW_S - 2 * HOUR_S))
    keep(store, source, part(2, at_s=NOW_S - 2 * HOUR_S, camera=YARD))
    keep(store, source, part(3))
    assert store.erase(FRONT, NOW_S - 3 * HOUR_S, NOW_S - 1 * HOUR_S) == 1
    assert [bool(store.find(event(n))) for n in (1, 2, 3)] == [False, True, True]
    assert store.erase(None, 0, NOW_S) == 2
    assert (store.counts.files, store.counts.bytes, store.counts.erased) == (0, 0, 3)


def test_a_disk_that_takes_long_to_sync_holds_nobody_up(
    store: ClipStore, source: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    synced: list[int] = []

    def slow(descriptor: int) -> None:
        assert goes_on.wait(20)
        synced.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fdatasync", slow)
    sizes = [keep_soon(store, source, part(number)) for number in (1, 2)]
    store.sync(0.0)
    assert synced == []
    goes_on.set()
    store.sync(20.0)
    assert synced == sizes


def keep_soon(store: ClipStore, source: Recorded, one: ClipPart) -> int:
    facts = store.finish(fill(store, source, one))
    assert facts is not None
    return facts.size_bytes
