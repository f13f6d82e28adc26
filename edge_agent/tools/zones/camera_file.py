"""One camera's TOML: as it is, rewritten, checked as `run` would check it, put in its place."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.atomic_file import write_atomically
from edge_agent.config import CameraConfig, Config, FolderSource, LoadedConfig, load_config
from edge_agent.config.on_disk import Files, agent_file, read_files, write_files
from edge_agent.errors import ConfigError, ConfigProblem, OperatorError, StorageError
from edge_agent.language import _
from edge_agent.recorders.find import template_problem
from edge_agent.tools.zones.draft import ZonesDraft, draft_of
from edge_agent.tools.zones.rewriting import rewritten


@dataclass(frozen=True, slots=True)
class Opened:
    """A sound configuration and the camera's part in it."""

    config: Config
    camera: CameraConfig
    path: Path
    text: str

    @property
    def draft(self) -> ZonesDraft:
        return draft_of(self.camera, _version(self.text))


class CameraFile:
    """Read anew each time: an editor may have changed it."""

    def __init__(self, config: Path, camera: str) -> None:
        """`config`: the folder, or agent.toml."""
        self._agent_path = agent_file(config)
        self._camera = camera

    def open(self) -> Opened:
        """Raises ConfigError, and OperatorError where there is no such camera."""
        return self._opened(load_config(self._agent_path))

    def save(self, draft: ZonesDraft) -> Config | None:
        """Returns the new configuration; None when nothing was changed.

        Raises ConfigError in the words of a hand edit, OperatorError when the file was changed
        meanwhile or cannot be written. The file is then as it was.
        """
        opened = self.open()
        if _version(opened.text) != draft.base:
            raise OperatorError(_("the file was changed meanwhile; load the page again"))
        text = rewritten(opened.text, opened.draft, draft)
        if text == opened.text:
            return None
        config = self._checked(opened.path, text)
        _replace(opened.path.resolve(), text.encode())
        return config

    def _opened(self, loaded: LoadedConfig) -> Opened:
        for number, camera in enumerate(loaded.config.cameras, start=1):
            if camera.id == self._camera:
                path = loaded.sources[number]
                try:
                    text = path.read_bytes().decode()
                except OSError as error:
                    raise StorageError(f"{path}: cannot be read: {error.strerror}") from error
                return Opened(loaded.config, camera, path, text)
        known = ", ".join(camera.id for camera in loaded.config.cameras) or _("none")
        text = _("no camera '{id}' in {folder}; there are: {known}")
        folder = self._agent_path.parent
        raise OperatorError(text.format(id=self._camera, folder=folder, known=known))

    def _checked(self, path: Path, text: str) -> Config:
        """All files as they would be. Raises ConfigError that names the real ones."""
        folder = self._agent_path.parent
        files: Files = {
            **read_files(self._agent_path),
            str(path.relative_to(folder)): text.encode(),
        }
        with tempfile.TemporaryDirectory(prefix="edge-agent-") as beside:
            try:
                loaded = load_config(write_files(files, Path(beside)), paths_from=folder)
            except ConfigError as error:
                raise ConfigError(
                    [_moved(each, Path(beside), folder) for each in error.problems]
                ) from error
        wrong = list(_unusable(loaded.config))
        if wrong:
            raise ConfigError(wrong)
        return loaded.config


def _moved(problem: ConfigProblem, beside: Path, folder: Path) -> ConfigProblem:
    return replace(problem, file=problem.file.replace(str(beside), str(folder)))


def _unusable(config: Config) -> Iterator[ConfigProblem]:
    """As `agent.reload`."""
    for camera in config.cameras:
        if isinstance(camera.source, FolderSource):
            problem = template_problem(camera.id, camera.source.template)
            if problem is not None:
                yield problem


def _version(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _replace(path: Path, data: bytes) -> None:
    """With the owner and mode that it has. Raises StorageError."""
    try:
        before = path.stat()
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
    write_atomically(path, data, mode=before.st_mode & 0o777)
    with contextlib.suppress(PermissionError):  # who may not give files away owns them already
        os.chown(path, before.st_uid, before.st_gid)
