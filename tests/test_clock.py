"""How far the machine's time is believed."""

from __future__ import annotations

import time

import pytest

from edge_agent.clock import EARLIEST_PLAUSIBLE_UTC_S, ClockQuality, SystemClock, rfc3339


class Machine:
    """Stands in for the module `time` and the kernel's NTP state."""

    def __init__(self) -> None:
        self.utc_s, self.mono_s, self.sync = 0.0, 50.0, (False, None)

    def time(self) -> float:
        return self.utc_s

    def monotonic(self) -> float:
        return self.mono_s


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr("edge_agent.clock.time", machine)
    monkeypatch.setattr("edge_agent.clock._kernel_sync", lambda: machine.sync)
    return machine


def test_quality_follows_what_is_known_of_this_boot(machine: Machine) -> None:
    clock, qualities = SystemClock(), []
    for utc_s, sync in (
        (0.0, (False, None)),
        (0.0, (True, 1)),  # a kernel that calls 1970 synchronised is not believed
        (EARLIEST_PLAUSIBLE_UTC_S + 1, (False, None)),
        (EARLIEST_PLAUSIBLE_UTC_S + 1, (True, 3)),
        (EARLIEST_PLAUSIBLE_UTC_S + 2, (False, None)),
    ):
        machine.utc_s, machine.sync = utc_s, sync
        qualities.append(clock.read().quality)
    assert qualities == ["unset", "unset", "estimated", "synced", "holdover"]


def test_a_step_of_utc_does_not_move_monotonic_time(machine: Machine) -> None:
    clock = SystemClock()
    before = clock.read()
    machine.utc_s += 3600
    after = clock.read()
    assert (after.utc_s - before.utc_s, after.mono_s - before.mono_s) == (3600, 0)


def test_the_real_machine_can_be_read() -> None:
    reading = SystemClock().read()
    assert reading.utc_s == pytest.approx(time.time(), abs=5)
    assert reading.mono_s == pytest.approx(time.monotonic(), abs=5)
    assert reading.quality is not ClockQuality.UNSET or reading.utc_s < EARLIEST_PLAUSIBLE_UTC_S
    assert len(reading.boot_id) == 8


@pytest.mark.parametrize(
    ("utc_s", "text"),
    [(0.0, "1970-01-01T00:00:00.000Z"), (1_795_414_323.4125, "2026-11-23T06:12:03.412Z")],
)
def test_moments_are_told_in_utc_with_milliseconds(utc_s: float, text: str) -> None:
    assert rfc3339(utc_s) == text
