"""The last time known to be past, over restarts, power cuts and damaged files."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.clock import EARLIEST_PLAUSIBLE_UTC_S, ClockQuality, ManualClock
from edge_agent.known_time import FILE_NAME, KnownTime

NOW = EARLIEST_PLAUSIBLE_UTC_S + 2e7


def lived(tmp_path: Path, clock: ManualClock, seconds: float) -> KnownTime:
    known = KnownTime(tmp_path, clock)
    known.poll(clock.read())
    for _ in range(int(seconds // 600)):
        clock.advance(600)
        known.poll(clock.read())
    return known


def test_it_outlives_the_process_and_runs_on_in_1970(tmp_path: Path) -> None:
    lived(tmp_path, ManualClock(utc_s=NOW), 7200)
    dark = ManualClock(utc_s=0.0, quality=ClockQuality.UNSET, boot_id="another")
    known = KnownTime(tmp_path, dark)
    assert known.utc_s() == pytest.approx(NOW + 7200, abs=0.01)
    dark.advance(50)
    assert known.utc_s() == pytest.approx(NOW + 7250, abs=0.01)


def test_a_box_that_never_hears_a_time_server_loses_an_hour_at_most(tmp_path: Path) -> None:
    lived(tmp_path, ManualClock(utc_s=NOW), 0)
    for boot in range(3):
        lived(tmp_path, ManualClock(utc_s=0.0, quality=ClockQuality.UNSET, boot_id=f"{boot}"), 7800)
    known = KnownTime(tmp_path, ManualClock(utc_s=0.0, quality=ClockQuality.UNSET, boot_id="x"))
    assert NOW + 3 * 7200 - 1 <= known.utc_s() <= NOW + 3 * 7800


def test_an_estimated_clock_teaches_nothing(tmp_path: Path) -> None:
    lived(tmp_path, ManualClock(utc_s=NOW), 0)
    years = ManualClock(utc_s=NOW + 3e8, quality=ClockQuality.ESTIMATED, boot_id="b")
    assert lived(tmp_path, years, 0).utc_s() == pytest.approx(NOW, abs=1)


def test_it_never_goes_back(tmp_path: Path) -> None:
    clock = ManualClock(utc_s=NOW)
    known = lived(tmp_path, clock, 0)
    clock.step_utc(-86400)
    known.poll(clock.read())
    assert known.utc_s() >= NOW - 0.01


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"[]",
        b'{"utc_s": "soon"}',
        b'{"utc_s": 1e300}',
        b'{"utc_s": -5}',
        b"[" * 5000,
        b'{"utc_s": 1797000000, "boot_id": "00000000", "offset_s": 1e308, "mono_s": 0}',
    ],
)
def test_a_damaged_file_is_no_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    known = KnownTime(tmp_path, ManualClock(utc_s=0.0, quality=ClockQuality.UNSET))
    assert EARLIEST_PLAUSIBLE_UTC_S <= known.utc_s() < EARLIEST_PLAUSIBLE_UTC_S + 2e9
    known.poll(ManualClock(utc_s=NOW).read())
    assert known.utc_s() >= NOW - 1


def test_a_disk_that_fails_costs_only_this(tmp_path: Path) -> None:
    known = KnownTime(tmp_path / "gone", ManualClock(utc_s=NOW))
    known.poll(ManualClock(utc_s=NOW).read())
    assert known.utc_s() == pytest.approx(NOW, abs=0.01)
