"""The ring of `edge-agent why`: what survives, what goes, and how large it gets."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from edge_agent.agent.untold_ring import (
    DAYS,
    FOLDER,
    SCHEMA,
    Batch,
    MinuteRow,
    Settings,
    UntoldRing,
    WindowRow,
    batches_of,
    encoded,
    erase,
    read_ring,
    ring_files,
)
from edge_agent.clock import ClockQuality, ManualClock
from edge_agent.config import CameraConfig, FileSource

CAMERA = CameraConfig(id="gate", source=FileSource(path=""))
DAY_S = 86_400.0


def minute(utc_s: float, camera: str = "gate", reason: str = "still") -> MinuteRow:
    return MinuteRow(camera, int(utc_s), reason, 60, 0, 0, 0.0, 0.0, 0.3, 0.5, told=False)


def batch(*minutes: MinuteRow, filling: int = 0) -> Batch:
    noise = Random(filling).randbytes(filling)
    windows = (WindowRow("gate", 0, minutes[0].utc_s, 0.0, 1.0, 0.4, noise),) if filling else ()
    return Batch(SCHEMA, minutes, windows, (Settings(CAMERA, 0.3, 0.5),) if filling else ())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def everything(folder: Path, camera: str = "gate") -> list[int]:
    return [row.utc_s for row in read_ring(folder, camera, 0, 1e12).minutes]


def test_what_was_appended_is_read_also_by_the_next_process(
    tmp_path: Path, clock: ManualClock
) -> None:
    begun_s = clock.read().utc_s
    for _ in range(5):
        row = minute(clock.read().utc_s)
        other = minute(clock.read().utc_s, "yard")
        UntoldRing(tmp_path).append(batch(row, other), clock.read())
        clock.advance(60)
    assert everything(tmp_path) == [int(begun_s) + 60 * i for i in range(5)]
    assert len(everything(tmp_path, "yard")) == 5
    assert len(ring_files(tmp_path / FOLDER)) == 1
    later = read_ring(tmp_path, "gate", begun_s + 60, begun_s + 180)
    assert [row.utc_s - begun_s for row in later.minutes] == [60, 120]


def test_only_the_owner_may_read_it(tmp_path: Path, clock: ManualClock) -> None:
    UntoldRing(tmp_path).append(batch(minute(clock.read().utc_s)), clock.read())
    (path,) = ring_files(tmp_path / FOLDER)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_power_cut_at_any_byte_costs_the_last_batch_alone(
    tmp_path: Path, clock: ManualClock
) -> None:
    ring = UntoldRing(tmp_path)
    for i in range(3):
        ring.append(batch(minute(1000 + i)), clock.read())
    (path,) = ring_files(tmp_path / FOLDER)
    whole = path.read_bytes()
    last = len(encoded(batch(minute(1002))))
    for cut in range(1, last):
        path.write_bytes(whole[:-cut])
        UntoldRing(tmp_path).append(batch(minute(2000)), clock.read())
        found = read_ring(tmp_path, "gate", 0, 1e12)
        assert [row.utc_s for row in found.minutes] == [1000, 1001, 2000], cut
        assert found.damaged == 1


def test_damage_anywhere_costs_what_it_hit(tmp_path: Path) -> None:
    parts = [encoded(batch(minute(1000 + i), filling=50 * i)) for i in range(20)]
    whole = b"".join(parts)
    rng = Random(5)
    for _ in range(200):
        spoilt = bytearray(whole)
        at = rng.randrange(len(whole))
        spoilt[at] ^= 1 << rng.randrange(8)
        batches, damaged = batches_of(bytes(spoilt))
        assert len(batches) == 19
        assert damaged == 1
    batches, damaged = batches_of(rng.randbytes(5000))
    assert batches == []
    assert damaged >= 1


def test_a_batch_that_points_beyond_its_settings_is_damage() -> None:
    wrong = replace_settings(batch(minute(1), filling=10), ())
    assert batches_of(encoded(wrong)) == ([], 1)


def replace_settings(found: Batch, settings: tuple[Settings, ...]) -> Batch:
    return Batch(found.schema, found.minutes, found.windows, settings)


def test_batches_of_a_newer_agent_are_left_alone() -> None:
    assert batches_of(encoded(Batch(SCHEMA + 1))) == ([], 0)


def test_after_seven_days_it_is_gone(tmp_path: Path, clock: ManualClock) -> None:
    ring = UntoldRing(tmp_path)
    for _ in range(12 * 4):
        ring.append(batch(minute(clock.read().utc_s)), clock.read())
        clock.advance(6 * 3600)
    now_s = clock.read().utc_s
    oldest = min(everything(tmp_path))
    assert now_s - DAYS * DAY_S <= oldest + 6 * 3600
    assert now_s - oldest > (DAYS - 0.6) * DAY_S


def test_it_never_grows_beyond_its_bound(tmp_path: Path, clock: ManualClock) -> None:
    ring = UntoldRing(tmp_path, max_bytes=2_000_000)
    for i in range(100):
        ring.append(batch(minute(clock.read().utc_s), filling=100_000 + i), clock.read())
        clock.advance(60)
        sizes = [path.stat().st_size for path in ring_files(tmp_path / FOLDER)]
        assert sum(sizes) <= 2_000_000
    assert sum(sizes) > 1_000_000
    assert max(everything(tmp_path)) == int(clock.read().utc_s) - 60


def test_files_of_a_future_that_never_was_go_once_the_clock_is_right(
    tmp_path: Path, clock: ManualClock
) -> None:
    ring = UntoldRing(tmp_path)
    wrong = replace(clock.read(), utc_s=clock.read().utc_s + 400 * DAY_S)
    ring.append(batch(minute(wrong.utc_s)), replace(wrong, quality=ClockQuality.ESTIMATED))
    ring.append(batch(minute(clock.read().utc_s)), clock.read())
    assert everything(tmp_path) == [int(clock.read().utc_s)]


def test_erased_is_erased(tmp_path: Path, clock: ManualClock) -> None:
    UntoldRing(tmp_path).append(batch(minute(clock.read().utc_s)), clock.read())
    erase(tmp_path)
    assert ring_files(tmp_path / FOLDER) == []
    erase(tmp_path / "nothing")
