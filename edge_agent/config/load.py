"""Reads agent.toml and cameras.d/*.toml into one checked `Config`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

import msgspec

from edge_agent.config.camera import CameraConfig
from edge_agent.config.checks import CHECKS, camera_with_clips, folders_shared
from edge_agent.config.files import file_warnings
from edge_agent.config.folder import FolderSource
from edge_agent.config.hidden import mostly_hidden
from edge_agent.config.lines import key_lines, line_of
from edge_agent.config.profiles import camera_findings
from edge_agent.config.schedules import schedules_without_zone
from edge_agent.config.schema import AgentFile, Config
from edge_agent.config.sources import FileSource
from edge_agent.config.syntax import read_toml
from edge_agent.config.tables import Table
from edge_agent.config.text import Unreadable, text_of
from edge_agent.config.validate import ConfigFinding, Validator
from edge_agent.config.words import shown
from edge_agent.errors import ConfigError, ConfigProblem

#: Where an installed agent's configuration lies (Filesystem Hierarchy Standard).
DEFAULT_CONFIG_DIR = Path("/etc/edge-agent")

AGENT_FILE = "agent.toml"
CAMERAS_DIR = "cameras.d"
#: Of one file: who mends so many runs the check again.
_MOST_FINDINGS = 100
#: What a Raspberry Pi 5 analyses at one picture per second and camera; more is said aloud.
MANY_CAMERAS = 16


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A sound configuration, the files it came from (agent.toml first) and what is odd in it."""

    config: Config
    sources: tuple[Path, ...]
    warnings: tuple[ConfigProblem, ...] = ()
    lines: tuple[Mapping[str, int], ...] = ()  # of `sources`: where each key stands

    def problem(self, source: int, key: str, found: str, fix: str) -> ConfigProblem:
        """Of the file `sources[source]`: 0 is agent.toml, camera n stands in n + 1."""
        line = line_of(key, self.lines[source])
        path = self.sources[source]
        return ConfigProblem(f"{path}:{line}" if line else str(path), key, found, fix)


@dataclass(frozen=True, slots=True)
class _File:
    """One parsed file, and what was found in it so far."""

    path: Path
    raw: dict[str, Any]
    lines: Mapping[str, int]

    def problem(self, finding: ConfigFinding) -> ConfigProblem:
        line = line_of(finding.path, self.lines)
        where = f"{self.path}:{line}" if line else str(self.path)
        return ConfigProblem(where, finding.path, finding.found, finding.fix)


def load_config(path: Path, *, paths_from: Path | None = None) -> LoadedConfig:
    """Load the folder `path`, or the folder of the agent.toml `path`.

    `paths_from`: the files are copies; relative paths in them are meant from this folder.

    Raises ConfigError with every problem of every file. Values that may be secrets are never
    part of a message.
    """
    return _Loader(path / AGENT_FILE if path.is_dir() else path, paths_from).load()


def load_to_decide(path: Path) -> LoadedConfig:
    """Load what decides about a recording: `path` may also be one camera's file, alone.

    Ward, box, broker and sources may be missing, and settings that can tell nobody are taken as
    they are. Raises ConfigError as `load_config`.
    """
    if path.is_dir() or path.name == AGENT_FILE or not path.is_file():
        return _DecidingLoader(path / AGENT_FILE if path.is_dir() else path).load()
    folder = path.parent.parent if path.parent.name == CAMERAS_DIR else path.parent
    return _DecidingLoader(folder / AGENT_FILE, path).load()


