"""What SIGTERM and SIGINT do while a command runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from edge_agent.runtime import StopToken

Handler = Callable[[int, FrameType | None], None]

STOPPING = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def handled_by(handler: Handler, numbers: tuple[signal.Signals, ...] = STOPPING) -> Iterator[None]:
    """`handler` inside the block, whatever was there before after it."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def stopped_by_signals(stop: StopToken) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop` inside the block."""

    def handle(number: int, frame: FrameType | None) -> None:
        del number, frame
        # The main thread, where this runs, may be inside the token's own lock.
        threading.Thread(target=stop.stop).start()

    with handled_by(handle):
        yield
