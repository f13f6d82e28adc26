"""SIGTERM and SIGINT belong to a command only while it runs."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from edge_agent.cli import main
from edge_agent.cli.signals import STOPPING, stopped_by_signals
from edge_agent.runtime import StopToken


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_stops_the_token(number: signal.Signals) -> None:
    stop = StopToken()
    with stopped_by_signals(stop):
        signal.raise_signal(number)
        assert stop.wait(30)


def test_a_batch_of_clips_leaves_ctrl_c_as_it_found_it(tmp_path: Path) -> None:
    """It once kept the handler: the next command of the process could not be interrupted."""
    before = [signal.getsignal(number) for number in STOPPING]
    main(["ingest", str(tmp_path), "--once"])
    assert [signal.getsignal(number) for number in STOPPING] == before
