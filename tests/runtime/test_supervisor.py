"""A crashed thread is restarted, but not for ever; a stuck one is noticed."""

from __future__ import annotations

import pytest

from edge_agent.clock import ManualClock
from edge_agent.errors import InvariantBroken
from edge_agent.runtime import Heartbeat, StopToken, Supervisor, Worker
from edge_agent.runtime.supervisor import RESTART_BUDGET, RESTART_WINDOW_S


class Bug(Exception):
    pass


def crash(stop: StopToken) -> None:
    raise Bug("as written")


def test_crashed_worker_is_restarted_until_the_budget_is_spent() -> None:
    supervisor = Supervisor(ManualClock())
    worker = Worker("w", crash, StopToken())
    supervisor.start(worker)
    for restarts in range(RESTART_BUDGET):
        assert worker.join(5)
        assert supervisor.restarts == restarts
        supervisor.poll()
    assert worker.join(5)
    with pytest.raises(InvariantBroken, match="thread w crashed again"):
        supervisor.poll()


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
