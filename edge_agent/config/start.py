"""What `run` starts with when its files are not sound: the last good configuration, or a part.

all files are sound             those
one is not, there was a start   the last good configuration, as a whole
a camera's file is not sound,   the other cameras
and there was never a start
agent.toml is not sound,        nothing: exit code 78
and there was never a start
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edge_agent.config.history import History, KeptConfig, load_entry, load_files, state_dirs
from edge_agent.config.load import CAMERAS_DIR, LoadedConfig, load_config
from edge_agent.config.on_disk import agent_file, read_files
from edge_agent.errors import ConfigError, ConfigProblem

_LINE = re.compile(r":\d+$")


@dataclass(frozen=True, slots=True)
class Start:
    """The configuration to start with, and why it is not what the files say."""

    loaded: LoadedConfig
    problems: tuple[ConfigProblem, ...] = ()  # what keeps the files from being used
    entry: KeptConfig | None = None  # of the history, when it is the last good one

    @property
    def words(self) -> str:
        """For the journal, in one line; empty when the files are sound."""
        if not self.problems:
            return ""
        files = ", ".join(sorted({file_of(problem) for problem in self.problems}))
        if self.entry is not None:
            return (
                f"{files} cannot be used: running on the last good configuration "
                f"({self.entry.cfg_sha}, version {self.entry.number}) until it is corrected"
            )
        return f"{files} cannot be used: running without it until it is corrected"


def start_config(path: Path) -> Start:
    """Raises ConfigError when there is nothing to start with."""
    try:
        return Start(load_config(path))
    except ConfigError as error:
        problems = error.problems
        agent = agent_file(path)
        found = _last_good(agent) or _without_broken(agent, problems)
        if found is None:
            raise
    loaded, entry = found
    return Start(loaded, problems, entry)


def file_of(problem: ConfigProblem) -> str:
    """The path of its file, without a line."""
    return _LINE.sub("", problem.file)


def _last_good(agent: Path) -> tuple[LoadedConfig, KeptConfig | None] | None:
    for state_dir in state_dirs(agent):
        history = History(state_dir)
        for entry in reversed(history.entries()):
            if entry.origin != str(agent.absolute()):
                continue  # of another agent
            try:
                return load_entry(entry), entry
            except ConfigError:
                continue  # an earlier version of the agent was content with it
    return None


def _without_broken(
    agent: Path, problems: tuple[ConfigProblem, ...]
) -> tuple[LoadedConfig, None] | None:
    """The cameras whose files are sound, if any are; agent.toml must be."""
    try:
        files = dict(read_files(agent))
    except OSError:
        return None
    cameras = agent.parent / CAMERAS_DIR
    while True:
        broken = {Path(file_of(problem)) for problem in problems}
        names = {
            f"{CAMERAS_DIR}/{file.name}" for file in broken if file.parent.name == cameras.name
        }
        if len(names) < len(broken) or not names <= files.keys():
            return None  # agent.toml, or no file at all
        files = {name: data for name, data in files.items() if name not in names}
        if len(files) == 1:
            return None  # no camera is left
        try:
            return load_files(files, paths_from=agent.parent), None
        except ConfigError as error:
            problems = error.problems
