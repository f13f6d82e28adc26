"""Snapshots stay as long and take as much space as agreed, whatever the clock does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.clock import EARLIEST_PLAUSIBLE_UTC_S, ClockQuality, ManualClock
from edge_agent.config import SnapshotConfig
from edge_agent.domain import CameraId, EventId, Snapshot, SnapshotRef, SnapshotState
from edge_agent.errors import InvariantBroken, StorageError
from edge_agent.geometry import FrameSize
from edge_agent.media import SnapshotStore

NOW_S = EARLIEST_PLAUSIBLE_UTC_S + 40 * 86_400  # 2026-02-10T00:00Z
HOUR_S = 3600.0
CONFIG = SnapshotConfig(enabled=True, retention_h=72, max_mb=1)
FRONT, YARD = CameraId("front"), CameraId("yard")


def event(number: int) -> EventId:
    return EventId(f"01JD{number:022d}")


def snapshot(number: int, size_bytes: int = 1000, camera: CameraId = FRONT) -> Snapshot:
    ref = SnapshotRef("0" * 64, size_bytes, FrameSize(4, 3), SnapshotState.STORED)
    return Snapshot(camera, event(number), 0.0, bytes(size_bytes), ref)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(utc_s=NOW_S)


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> SnapshotStore:
    return SnapshotStore(tmp_path, CONFIG, clock)


def kept(store: SnapshotStore, *numbers: int) -> list[int]:
    return [number for number in numbers if store.find(event(number))]


def test_a_stored_picture_is_found_again(tmp_path: Path, store: SnapshotStore) -> None:
    path = store.put(snapshot(1))
    assert path == tmp_path / "snapshots" / "2026-02-10" / "front" / f"{event(1)}.jpg"
    assert path.read_bytes() == bytes(1000)
    assert store.find(event(1)) == path
    assert store.find(event(2)) is None


def test_only_the_agent_may_look(store: SnapshotStore, tmp_path: Path) -> None:
    path = store.put(snapshot(1))
    assert path.stat().st_mode & 0o777 == 0o600
    for folder in (path.parent, path.parent.parent, tmp_path / "snapshots"):
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["../../etc/passwd", "*", "", "a/b", "x" * 65, ".new-1", "?"])
def test_names_from_the_network_find_nothing_else(store: SnapshotStore, name: str) -> None:
    store.put(snapshot(1))
    assert store.find(EventId(name)) is None
    with pytest.raises(InvariantBroken):
        store.put(Snapshot(FRONT, EventId(name), 0.0, b"x", snapshot(1).ref))


def test_a_better_picture_replaces_the_earlier_one_over_midnight(
    store: SnapshotStore, clock: ManualClock, tmp_path: Path
) -> None:
    clock.step_utc(-60)
    store.put(snapshot(1, 1000))
    clock.advance(120)
    store.put(snapshot(1, 400))
    assert len(list(tmp_path.rglob("*.jpg"))) == 1
    assert (store.counts.files, store.counts.bytes, store.counts.stored) == (1, 400, 2)


def test_pictures_go_when_their_time_is_over(store: SnapshotStore, clock: ManualClock) -> None:
    store.put(snapshot(1), NOW_S - 71 * HOUR_S)
    store.put(snapshot(2), NOW_S - 73 * HOUR_S)
    store.put(snapshot(3))
    assert store.prune() == 1
    assert kept(store, 1, 2, 3) == [1, 3]
    clock.advance(2 * HOUR_S)
    assert store.prune() == 1
    assert (store.counts.expired, store.counts.files, store.counts.bytes) == (2, 1, 1000)


def test_retention_holds_after_days_without_power(tmp_path: Path, store: SnapshotStore) -> None:
    store.put(snapshot(1))
    later = SnapshotStore(tmp_path, CONFIG, ManualClock(utc_s=NOW_S + 10 * 86_400))
    assert later.counts.files == 1
    assert later.prune() == 1
    assert not list((tmp_path / "snapshots").iterdir())


def test_an_unset_clock_erases_nothing_because_of_age(tmp_path: Path, store: SnapshotStore) -> None:
    store.put(snapshot(1))
    unset = ManualClock(utc_s=100.0, quality=ClockQuality.UNSET)
    dark = SnapshotStore(tmp_path, CONFIG, unset)
    dark.put(snapshot(2))
    unset.advance(400 * 86_400)
    assert dark.prune() == 0
    assert kept(dark, 1, 2) == [1, 2]
    assert dark.find(event(2)).parent.parent.name == "undated"  # type: ignore[union-attr]


def test_a_clock_that_calls_itself_unset_is_not_believed(
    store: SnapshotStore, clock: ManualClock
) -> None:
    store.put(snapshot(1))
    clock.advance(400 * 86_400)
    clock.quality = ClockQuality.UNSET
    assert store.prune() == 0
    clock.quality = ClockQuality.ESTIMATED
    assert store.prune() == 1


def test_undated_pictures_age_from_the_first_set_clock(tmp_path: Path) -> None:
    clock = ManualClock(utc_s=100.0, quality=ClockQuality.UNSET)
    store = SnapshotStore(tmp_path, CONFIG, clock)
    store.put(snapshot(1))
    clock.step_utc(NOW_S)
    clock.quality = ClockQuality.SYNCED
    assert store.prune() == 0
    clock.advance(71 * HOUR_S)
    assert store.prune() == 0
    clock.advance(2 * HOUR_S)
    assert store.prune() == 1


def test_a_clock_that_was_years_ahead_neither_erases_nor_keeps_for_years(tmp_path: Path) -> None:
    clock = ManualClock(utc_s=NOW_S + 3000 * 86_400, quality=ClockQuality.ESTIMATED)
    store = SnapshotStore(tmp_path, CONFIG, clock)
    store.put(snapshot(1))
    clock.step_utc(-3000 * 86_400)
    clock.quality = ClockQuality.SYNCED
    assert store.prune() == 0
    clock.advance(73 * HOUR_S)
    assert store.prune() == 1


def test_the_oldest_go_when_space_is_used_up(store: SnapshotStore, clock: ManualClock) -> None:
    for number in range(1, 6):
        store.put(snapshot(number, 200_000), NOW_S - (6 - number) * HOUR_S)
    assert kept(store, *range(1, 6)) == [1, 2, 3, 4, 5]
    store.put(snapshot(6, 200_000))
    assert kept(store, *range(1, 7)) == [3, 4, 5, 6]
    assert (store.counts.evicted, store.counts.bytes) == (2, 800_000)


def test_the_size_cap_holds_with_an_unset_clock_and_sheds_dated_pictures_first(
    tmp_path: Path, store: SnapshotStore
) -> None:
    store.put(snapshot(1, 600_000))
    dark = SnapshotStore(tmp_path, CONFIG, ManualClock(utc_s=5.0, quality=ClockQuality.UNSET))
    dark.put(snapshot(2, 600_000))
    assert kept(dark, 1, 2) == [2]


def test_erasing_takes_one_camera_and_one_time(store: SnapshotStore) -> None:
    store.put(snapshot(1), NOW_S - 3 * HOUR_S)
    store.put(snapshot(2), NOW_S - 2 * HOUR_S)
    store.put(snapshot(3, camera=YARD), NOW_S - 2 * HOUR_S)
    store.put(snapshot(4), NOW_S - 1 * HOUR_S)
    assert store.erase(FRONT, NOW_S - 2.5 * HOUR_S, NOW_S - 1.5 * HOUR_S) == 1
    assert kept(store, 1, 2, 3, 4) == [1, 3, 4]
    assert store.erase(None, 0, NOW_S) == 3
    assert (store.counts.files, store.counts.bytes, store.counts.erased) == (0, 0, 4)


def test_erasing_takes_undated_pictures_too(tmp_path: Path) -> None:
    clock = ManualClock(utc_s=5.0, quality=ClockQuality.UNSET)
    store = SnapshotStore(tmp_path, CONFIG, clock)
    store.put(snapshot(1))
    store.put(snapshot(2, camera=YARD))
    assert store.erase(FRONT, NOW_S - HOUR_S, NOW_S) == 1
    assert kept(store, 1, 2) == [2]


def test_a_full_disk_is_said_and_counted(
    store: SnapshotStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    store.put(snapshot(1))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        store.put(snapshot(2))
    with pytest.raises(StorageError, match="No space left on device"):
        store.put(snapshot(3, camera=YARD))  # already the new folder fails
    monkeypatch.undo()
    assert (store.counts.failed, store.counts.stored, store.counts.files) == (2, 1, 1)
    assert [path.name for path in tmp_path.rglob("*.*")] == [f"{event(1)}.jpg"]
    store.put(snapshot(2))
    assert store.counts.files == 2


def test_half_written_files_are_cleaned_up_at_start(
    tmp_path: Path, store: SnapshotStore, clock: ManualClock
) -> None:
    half = store.put(snapshot(1)).with_name(".new-abc")
    half.write_bytes(b"half")
    assert SnapshotStore(tmp_path, CONFIG, clock).counts.files == 1
    assert not half.exists()


def test_a_state_directory_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        SnapshotStore(tmp_path / "missing", CONFIG, ManualClock())
