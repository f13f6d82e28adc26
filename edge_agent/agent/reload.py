"""Reads the configuration's files again while the agent runs, and keeps what was good.

files -> load, check -> plan -> applied by the assembly -> history
              \\-> refused: nothing changes, every error is told once
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.agent.config_watch import ConfigWatch
from edge_agent.clock import Clock
from edge_agent.config import Config, FolderSource, load_config, short_sha
from edge_agent.config.history import History, load_entry
from edge_agent.config.on_disk import Files, read_files
from edge_agent.config.plan import Plan, changes, in_force, plan
from edge_agent.errors import ConfigError, ConfigProblem, StorageError
from edge_agent.recorders.find import template_problem

log = logging.getLogger(__name__)

#: What changes while it is read is read again; after so many times the watch comes back to it.
_TRIES = 5
#: Of one refusal; what is more is counted.
MAX_ERRORS = 50
_MAX_ERROR_LENGTH = 400
#: Addresses, users and files stay in the box's journal.
_HOUSEHOLDS = ("source.", "mqtt.")
_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True, slots=True)
class Edit:
    """A sound configuration, and how to come to it."""

    config: Config  # as it will be in force
    plan: Plan
    files: Files


class Reload:
    """Owned by the main thread."""

    def __init__(self, watch: ConfigWatch, state_dir: Path, clock: Clock) -> None:
        self.watch = watch
        self._history = History(state_dir)
        self._clock = clock
        self._refused: tuple[str, ...] = ()

    def read(self, current: Config) -> Edit:
        """What the files say now. Raises ConfigError with every problem."""
        path = self.watch.agent_path
        for _ in range(_TRIES):
            before = self.watch.look()
            self.watch.known(before)
            loaded = load_config(path)
            files = self._files()
            if self.watch.look() == before:
                break  # else it changed while it was read
        wrong = list(_unusable(loaded.config))
        if wrong:
            raise ConfigError(wrong)
        config = in_force(current, loaded.config)
        found = plan(current, loaded.config)
        if found.changes:
            for warning in loaded.warnings:
                log.warning("%s", warning)
        return Edit(config, found, files)

    def applied(self, edit: Edit) -> None:
        """Keep it as the last good one."""
        if self._refused:
            self._refused = ()
            log.info("the configuration: its files are sound again")
        for line in (*edit.plan.changes, *edit.plan.left):
            log.info("the configuration: %s", line)
        if edit.plan.changes:
            self._keep(edit.config, edit.files, edit.plan.changes)

    def started(self, config: Config) -> tuple[str, ...]:
        """The agent runs on the files; the cameras that were there before and are not now."""
        newest = self._history.newest()
        before: Config | None = None
        if newest is not None:
            try:
                before = load_entry(newest).config
            except ConfigError as error:
                log.info("version %d of the history is of no use now: %s", newest.number, error)
        said = tuple(changes(before, config)) if before else ("the first start",)
        if said:
            try:
                self._keep(config, self._files(), said)
            except ConfigError as error:
                log.warning("the configuration is not kept: %s", error)
        now = {camera.id for camera in config.cameras if camera.enabled}
        earlier = {camera.id for camera in before.cameras} if before else set()
        return tuple(sorted(earlier - now))

    def refused(self, error: ConfigError) -> tuple[str, ...]:
        """Every problem for the ward, and once for the journal."""
        told = tuple(self._told(error))
        if told != self._refused:
            self._refused = told
            log.error("the configuration is not changed: %s", error)
        return told

    def _told(self, error: ConfigError) -> Iterator[str]:
        folder = f"{self.watch.agent_path.parent}/"
        for problem in error.problems[:MAX_ERRORS]:
            private = problem.path.startswith(_HOUSEHOLDS)
            found = _QUOTED.sub('"..."', problem.found) if private else problem.found
            yield str(replace(problem, found=found)).replace(folder, "")[:_MAX_ERROR_LENGTH]
        if len(error.problems) > MAX_ERRORS:
            yield f"and {len(error.problems) - MAX_ERRORS} more"

    def _files(self) -> Files:
        try:
            return read_files(self.watch.agent_path)
        except OSError as error:
            problem = ConfigProblem(
                str(error.filename), "", f"cannot be read: {error.strerror}", ""
            )
            raise ConfigError([problem]) from error

    def _keep(self, config: Config, files: Files, said: tuple[str, ...]) -> None:
        try:
            self._history.keep(
                files,
                origin=self.watch.agent_path.absolute(),
                utc_s=self._clock.read().utc_s,
                cfg_sha=short_sha(config),
                changes=said,
            )
        except StorageError as error:
            log.warning("the configuration is not kept for a later start: %s", error)


def _unusable(config: Config) -> Iterator[ConfigProblem]:
    """What only the packages that use it can say."""
    for camera in config.cameras:
        if isinstance(camera.source, FolderSource):
            problem = template_problem(camera.id, camera.source.template)
            if problem is not None:
                yield problem
