"""How far the machine's time is believed."""

from __future__ import annotations

import time

import pytest

from edge_agent.clock import EARLIEST_PLAUSIBLE_UTC_S, ClockQuality, SystemClock, rfc3339
from edge_agent.time_sync import ServiceTime


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


NOW = EARLIEST_PLAUSIBLE_UTC_S + 1e7


@pytest.mark.parametrize(
    ("step_s", "believed"),
    [(-3600.0, False), (3600.0, False), (-5.0, False), (0.3, True), (-0.4, True)],
)
def test_only_a_time_server_steps_a_clock_that_one_has_set(
    machine: Machine, step_s: float, believed: bool
) -> None:
    clock = SystemClock()
    machine.utc_s, machine.sync = NOW, (True, 10)
    assert clock.read().quality is ClockQuality.SYNCED
    machine.sync = (False, None)
    machine.mono_s += 60
    machine.utc_s += 60 + step_s
    reading = clock.read()
    assert reading.quality is ClockQuality.HOLDOVER
    assert reading.utc_s == pytest.approx(NOW + 60 + (step_s if believed else 0.0))
    assert reading.away_s == pytest.approx(0.0 if believed else step_s)
    assert reading.err_ms is not None
    assert abs(reading.utc_s - (NOW + 60)) <= reading.err_ms / 1000
    machine.sync = (True, 10)  # it is confirmed
    assert (clock.read().utc_s, clock.read().away_s) == (machine.utc_s, 0.0)


def test_the_error_grows_while_nobody_disciplines_the_clock(machine: Machine) -> None:
    clock, errors = SystemClock(), []
    machine.utc_s, machine.sync = NOW, (True, 10)
    clock.read()
    machine.sync = (False, None)
    for _ in range(3):
        machine.mono_s += 86400
        machine.utc_s += 86400 * (1 + 100e-6)  # a poor quartz
        reading = clock.read()
        errors.append(reading.err_ms or 0)
        assert reading.away_s == 0.0, "that is drift, not a step"
    assert errors == [43_710, 86_910, 130_110]


def test_after_a_sync_1970_is_a_step_too(machine: Machine) -> None:
    clock = SystemClock()
    machine.utc_s, machine.sync = NOW, (True, 10)
    clock.read()
    machine.utc_s, machine.sync = 5.0, (False, None)
    reading = clock.read()
    assert (reading.quality, reading.utc_s) == (ClockQuality.HOLDOVER, NOW)


@pytest.mark.parametrize(
    ("told", "quality"),
    [
        (ServiceTime(True, 7), ClockQuality.SYNCED),
        (ServiceTime(False), ClockQuality.ESTIMATED),
        (None, ClockQuality.ESTIMATED),
    ],
)
def test_chrony_is_asked_where_the_kernel_says_nothing(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    told: ServiceTime | None,
    quality: ClockQuality,
) -> None:
    monkeypatch.setattr("edge_agent.clock.ask_chrony", lambda: told)
    clock = SystemClock()
    machine.utc_s = NOW
    assert clock.read().quality is ClockQuality.ESTIMATED
    clock.refresh()
    assert clock.read().quality is quality
    if quality is ClockQuality.SYNCED:
        machine.mono_s += 200  # chrony was not asked again: its word holds no longer
        machine.utc_s += 200
        assert clock.read().quality is ClockQuality.HOLDOVER


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