class _Loader:
    """Loads once, collecting problems on the way."""

    def __init__(self, agent_path: Path, paths_from: Path | None) -> None:
        self._agent_path = agent_path
        self._cameras_dir = (paths_from or agent_path.parent).absolute() / CAMERAS_DIR
        self._errors: list[ConfigProblem] = []
        self._guesses: list[ConfigProblem] = []  # of the errors: what a better one replaces
        self._warnings: list[ConfigProblem] = []

    def load(self) -> LoadedConfig:
        agent = self._read(self._agent_path)
        cameras = [file for file in map(self._read, self._paths()) if file is not None]
        if agent is not None:
            defaults = self._check_agent(agent)
            cameras = [_with_defaults(camera, defaults) for camera in cameras]
        for camera in cameras:
            self._check(camera, CameraConfig)
        self._check_ids(cameras)
        self._drop_guesses()
        if agent is None or self._errors:
            raise ConfigError(self._errors)
        config = self._convert(agent, cameras)
        self._check_clips(config, cameras)
        self._check_folders(config, cameras)
        self._warnings += self._check_count(config)
        self._check_zone(agent, config, cameras)
        self._check_hidden(config, cameras)
        self._warnings += file_warnings(config, agent.path, [camera.path for camera in cameras])
        sources = (agent.path, *(camera.path for camera in cameras))
        lines = (agent.lines, *(camera.lines for camera in cameras))
        return LoadedConfig(config, sources, tuple(self._warnings), lines)

    def _paths(self) -> list[Path]:
        """The cameras' files. Editors' hidden files (.#front.toml) are none of ours."""
        found = (self._agent_path.parent / CAMERAS_DIR).glob("*.toml")
        return sorted(path for path in found if not path.name.startswith("."))

    def _read(self, path: Path) -> _File | None:
        """None when nothing of the file could be understood. What could be is checked, too."""
        try:
            reading = read_toml(text_of(path))
        except Unreadable as error:
            self._errors.append(error.problem)
            return None
        for fault in reading.faults:
            where = f"{path}:{fault.line}" if fault.line else str(path)
            problem = ConfigProblem(where, fault.key, fault.found, fault.fix)
            self._errors.append(problem)
            if fault.is_guess:
                self._guesses.append(problem)
        if reading.tables is None:
            return None
        return _File(path, reading.tables, key_lines(reading.text))

    def _drop_guesses(self) -> None:
        """Quotes are no cure where no text may stand: what may is said by another error."""
        for guess in self._guesses:
            if any(
                (e.file, e.path) == (guess.file, guess.path) and e is not guess
                for e in self._errors
            ):
                self._errors.remove(guess)

    def _check(self, file: _File, root: type[Table]) -> bool:
        findings = self._findings(file, root)
        for finding in findings:
            (self._warnings if finding.is_warning else self._errors).append(file.problem(finding))
        return all(finding.is_warning for finding in findings)

    def _findings(self, file: _File, root: type[Table]) -> list[ConfigFinding]:
        findings: Iterator[ConfigFinding]
        if root is CameraConfig:
            findings = camera_findings(file.raw)
        else:
            findings = Validator(root, CHECKS, CameraConfig).findings(file.raw)
        told = list(islice(findings, _MOST_FINDINGS))
        if next(findings, None) is not None:
            found = f"has more problems than these {_MOST_FINDINGS}"
            told.append(ConfigFinding("", found, "mend them, and check again"))
        return told

    def _check_agent(self, agent: _File) -> Mapping[str, Any]:
        """Check agent.toml; returns the cameras' defaults when they are sound."""
        if "cameras" in agent.raw:
            del agent.raw["cameras"]
            fix = f"give each camera a file of its own in {CAMERAS_DIR}/"
            self._errors.append(
                agent.problem(ConfigFinding("cameras", "does not belong here", fix))
            )
        before = len(self._errors)
        self._check(agent, AgentFile)
        bad = any(problem.path.startswith("defaults") for problem in self._errors[before:])
        return {} if bad else agent.raw.get("defaults", {})

    def _check_ids(self, cameras: list[_File]) -> None:
        first: dict[str, Path] = {}
        for camera in cameras:
            camera_id = camera.raw.get("id")
            if not isinstance(camera_id, str):
                continue
            other = first.setdefault(camera_id, camera.path)
            if other != camera.path:
                found = f"is {shown(camera_id)}, as in {other.name}"
                finding = ConfigFinding("id", found, "give each camera its own id")
                self._errors.append(camera.problem(finding))

    def _check_clips(self, config: Config, files: list[_File]) -> None:
        """Raises ConfigError for cameras of which no clips may be kept."""
        for camera, file in zip(config.cameras, files, strict=True):
            for finding in camera_with_clips(config.clips, camera):
                (self._warnings if finding.is_warning else self._errors).append(
                    file.problem(finding)
                )
        if self._errors:
            raise ConfigError(self._errors)

    def _check_folders(self, config: Config, files: list[_File]) -> None:
        """Raises ConfigError for cameras of one folder that contradict each other."""
        found = list(folders_shared(config.cameras))
        if found:
            raise ConfigError([files[index].problem(finding) for index, finding in found])

    def _check_zone(self, agent: _File, config: Config, files: list[_File]) -> None:
        """Warns of schedules when nobody said in which time zone they are meant."""
        if "timezone" in agent.raw["box"]:
            return
        for camera, file in zip(config.cameras, files, strict=True):
            self._warnings += map(file.problem, schedules_without_zone(config.box, camera))

    def _check_hidden(self, config: Config, files: list[_File]) -> None:
        for camera, file in zip(config.cameras, files, strict=True):
            self._warnings += map(file.problem, mostly_hidden(camera))

    def _check_count(self, config: Config) -> Iterator[ConfigProblem]:
        enabled = sum(camera.enabled for camera in config.cameras)
        folder = str(self._agent_path.parent / CAMERAS_DIR)
        if not enabled:
            found = "no camera is enabled" if config.cameras else "no camera is configured"
            yield ConfigProblem(folder, "", found, "copy a sample to a name that ends in .toml")
        elif enabled > MANY_CAMERAS:
            fix = f"more than {MANY_CAMERAS} are analysed less often; use a second box"
            yield ConfigProblem(folder, "", f"{enabled} cameras are enabled", fix)

    def _convert(self, agent: _File, cameras: list[_File]) -> Config:
        try:
            whole = msgspec.convert(agent.raw, Config)
            converted = tuple(_camera(camera, self._cameras_dir) for camera in cameras)
        except msgspec.ValidationError as error:  # the walk above missed it; still say it
            problem = ConfigProblem(str(agent.path.parent), "", str(error), "")
            raise ConfigError([problem]) from error
        return msgspec.structs.replace(whole, cameras=converted)


