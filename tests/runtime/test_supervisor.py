"""A crashed thread is restarted, but not for ever; a stuck one is noticed."""

from __future__ import annotations

import pytest

from edge_agent.clock import ManualClock
from edge_agent.errors import InvariantBroken
from edge_agent.runtime import Heartbeat, StopToken, Supervisor, Worker
from edge_agent.runtime.supervisor import (
    PAUSES_S,
    RESTART_BUDGET,
    RESTART_WINDOW_S,
    SPENT_PAUSE_S,
)


class Bug(Exception):
    pass


def crash(stop: StopToken) -> None:
    raise Bug("as written")


class Crashing:
    """A body that counts its runs and crashes in each."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, stop: StopToken) -> None:
        self.runs += 1
        raise Bug("as written")


def pause_s(supervisor: Supervisor, worker: Worker, body: Crashing, clock: ManualClock) -> float:
    """How long the supervisor leaves the crashed worker lying, to the second."""
    assert worker.join(5)
    begin_s, runs = clock.mono_s(), body.runs
    supervisor.poll()
    while body.runs == runs:
        clock.advance(1.0)
        supervisor.poll()
        assert worker.join(5)
    return clock.mono_s() - begin_s


def test_crashed_worker_is_restarted_until_the_budget_is_spent() -> None:
    supervisor = Supervisor(ManualClock())
    body = Crashing()
    worker = Worker("w", body, StopToken())
    supervisor.start(worker)
    for restarts in range(RESTART_BUDGET):
        assert worker.join(5)
        assert body.runs == 1 + restarts
        supervisor.poll()
    assert worker.join(5)
    with pytest.raises(InvariantBroken, match="thread w crashed again"):
        supervisor.poll()


def test_each_worker_has_a_budget_of_its_own() -> None:
    supervisor = Supervisor(ManualClock())
    workers = [Worker(name, crash, StopToken()) for name in ("a", "b", "c")]
    for worker in workers:
        supervisor.start(worker)
    for _ in range(RESTART_BUDGET):
        assert all(worker.join(5) for worker in workers)
        supervisor.poll()


def test_worker_that_is_not_vital_waits_longer_and_longer_and_never_ends_the_process() -> None:
    clock, body = ManualClock(), Crashing()
    supervisor = Supervisor(clock)
    worker = Worker("source-gate", body, StopToken(), vital=False)
    supervisor.start(worker)
    waited = [pause_s(supervisor, worker, body, clock) for _ in range(RESTART_BUDGET + 3)]
    assert waited == [*PAUSES_S, *[SPENT_PAUSE_S] * 3]


def test_worker_that_ran_for_a_window_has_its_budget_back() -> None:
    clock, body = ManualClock(), Crashing()
    supervisor = Supervisor(clock)
    worker = Worker("source-gate", body, StopToken(), vital=False)
    supervisor.start(worker)
    for _ in range(RESTART_BUDGET + 1):
        pause_s(supervisor, worker, body, clock)
    clock.advance(RESTART_WINDOW_S + 1)
    assert pause_s(supervisor, worker, body, clock) == PAUSES_S[0]


def test_worker_that_waits_for_its_restart_stays_down_when_it_is_time_to_stop() -> None:
    clock, body, stop = ManualClock(), Crashing(), StopToken()
    supervisor = Supervisor(clock)
    worker = Worker("source-gate", body, stop, vital=False)
    supervisor.start(worker)
    assert worker.join(5)
    supervisor.poll()
    stop.stop()
    clock.advance(PAUSES_S[0])
    supervisor.poll()
    assert worker.join(0)
    assert body.runs == 1


def test_budget_refills_with_time() -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    worker = Worker("w", crash, StopToken())
    supervisor.start(worker)
    for _ in range(3 * RESTART_BUDGET):
        assert worker.join(5)
        supervisor.poll()
        clock.advance(RESTART_WINDOW_S / RESTART_BUDGET + 1)
    assert worker.join(5)


def test_worker_that_ends_by_itself_is_left_alone() -> None:
    runs: list[int] = []
    supervisor = Supervisor(ManualClock())
    worker = Worker("w", lambda stop: runs.append(1), StopToken())
    supervisor.start(worker)
    assert worker.join(5)
    supervisor.poll()
    assert runs == [1]


def test_a_stuck_thread_is_named() -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    slow, quick = (Heartbeat(name, clock, limit_s=10) for name in ("slow", "quick"))
    supervisor.watch(slow)
    supervisor.watch(quick)
    clock.advance(9)
    quick.beat()
    assert supervisor.stalled() == ()
    clock.advance(2)
    assert supervisor.stalled() == ("slow",)
