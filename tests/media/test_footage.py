from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.clock import ClockQuality, ClockReading
from edge_agent.config import TuningConfig
from edge_agent.domain import CameraId
from edge_agent.errors import InvariantBroken, StorageError
from edge_agent.media.footage import (
    FootageFiles,
    FootageReason,
    erase_footage,
    footage,
    recent_footage,
)

GATE = CameraId("gate")
NOW_S = 1_795_700_000.0
DAY_S = 86_400.0


@dataclass
class Clock:
    utc_s: float = NOW_S
    quality: ClockQuality = ClockQuality.SYNCED

    def mono_s(self) -> float:
        return self.utc_s

    def read(self) -> ClockReading:
        return ClockReading(self.utc_s, self.utc_s, self.quality, 0, "boot")


def files(folder: Path, clock: Clock | None = None, **config: object) -> FootageFiles:
    settings = TuningConfig(keep=True, **config)  # type: ignore[arg-type]
    return FootageFiles(folder, settings, clock or Clock(), least_free_bytes=0)  # type: ignore[arg-type]


def put(
    ring: FootageFiles,
    utc_s: float,
    size: int = 1000,
    reason: FootageReason = FootageReason.PERSON,
    camera: str = "gate",
) -> Path:
    part = ring.begin(CameraId(camera), utc_s)
    part.write_bytes(bytes(size))
    path = ring.finish(part, reason)
    os.utime(path, (utc_s + 20, utc_s + 20))
    return path


def names(folder: Path) -> list[str]:
    return sorted(each.path.name for each in footage(folder / "tuning"))


def test_the_name_says_when_and_why(tmp_path: Path) -> None:
    ring = files(tmp_path)
    path = put(ring, NOW_S, reason=FootageReason.MISS)
    assert path == tmp_path / "tuning" / "gate" / "20261126T133320Z-miss.mp4"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert put(ring, NOW_S).name == "20261126T133320Z-person.mp4"
    first, second = ring.begin(GATE, NOW_S), ring.begin(GATE, NOW_S)
    first.touch()
    second = ring.begin(GATE, NOW_S)
    second.touch()
    assert ring.finish(second, FootageReason.WAKE).name == "20261126T133320Z-wake-2.mp4"


def test_a_camera_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(InvariantBroken):
        files(tmp_path).begin(CameraId("../x"), NOW_S)


def test_the_oldest_go_when_space_is_used_up_whatever_the_camera(tmp_path: Path) -> None:
    ring = files(tmp_path, max_mb=1)
    for number in range(12):
        put(ring, NOW_S + 60 * number, 100_000, camera="gate" if number % 2 else "yard")
    ring.check_room()
    kept = sorted(each.taken_s for each in footage(tmp_path / "tuning"))
    assert kept == [NOW_S + 60 * number for number in range(2, 12)]


def test_what_is_being_written_stays_and_is_said_when_it_is_too_much(tmp_path: Path) -> None:
    ring = files(tmp_path, max_mb=1)
    part = ring.begin(GATE, NOW_S)
    part.write_bytes(bytes(1_100_000))
    with pytest.raises(StorageError, match="max_mb"):
        ring.check_room()
    assert part.exists()


def test_before_anything_was_kept_there_is_nothing_to_say(tmp_path: Path) -> None:
    ring = files(tmp_path)
    ring.check_room()
    ring.recover()
    assert ring.prune() == 0
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    ring = FootageFiles(tmp_path, TuningConfig(), Clock(), least_free_bytes=1 << 60)  # type: ignore[arg-type]
    with pytest.raises(StorageError, match="MB free"):
        ring.begin(GATE, NOW_S)


def test_old_ones_go_but_not_while_the_clock_is_not_set(tmp_path: Path) -> None:
    clock = Clock()
    ring = files(tmp_path, clock, retention_days=7)
    put(ring, NOW_S - 8 * DAY_S)
    put(ring, NOW_S - 6 * DAY_S)
    clock.quality = ClockQuality.UNSET
    assert ring.prune() == 0
    clock.quality = ClockQuality.SYNCED
    assert ring.prune() == 1
    assert len(names(tmp_path)) == 1


def test_what_was_made_before_the_clock_was_set_ages_from_then_on(tmp_path: Path) -> None:
    clock = Clock()
    ring = files(tmp_path, clock, retention_days=7)
    put(ring, 100.0)
    assert ring.prune() == 0
    clock.utc_s += 8 * DAY_S
    assert ring.prune() == 1


def test_a_power_cut_leaves_a_clip_that_is_found_again(tmp_path: Path) -> None:
    files(tmp_path).begin(GATE, NOW_S).write_bytes(b"x")
    again = files(tmp_path)
    mine = again.begin(GATE, NOW_S + 60)
    mine.write_bytes(b"x")
    again.recover()
    assert names(tmp_path) == ["20261126T133320Z-cut.mp4", "20261126T133420Z.part"]


def test_one_function_erases_a_time_of_one_camera_or_all(tmp_path: Path) -> None:
    ring = files(tmp_path)
    put(ring, NOW_S)  # shows 20 s
    put(ring, NOW_S + 100)
    put(ring, NOW_S + 50, camera="yard")
    put(ring, 100.0)  # may be of any time
    stranger = tmp_path / "tuning" / "gate" / "notes.txt"
    stranger.touch()
    assert erase_footage(tmp_path, "gate", NOW_S + 15, NOW_S + 40) == 2
    assert names(tmp_path) == ["20261126T133410Z-person.mp4", "20261126T133500Z-person.mp4"]
    assert erase_footage(tmp_path, None, 0, NOW_S * 2) == 2
    assert stranger.exists()
    assert erase_footage(tmp_path / "nowhere", None, 0, 1) == 0


def test_what_to_tune_on_is_found_by_camera_and_time(tmp_path: Path) -> None:
    ring = files(tmp_path)
    late, early = put(ring, NOW_S + 9), put(ring, NOW_S)
    put(ring, NOW_S - 1)
    put(ring, NOW_S, camera="yard")
    ring.begin(GATE, NOW_S + 20).touch()
    assert [each.path for each in recent_footage(tmp_path, "gate", NOW_S)] == [early, late]