class _DecidingLoader(_Loader):
    """Fills in what a recording does not need; `camera`: of this file alone."""

    def __init__(self, agent_path: Path, camera: Path | None = None) -> None:
        super().__init__(agent_path, None)
        self._camera = camera

    def _paths(self) -> list[Path]:
        return [self._camera] if self._camera else super()._paths()

    def _read(self, path: Path) -> _File | None:
        is_agent = path == self._agent_path
        missing = is_agent and self._camera is not None and not path.exists()
        file = _File(path, {}, {}) if missing else super()._read(path)
        if file is None:
            return None
        if is_agent:
            _fill(file.raw, "box", {"ward": "replay", "id": "replay"})
            _fill(file.raw, "mqtt", {"host": "none.invalid"})
        else:
            file.raw.setdefault("id", "replay")
            _fill(file.raw, "source", {"kind": "file", "path": "replayed"})
        return file

    def _findings(self, file: _File, root: type[Table]) -> list[ConfigFinding]:
        return [each for each in super()._findings(file, root) if not each.tells_nobody]


def _fill(raw: dict[str, Any], table: str, values: Mapping[str, str]) -> None:
    """The values that the table lacks; what is no table is left for the checks to tell."""
    found = raw.setdefault(table, dict(values))
    if isinstance(found, dict) and (table != "source" or not found):
        raw[table] = {**values, **found}


def _with_defaults(camera: _File, defaults: Mapping[str, Any]) -> _File:
    """The camera's own tables over the defaults, key by key."""
    return _File(camera.path, _merged(defaults, camera.raw), camera.lines)


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        tables = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = _merged(cast(Mapping[str, Any], below), value) if tables else value
    return result


def _camera(file: _File, folder: Path) -> CameraConfig:
    camera = msgspec.convert(file.raw, CameraConfig)
    if isinstance(camera.source, FileSource | FolderSource):
        path = str(folder / camera.source.path)
        source = msgspec.structs.replace(camera.source, path=path)
        camera = msgspec.structs.replace(camera, source=source)
    return camera
