"""The real agent in a thread of the test: faults can be put into its parts, and it starts at once.

Everything is real but the service manager. What needs signals or a crash of the process is in
agent_process.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from edge_agent.agent import Agent
from edge_agent.clock import Clock
from edge_agent.config import Config
from edge_agent.config.start import start_config
from edge_agent.runtime import SystemdNotifier

#: These agents live in pytest's process, which needs more memory than theirs.
ROOMY_MB = 65_536


class Notifier(SystemdNotifier):
    """Keeps what the service manager would be told."""

    def __init__(self) -> None:
        super().__init__("")
        self.messages: list[str] = []
        self.changed = threading.Condition()

    def _send(self, message: str) -> None:
        with self.changed:
            self.messages.append(message)
            self.changed.notify_all()

    def wait(self, text: str, timeout_s: float = 30.0, *, after: int = 0) -> None:
        """For a message with this text, not counting the first `after` of them."""
        with self.changed:
            told = self.changed.wait_for(
                lambda: any(text in message for message in self.messages[after:]), timeout_s
            )
            assert told, self.messages[-5:]


class AgentInside:
    """One agent on the configuration of a folder."""

    def __init__(self, config: Path, clock: Clock | None) -> None:
        self.notifier = Notifier()
        start = start_config(config)
        self._agent = Agent(
            start.loaded.config,
            files=config,
            problems=start.problems,
            clock=clock,
            notifier=self.notifier,
        )
        self._thread = threading.Thread(target=self._run, name="agent-inside")
        self._code: int | None = None

    def _run(self) -> None:
        self._code = self._agent.run()

    def start(self) -> None:
        self._thread.start()
        self.notifier.wait("READY=1")

    def ended(self, timeout_s: float = 30.0) -> int:
        """Wait until it ended by itself; the exit code."""
        self._thread.join(timeout_s)
        assert not self._thread.is_alive(), "the agent does not end"
        assert self._code is not None, "the agent ended by an exception"
        return self._code

    @property
    def config(self) -> Config:
        """What is in force."""
        return self._agent._config

    def reload(self) -> None:
        """As SIGHUP does."""
        self._agent.ask_to_reload()

    def stop_noticing(self) -> None:
        """Its files may change: it learns of that by other means."""
        assert self._agent._reload is not None
        self._agent._reload.watch.due = lambda: False  # type: ignore[method-assign]

    def stop(self) -> int:
        self._agent.ask_to_stop()
        if self._agent._reload is not None:
            self._agent._reload.watch.wake()
        return self.ended()


@contextmanager
def inside(config: Path, *, clock: Clock | None = None) -> Iterator[AgentInside]:
    agent = AgentInside(config, clock)
    with mock.patch.multiple("edge_agent.agent.memory", _BASE_MB=ROOMY_MB, _MOST_MB=ROOMY_MB):
        agent.start()
        try:
            yield agent
        finally:
            agent.stop()


def wait_until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
