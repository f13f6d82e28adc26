"""The composition root of `edge-agent run`: builds everything, starts and stops the threads.

    start   outbox, detector, writer, publisher, analysis, one source per camera, READY
    stop    sources, analysis (ends its events with `restart`), writer, publisher

READY never waits for cameras, broker or NTP: a box without any of them is still a good box.
"""

from __future__ import annotations

import logging
from pathlib import Path

import cv2

from edge_agent import __version__
from edge_agent.agent import process
from edge_agent.agent.assembly import Assembly
from edge_agent.agent.memory import MemoryGuard, memory_limit_mb
from edge_agent.agent.state_dir import make_state_dir
from edge_agent.clock import Clock, SystemClock
from edge_agent.config import Config
from edge_agent.errors import EXIT_FAILED, EXIT_OK, InvariantBroken
from edge_agent.outbox import Outbox
from edge_agent.runtime import StopToken, Supervisor, SystemdNotifier

log = logging.getLogger(__name__)

#: How often the main thread looks after the others; well below the unit's WatchdogSec.
_POLL_S = 0.5


class Agent:
    """One agent on one state directory. Build it, then `run` it in the main thread."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock | None = None,
        notifier: SystemdNotifier | None = None,
    ) -> None:
        self._asked_to_stop = False
        self._config = config
        self._clock = clock or SystemClock()
        self._notifier = notifier or SystemdNotifier()
        self._supervisor = Supervisor(self._clock)
        self._memory = MemoryGuard(memory_limit_mb(config))
        self._state_dir = Path(config.box.state_dir)

    def run(self) -> int:
        """Until asked to stop. Raises StateDirLocked, ConfigError, StorageError at the start."""
        cv2.setNumThreads(1)
        process.keep_memory_small()
        make_state_dir(self._state_dir)
        with Outbox.open(self._state_dir, limits=self._config.outbox, clock=self._clock) as outbox:
            assembly = Assembly(self._config, outbox, self._clock, self._supervisor)
            assembly.start()
            self._notifier.ready()
            log.info(
                "edge-agent %s: %d cameras, state in %s",
                __version__,
                assembly.camera_count,
                self._state_dir,
            )
            try:
                code = self._watch(assembly)
            finally:
                self._notifier.stopping()
                assembly.stop()
        return code

    def ask_to_stop(self) -> bool:
        """Ask `run` to end; False when it was asked before.

        For signal handlers: takes no lock. (A handler that sets a threading.Event can meet
        the main thread inside that event's own lock, and waits for ever.)
        """
        first, self._asked_to_stop = not self._asked_to_stop, True
        return first

    def _watch(self, assembly: Assembly) -> int:
        pause = StopToken()  # never set: only a clock to wait on
        while not self._asked_to_stop:
            pause.wait(_POLL_S)
            try:
                self._supervisor.poll()
            except InvariantBroken as error:
                log.critical("%s", error)
                return EXIT_FAILED
            assembly.poll()
            complaint = self._memory.complaint()
            if complaint:
                log.critical("%s", complaint)
                return EXIT_FAILED
            stalled = self._supervisor.stalled()
            if stalled:
                self._notifier.status(f"not advancing: {', '.join(stalled)}")
            else:
                self._notifier.watchdog()
        return EXIT_OK
