"""The composition root of `edge-agent run`: builds everything, starts and stops the threads.

    start   outbox, detector, writer, publisher, analysis, one source per camera, READY
    stop    sources, analysis (ends its events with `restart`), writer, publisher

READY never waits for cameras, broker or NTP: a box without any of them is still a good box.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import cv2

from edge_agent import __version__
from edge_agent.agent.assembly import Assembly
from edge_agent.agent.config_watch import ConfigWatch
from edge_agent.agent.memory import MemoryGuard, memory_limit_mb
from edge_agent.agent.reload import Reload
from edge_agent.clock import Clock, SystemClock
from edge_agent.config import Config
from edge_agent.config.on_disk import agent_file
from edge_agent.contract import AckStatus
from edge_agent.errors import EXIT_FAILED, EXIT_OK, ConfigError, ConfigProblem, InvariantBroken
from edge_agent.outbox import Outbox
from edge_agent.publish import CommandResult
from edge_agent.recorders.ledger import LedgerUpkeep
from edge_agent.runtime import StopToken, Supervisor, SystemdNotifier, process
from edge_agent.writer.state_dir import make_state_dir

log = logging.getLogger(__name__)

#: How often the main thread looks after the others; well below the unit's WatchdogSec.
_POLL_S = 0.5


class Agent:
    """One agent on one state directory. Build it, then `run` it in the main thread."""

    def __init__(
        self,
        config: Config,
        *,
        files: Path | None = None,
        problems: Sequence[ConfigProblem] = (),
        clock: Clock | None = None,
        notifier: SystemdNotifier | None = None,
    ) -> None:
        """`files`: what `config` came from, `--config`; None: it never changes. `problems` keep
        these files from being used: then `config` is the last good one."""
        self._asked_to_stop = self._asked_to_reload = False
        self._status = ""
        self._config = config
        self._problems = tuple(problems)
        self._clock = clock or SystemClock()
        self._notifier = notifier or SystemdNotifier()
        self._state_dir = Path(config.box.state_dir)
        self._reload: Reload | None = None
        if files is not None:
            watch = ConfigWatch(agent_file(files), self._clock)
            self._reload = Reload(watch, self._state_dir, self._clock)
        self._removed: tuple[str, ...] = ()  # cameras, by the edit that all parts begin anew with
        self._commands: deque[str] = deque()  # cmd_ids of `cmd/reload` that wait for their answer

    def run(self) -> int:
        """Until asked to stop. Raises StateDirLocked, ConfigError, StorageError at the start."""
        cv2.setNumThreads(1)
        process.keep_memory_small()
        make_state_dir(self._state_dir)
        code: int | None = None
        try:
            if self._reload is not None:
                self._reload.watch.start()
            while code is None:
                code = self._run()
        finally:
            if self._reload is not None:
                self._reload.watch.stop()
        return code

    def ask_to_stop(self) -> bool:
        """Ask `run` to end; False when it was asked before.

        For signal handlers: takes no lock. (A handler that sets a threading.Event can meet
        the main thread inside that event's own lock, and waits for ever.)
        """
        first, self._asked_to_stop = not self._asked_to_stop, True
        return first

    def ask_to_reload(self) -> None:
        """Read the files again, soon. For signal handlers, too."""
        self._asked_to_reload = True

    def _run(self) -> int | None:
        """One life of all parts; None when they are to begin anew with another configuration."""
        config, supervisor = self._config, Supervisor(self._clock)
        clock = self._clock
        ledger = LedgerUpkeep(clock.mono_s)
        with Outbox.open(
            self._state_dir, limits=config.outbox, clock=clock, guest=ledger
        ) as outbox:
            command = self._take_command if self._reload is not None else None
            assembly = Assembly(config, outbox, self._clock, supervisor, command)
            assembly.start()
            self._tell_start(assembly)
            self._tell(assembly.summary())
            self._notifier.ready()
            log.info(
                "edge-agent %s: %d cameras, state in %s",
                __version__,
                assembly.cameras.count,
                self._state_dir,
            )
            code: int | None = EXIT_OK
            try:
                code = self._watch(assembly, supervisor)
            finally:
                if code is not None:
                    self._notifier.stopping()
                assembly.stop()
        return code

    def _watch(self, assembly: Assembly, supervisor: Supervisor) -> int | None:
        pause = StopToken()  # never set: only a clock to wait on
        memory = MemoryGuard(memory_limit_mb(self._config))
        while not self._asked_to_stop:
            if self._reload is None:
                pause.wait(_POLL_S)
            else:
                self._reload.watch.wait(_POLL_S)
            try:
                supervisor.poll()
            except InvariantBroken as error:
                log.critical("%s", error)
                return EXIT_FAILED
            before = self._config
            if self._reload is not None and self._read_again(assembly, self._reload):
                return None
            if self._config is not before:
                memory = MemoryGuard(memory_limit_mb(self._config))
            assembly.poll()
            complaint = memory.complaint(assembly.relieve)
            if complaint:
                log.critical("%s", complaint)
                return EXIT_FAILED
            stalled = supervisor.stalled()
            if stalled:
                self._status = ""  # told again each time, instead of a ping
                self._tell(f"not advancing: {', '.join(stalled)}")
            else:
                self._notifier.watchdog()
                self._tell(assembly.summary())
        return EXIT_OK

    def _tell(self, status: str) -> None:
        """To `systemctl status`, when it changed."""
        if status != self._status:
            self._notifier.status(status)
            self._status = status

    # --- the configuration's files ---

    def _take_command(self, cmd_id: str) -> None:
        """From the publisher thread."""
        self._commands.append(cmd_id)
        if self._reload is not None:
            self._reload.watch.wake()

    def _tell_start(self, assembly: Assembly) -> None:
        if self._reload is None:
            return
        if self._problems:
            told = self._reload.refused(ConfigError(self._problems))
            assembly.tell_config("rejected", told)
        else:
            assembly.cameras.forget((*self._reload.started(self._config), *self._removed))
            self._removed = ()
        self._answer(assembly, "")

    def _read_again(self, assembly: Assembly, reload: Reload) -> bool:
        """When it is time to. True when all parts are to begin anew."""
        if not (self._asked_to_reload or self._commands or reload.watch.due()):
            return False
        asked, self._asked_to_reload = self._asked_to_reload, False
        if asked:
            self._notifier.reloading()
        anew = self._apply_files(assembly, reload)
        # All parts begin anew: they are READY later.
        if asked and not anew:
            self._notifier.ready()
        return anew

    def _apply_files(self, assembly: Assembly, reload: Reload) -> bool:
        try:
            edit = reload.read(self._config)
            detector = assembly.prepare(edit.config, edit.plan)
        except ConfigError as error:
            told = reload.refused(error)
            assembly.tell_config("rejected", told)
            self._answer(assembly, told[0])
            return False
        self._problems = ()
        logging.getLogger("edge_agent").setLevel(edit.config.log.level.upper())
        if not edit.plan.anew:
            assembly.apply(edit.config, edit.plan, detector)
            assembly.tell_config(errors=edit.plan.left)
            self._answer(assembly, "")
        else:
            self._removed = edit.plan.removed
            log.info("%s changed: all parts begin anew", ", ".join(edit.plan.anew))
        self._config = edit.config
        reload.applied(edit)
        return bool(edit.plan.anew)

    def _answer(self, assembly: Assembly, reason: str) -> None:
        """Finish the commands that asked for this."""
        while self._commands:
            status = AckStatus.FAILED if reason else AckStatus.DONE
            result = CommandResult(status, reason, {"cfg_sha": assembly.cfg_sha})
            assembly.finish(self._commands.popleft(), result)
