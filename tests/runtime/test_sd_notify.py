"""The service manager is told, over a real socket."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from edge_agent.runtime import SystemdNotifier


def test_messages_reach_the_service_manager(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(5)
        notifier = SystemdNotifier(address)
        notifier.ready()
        notifier.watchdog()
        notifier.status("2 cameras")
        notifier.stopping()
        received = [manager.recv(100).decode() for _ in range(4)]
    assert received == ["READY=1", "WATCHDOG=1", "STATUS=2 cameras", "STOPPING=1"]


def test_reload_begins_at_a_moment_of_the_monotonic_clock(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(5)
        before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        SystemdNotifier(address).reloading()
        state, _, moment = manager.recv(100).decode().partition("\nMONOTONIC_USEC=")
    assert state == "RELOADING=1"
    assert before_us <= int(moment) <= before_us + 5_000_000


def test_no_service_manager_is_fine(tmp_path: Path) -> None:
    SystemdNotifier("").ready()
    SystemdNotifier(str(tmp_path / "gone")).ready()


def test_service_manager_that_does_not_read_does_not_stop_us(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        limit = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
        for _ in range(limit + 3):
            SystemdNotifier(address).watchdog()
